"""The command line's conventions: short options, defaults in every help, and the nearest word for a mistyped one."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

import pytest

from lsmplify_refine.cli import VERBS, _parsed, _parsers, main
from lsmplify_refine.errors import did_you_mean

#: Options that may stay without a default: they are the input, or a verb cannot work without them.
NEEDED = ("source", "input", "inputs", "result", "output", "data", "verb")


def options(verb: str) -> list[argparse.Action]:
    return [action for action in _parsers()[1][verb]._actions if not isinstance(action, argparse._HelpAction)]


def takes_value(action: argparse.Action) -> bool:
    return action.nargs != 0


@pytest.mark.parametrize("verb", VERBS)
def test_every_option_with_a_value_states_its_default(verb: str) -> None:
    for action in options(verb):
        assert action.help and action.help.strip(), action
        if takes_value(action) and not action.required and action.dest not in NEEDED:
            assert "default: " in action.help, action.option_strings
            if isinstance(action.default, (int, float, str)) and action.default != argparse.SUPPRESS:
                assert str(action.default) in action.help % vars(action), action.option_strings
    # the outputs have a default, except where a verb needs one
    for output in (action for action in options(verb) if "--output" in action.option_strings):
        assert output.required or "(default: " in (output.help or "")


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_the_conventional_options(verb: str) -> None:
    found = {option: action for action in options(verb) for option in action.option_strings}
    assert found["-q"] is found["--quiet"] and found["-v"] is found["--verbose"] and "--debug" in found
    for long, short in (("--input", "-i"), ("--output", "-o")):
        assert long not in found or found[short] is found[long]
    assert ("--json" in found) == (verb not in ("train", "view"))


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line of a command that cannot be understood."""
    try:
        code: Any = main(arguments)
    except SystemExit as error:
        code = error.code
    shown = capsys.readouterr()
    assert code == 2 and not shown.out
    (line,) = shown.err.splitlines()
    assert line.startswith("error: ")
    return line


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (["btach", "in"], "did you mean batch?"),
        (["docter"], "did you mean doctor?"),
        (["x.pt", "--vidoe", "clip.mp4"], "no such option: --vidoe; did you mean --video?"),
        (["--inptu", "x.pt"], "did you mean --input?"),
        (["x.pt", "--over"], "did you mean --overwrite?"),
        (["x.pt", "--keypoint", "k.json"], "did you mean --keypoints?"),
        (["x.pt", "--vidoe=clip.mp4"], "did you mean --video?"),
        (["batch", "in", "--job", "2"], "did you mean --jobs?"),
        (["evaluate", "--ouput", "x"], "did you mean --output?"),
        (["x.pt", "--device", "cdua"], "did you mean cuda?"),
        (["x.pt", "--keypoint-convention", "coco-17"], "did you mean coco17?"),
        (["fit", "x.trc", "--output-format", "bhv"], "did you mean bvh?"),
        (["train", "--data", "x", "-o", "y", "--architecture", "publishd"], "did you mean published?"),
        (["--versio"], "did you mean --version?"),
        (["batch", "in", "--layout", "lucidacton"], "did you mean lucidaction?"),
    ],
)
def test_a_mistyped_word_names_the_nearest(
    arguments: list[str],
    meant: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert meant in refused(capsys, *arguments)


@pytest.mark.parametrize("kind", [["--format", "gvhrm"], ["--detector", "mediapip"]])
def test_names_that_files_and_packages_extend_are_guessed_too(
    kind: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    from tests.support import clips

    folder = clips.write_folder(tmp_path / "clip")
    assert re.search(r"did you mean (gvhmr|mediapipe)\?", refused(capsys, str(folder), "--no-video", *kind))


@pytest.mark.parametrize("arguments", [["help"], ["help", "batch"], ["batch", "--help"]])
def test_help_is_a_word_too(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    usage = capsys.readouterr().out.partition("[")[0]
    assert not stopped.value.code
    assert usage == f"usage: lsmplify-refine {'batch ' if 'batch' in arguments else ''}"


@pytest.mark.parametrize("word", ["zzz", "x"])
def test_a_word_that_is_near_to_nothing_gets_the_list(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    line = refused(capsys, word)
    assert "did you mean" not in line and all(verb in line for verb in VERBS)


def test_what_looks_like_a_file_is_one(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "batch_1: no such file or folder" in refused(capsys, "batch_1")
    Path("fitt").mkdir()
    assert "fitt: no result in a known format" in refused(capsys, "fitt")


def test_options_of_every_verb_may_stand_before_it(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["-q", "doctor"]) in (0, 1)
    assert capsys.readouterr().out == ""
    assert "no INPUT" in refused(capsys, "-v", "batch")
    assert "no input; give a result" in refused(capsys, "-q")


@pytest.mark.parametrize(("option", "what"), [("--passes", "a whole number"), ("--fps", "a number")])
def test_a_number_that_is_none_is_told(option: str, what: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert f"argument {option}: many is not {what}" in refused(capsys, "x.pt", option, "many")


def test_inputs_may_stand_between_options() -> None:
    args = _parsed(["a.pt", "--overwrite", "b.pt", "--no-video", "c.pt"])
    assert args.source == [Path("a.pt"), Path("b.pt"), Path("c.pt")]
    assert _parsed(["batch", "a", "--jobs", "1", "b"]).inputs == ["a", "b"]


def test_what_is_no_input_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert "unrecognized arguments: x" in refused(capsys, "doctor", "x")
    assert "unrecognized arguments: -z" in refused(capsys, "a.pt", "-z")


def test_words_are_guessed_whatever_their_case() -> None:
    assert did_you_mean("GVHRM", ["gvhmr", "wham"]) == "; did you mean gvhmr?"
    assert did_you_mean("out", ["output", "output-format"]) == "; did you mean output?"
    assert did_you_mean("", ["a"]) == did_you_mean("qqq", ["gvhmr"]) == ""
