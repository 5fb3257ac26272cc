"""The frame of every page: nothing from a file runs, nothing comes from elsewhere."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

import pytest
from jinja2 import DictLoader, UndefinedError
from markupsafe import Markup

from lsmplify_refine.errors import InputError
from lsmplify_refine.pages import base

HOSTILE = "<script>alert(1)</script>\"'>\u202e\x1b"
PAGE = (
    '{% extends "base.html" %}{% block content %}<p title="{{ x }}">{{ x }}</p>{{ safe }}{{ of|number }}{% endblock %}'
)


@pytest.fixture
def one_page(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = base._environment().overlay()
    names = {"base.html": base._source("base.html"), "page.html": PAGE}
    environment.loader = DictLoader(names)
    monkeypatch.setattr(base, "_environment", lambda: environment)


@pytest.mark.usefixtures("one_page")
def test_text_is_escaped_and_our_own_markup_is_not() -> None:
    html = base.render("page.html", title=HOSTILE, x=HOSTILE, safe=Markup("<i>ours</i>"), of=1234.5)
    assert "<i>ours</i>" in html and "1\u202f234" in html
    body = html.split("</style>")[1]
    assert "<script" not in body and "alert(1)" in body
    assert "\u202e" not in html and "\x1b" not in html and r"\u202e" in html


@pytest.mark.usefixtures("one_page")
def test_a_value_that_is_missing_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        base.render("page.html", title="t", safe="", of=1)


def policy(html: str) -> str:
    found = re.search(r'Content-Security-Policy" content="([^"]*)"', html)
    assert found is not None
    return found[1].replace("&#39;", "'")


@pytest.mark.usefixtures("one_page")
def test_the_policy_allows_the_pages_own_scripts_alone() -> None:
    html = base.render("page.html", scripts=("clip.js",), title="t", x="", safe="", of=1)
    (script,) = re.findall(r"<script>(.*?)</script>", html, re.S)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}';" in policy(html) and "default-src 'none'" in policy(html)
    assert "script-src 'none';" in policy(base.render("page.html", title="t", x="", safe="", of=1))
    assert "unsafe-eval" in policy(base.render("page.html", has_scene=True, title="t", x="", safe="", of=1))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "–"),
        (3, "3"),
        (0.1234, "0.12"),
        (-12.34, "−12.3"),
        (123.4, "123"),
        (12345.6, "12\u202f346"),
        (12345, "12\u202f345"),
    ],
)
def test_number(value: float | None, expected: str) -> None:
    assert base.number(value) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a b#?.mp4", "./a%20b%23%3F.mp4"),
        ("javascript:alert(1)", "./javascript%3Aalert%281%29"),
        ("ü\udcff.mp4", "./%C3%BC%FF.mp4"),
        ("x/y.html", "./x/y.html"),
    ],
)
def test_link(name: str, expected: str) -> None:
    assert base.link(name) == expected


def test_a_page_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written: No such file"):
        base.write_page("x", tmp_path / "none" / "page.html")
