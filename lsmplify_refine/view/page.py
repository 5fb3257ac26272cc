"""Write scenes with their controls as one HTML file, which opens offline and needs no server.

viser's client draws. Its own player has neither layouts nor joints to click, so the page brings its own controls
(`static/`), which move the scene by the messages that a server would send.
"""

from __future__ import annotations

import html
import json
import uuid
from collections.abc import Sequence
from pathlib import Path

from lsmplify_refine.errors import InputError
from lsmplify_refine.view.clip import Clip
from lsmplify_refine.view.page_data import page_data
from lsmplify_refine.view.serving import serving
from lsmplify_refine.view.stage import Stage

_STATIC = Path(__file__).parent / "static"
_VISER_TITLE = "<title>Viser</title>"


def scene_html(clips: Sequence[Clip]) -> str:
    """A page that shows scenes.

    A page around it, in whose iframe it is, may send `{type: "lsmplify-refine-seek", frame}` to it with `postMessage`,
    and gets `{type: "lsmplify-refine-frame", frame}` at each frame. It needs scripts, and nothing else (`sandbox`).

    Args:
        clips: The same clip in one or several coordinates; the first is visible.

    Returns:
        The whole page.

    Raises:
        InputError: viser is not installed, or the video cannot be read.
    """
    with serving("127.0.0.1", 0) as server:
        stages = [Stage(server, clip, visible=clip is clips[0]) for clip in clips]
        page = server.get_scene_serializer().as_html(dark_mode=True)
    tree, arrays = page_data(stages)
    head, body = page.replace(_VISER_TITLE, f"<title>{html.escape(clips[0].name)}: before and after</title>").split(
        "</body>"
    )
    return "".join(
        [
            head.replace("</head>", f"<style>{_text('panel.css')}</style></head>", 1),
            _text("panel.html"),
            f'<script type="application/json" id="clip">{_inert(tree)}</script>',
            f'<script type="text/plain" id="clip-arrays">{arrays}</script>',
            f"<script>{_text('scene.js')}</script><script>{_text('panel.js')}</script>",
            "</body>",
            body,
        ]
    )


def write_page(clips: Sequence[Clip], path: Path) -> None:
    """Write scenes as HTML.

    Args:
        clips: As for `scene_html`.
        path: The file.

    Raises:
        InputError: viser is not installed, the video cannot be read, or the file cannot be written.
    """
    page = scene_html(clips)
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    try:
        part.write_text(page, encoding="utf-8")
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from error


def _text(name: str) -> str:
    return (_STATIC / name).read_text(encoding="utf-8")


def _inert(tree: object) -> str:
    """JSON that cannot end its script element, whatever texts it holds."""
    return json.dumps(tree, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
