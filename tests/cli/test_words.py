"""Control characters and markup from files reach no terminal, report or page."""

from __future__ import annotations

import ast
import json
import pickle
from pathlib import Path

import pytest
from rich.console import Console

import lsmplify_refine
from lsmplify_refine.cli import main
from lsmplify_refine.cli._console import _show_notes, _show_person
from lsmplify_refine.engine.refiner import Refiner
from lsmplify_refine.errors import InputError, describe_error, escaped
from lsmplify_refine.evaluate.table import Table, for_terminal, markdown
from lsmplify_refine.job.report import plain
from lsmplify_refine.values.notes import Note
from tests.support import estimator_files as make
from tests.support.scenes import scene

HOSTILE = "a\x1b]0;owned\x07\x00b\r\nc\u202ed\x9b[31m[bold]e[/bold]"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, with  two spaces and é", "plain, with  two spaces and é"),
        ("a\nb\tc", "a b c"),
        ("\x1b[31mred\x07\x00", r"\x1b[31mred\x07\x00"),
        ("left\u202eright", r"left\u202eright"),
        ("not utf-8: \udcff", r"not utf-8: \udcff"),
        ("c1: \x9b", r"c1: \x9b"),
    ],
)
def test_what_cannot_be_shown_is_escaped(text: str, shown: str) -> None:
    assert escaped(text) == shown and escaped(text).isprintable()


def test_long_texts_lose_their_middle() -> None:
    assert escaped("begin" + "x" * 10**6 + "end", 30).startswith("begin") and len(escaped("x" * 10**6, 30)) < 40
    assert str(InputError("f.pkl: " + "k" * 10**6 + ": what to do")).endswith(": what to do")


def test_messages_are_escaped_however_they_are_shown() -> None:
    for error in (InputError(HOSTILE), ValueError(HOSTILE)):
        assert describe_error(error).isprintable()
    assert str(InputError(HOSTILE)).isprintable() and f"{InputError(HOSTILE)}".isprintable()


def test_only_one_module_prints() -> None:
    """Whatever the package prints goes through `cli._words`, which escapes it."""
    root = Path(lsmplify_refine.__file__).parent
    calls = []
    for path in root.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                name = ast.unparse(node.func)
                if name == "print" or name.endswith((".print", "stdout.write", "stderr.write")):
                    calls.append(path.relative_to(root).as_posix())
    assert set(calls) == {"cli/_words.py"}


def test_a_run_shows_nothing_raw(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An id with an escape sequence and markup: in tables, notes, errors and the report."""
    hostile = "7\x1b[31m[bold]\u202e"
    path = tmp_path / "people[red].pkl"
    path.write_bytes(pickle.dumps({hostile: dict(make.wham()[3])}))
    assert main(["--input", str(path), "--person", "nobody"]) == 2
    assert main(["--input", str(tmp_path / HOSTILE.replace("\x00", "").replace("/", ""))]) == 2
    console = Console(width=200)
    refinement = Refiner(weights="none").refine(scene(4).replace(track_id=hostile))
    _show_person(console, refinement)
    _show_notes(console, [Note("keypoints-missing", f"person {hostile}: [red]none[/red]")])
    shown = capsys.readouterr()
    for text in (shown.out, shown.err):
        assert "7\\x1b[31m[bold]\\u202e" in text
    for text in (shown.out, shown.err):
        assert all(char.isprintable() for char in text.replace("\n", ""))
    assert "[red]none[/red]" in shown.out


def test_reports_are_escaped() -> None:
    assert plain({HOSTILE: [HOSTILE, Path("a\x1bb")]}) == {escaped(HOSTILE): [escaped(HOSTILE), r"a\x1bb"]}
    assert json.dumps(plain(HOSTILE), ensure_ascii=False).isprintable()


def test_tables_and_pages_take_words_as_they_are() -> None:
    table = Table(HOSTILE, HOSTILE, ("", HOSTILE), ((HOSTILE, "1 | 2 <b> `x` [l](u)"),))
    console = Console(record=True, width=400)
    console.print(for_terminal(table))
    text = console.export_text()
    assert "[bold]e[/bold]" in text and all(char.isprintable() for char in text.replace("\n", ""))
    page = markdown(HOSTILE, [HOSTILE], [table])
    assert all(char.isprintable() for char in page.replace("\n", ""))
    assert r"1 \| 2 \<b> \`x\` \[l\](u)" in page
