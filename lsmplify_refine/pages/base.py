"""The frame of every page: templates, one style for light, dark and paper, and the escaping of all text.

A page is one file. It loads nothing from anywhere, but for a video beside it. Its content security policy names its
own scripts by their hashes, so that text out of a file could not run even if it were not escaped.

    render("clip.html", title=..., ...)   templates/clip.html extends base.html, and fills its blocks
"""

from __future__ import annotations

import base64
import hashlib
import os
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from lsmplify_refine._version import __version__
from lsmplify_refine.errors import InputError, escaped

#: Between a number and its unit or its thousands; no line breaks there.
NARROW_SPACE = "\N{NARROW NO-BREAK SPACE}"

#: What a policy allows to a page that shows a 3D scene, beside its own scripts: the scene's, which build themselves.
_SCENE_SOURCES = "'unsafe-inline' 'unsafe-eval' blob: data:"


def render(template: str, *, scripts: tuple[str, ...] = (), has_scene: bool = False, **values: Any) -> str:
    """A page as HTML.

    Every value is escaped when it is shown, unless it is `Markup` that this package made itself.

    Args:
        template: A file in `templates` that extends `base.html`. Its blocks are `content` and `head`.
        scripts: Files in `templates` that run at the end of the page.
        has_scene: Whether a frame of the page holds a 3D scene, whose scripts are then allowed.
        values: What the template shows; `title` is the page's title.
    """
    sources = [_source(name) for name in scripts]
    return (
        _environment()
        .get_template(template)
        .render(
            version=__version__,
            style=Markup(_source("page.css")),
            scripts=[Markup(source) for source in sources],
            policy=_policy(sources, has_scene=has_scene),
            **values,
        )
    )


def link(path: str | Path) -> str:
    """A relative path as a link, also where a file's name is not UTF-8 or holds `#`, `?` or `:`."""
    parts = os.fsencode(path).replace(os.sep.encode(), b"/")
    # a name such as `a:b` would be taken for a scheme
    return f"./{quote(parts)}"


def number(value: float | None) -> str:
    """A number as pages show it: about three digits, thin spaces between thousands; a dash for none."""
    if value is None:
        return "–"
    size = abs(value)
    places = 0 if isinstance(value, int) or size >= 100 else 1 if size >= 10 else 2
    return f"{value:,.{places}f}".replace(",", NARROW_SPACE).replace("-", "\N{MINUS SIGN}")


def write_page(html: str, path: Path) -> None:
    """Write a page.

    Raises:
        InputError: The file cannot be written.
    """
    try:
        path.write_text(html, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from error


def _shown(value: Any) -> Any:
    """Text whose characters that hide or reverse others are shown as what they are."""
    if isinstance(value, Markup):
        return value
    return NARROW_SPACE.join(map(escaped, str(value).split(NARROW_SPACE)))


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("lsmplify_refine.pages", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    environment.filters.update(number=number, link=link)
    return environment


@lru_cache
def _source(name: str) -> str:
    return (files("lsmplify_refine.pages") / "templates" / name).read_text(encoding="utf-8")


def _policy(scripts: list[str], *, has_scene: bool) -> str:
    """The content security policy: nothing from elsewhere, and no script but these."""
    digests = (base64.b64encode(hashlib.sha256(f"\n{source}".encode()).digest()).decode() for source in scripts)
    # a frame inherits the policy, and a hash would switch 'unsafe-inline' off
    allowed = _SCENE_SOURCES if has_scene else " ".join(f"'sha256-{digest}'" for digest in digests) or "'none'"
    frames = "frame-src 'self' blob: data:; worker-src blob: data:; connect-src blob: data:; font-src data:; "
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:; "
        f"media-src 'self' file:; {frames if has_scene else ''}base-uri 'none'; form-action 'none'"
    )
