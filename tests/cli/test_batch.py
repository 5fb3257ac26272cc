from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

import pytest

from lsmplify_refine.batch.settings import Settings
from lsmplify_refine.batch.shards import Shard
from lsmplify_refine.cli import _batch_console, batch, main, make_parser
from lsmplify_refine.visual.video import probe
from tests.support import clips
from tests.support.batches import NAMES, outputs, write_tree

QUICK = ("--jobs", "0", "--weights", "none", "--videos", "none", "--device", "cpu")


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return write_tree(tmp_path / "in")


def settings(*options: str) -> Settings:
    return batch.settings_from(make_parser().parse_args(["batch", "in", *options]))


def test_one_command_refines_a_folder_and_prints_the_table(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["batch", "in", *QUICK]) == 0
    assert set(outputs(Path("refined"))) >= {f"{name}/hmr4d_results_refined.pt" for name in NAMES}
    shown = capsys.readouterr()
    assert "3 of 3 clips" in shown.err and "| clips | frames |" in shown.out and "summary.csv" in shown.out
    assert main(["batch", "in", *QUICK]) == 0
    assert "3 done before, 0 to do" in capsys.readouterr().err


def test_a_terminal_gets_a_bar_with_rate_and_remaining_time(
    tree: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # rich takes it for a terminal then
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert main(["batch", "in", *QUICK]) == 0
    shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", capsys.readouterr().err)
    assert re.search(r"refining .*3/3 [\d.]+ clips/s .*0:00:00", shown)
    assert "3 of 3 clips" not in shown


def test_failed_clips_are_listed_and_the_exit_code_says_so(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tree / "judo/b/hmr4d_results.pt").write_bytes(b"broken")
    assert main(["batch", "in", *QUICK]) == 3
    shown = capsys.readouterr()
    assert "failed: judo/b: " in shown.err and "1 of 3 clips failed" in shown.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["batch"], "no INPUT"),
        (["batch", "nowhere"], "no such file or folder"),
        (["batch", "in", "--shard", "4/3"], "--shard 4/3"),
        (["batch", "in", "--videos", "some"], "--videos some"),
        (["batch", "in", "--layout", "nothing"], "no such layout"),
        (["batch", "in", "--targets", "3d"], "--layout"),
        (["batch", "--summary-only"], "no batch has run"),
        (["batch", "in", "--manifest-only", "m.txt"], "ends in .csv or .jsonl"),
        (["batch", "in", "--focal-px", "-1"], "focal_px"),
        (["batch", "in", "--trust-pickle", "none.pkl"], "--trust-pickle takes the file"),
    ],
)
def test_what_cannot_start_has_exit_code_2(
    arguments: list[str], message: str, tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code = main(arguments)
    except SystemExit as error:
        code = int(str(error.code))
    assert code == 2
    assert message in capsys.readouterr().err


def test_a_manifest_is_written_edited_and_run(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["batch", "in", "--manifest-only"]) == 0
    lines = Path("manifest.csv").read_text().splitlines()
    assert lines[0] == "name,input" and len(lines) == 4
    assert main(["batch", "in", "--manifest-only"]) == 2
    Path("manifest.csv").write_text("\n".join([f"{lines[0]},group:sport", f"{lines[1]},judo", f"{lines[3]},tennis"]))
    assert main(["batch", "manifest.csv", *QUICK]) == 0
    content = json.loads(Path("refined/summary.json").read_text())
    assert [clip["groups"] for clip in content["clips"]] == [{"sport": "judo"}, {"sport": "tennis"}]


def test_a_dry_run_writes_nothing(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["batch", "in", "--dry-run", *QUICK]) == 0
    assert "3 to do, 0 done already" in capsys.readouterr().out
    (tree / "judo/b/hmr4d_results.pt").write_bytes(b"broken")
    assert main(["batch", "in", "--dry-run", *QUICK]) == 3
    assert not Path("refined").exists()


def test_shards_come_from_the_scheduler_and_are_put_together(
    tree: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURM_ARRAY_TASK_COUNT", "2")
    for task in ("1", "2"):
        monkeypatch.setenv("SLURM_ARRAY_TASK_ID", task)
        assert main(["batch", "in", *QUICK]) == 0
        assert f"does shard {task}/2" in capsys.readouterr().err
    assert not Path("refined/table.md").exists()
    assert main(["batch", "--summary-only"]) == 0
    assert json.loads(Path("refined/summary.json").read_text())["totals"]["done"] == 3


def test_the_single_command_takes_several_inputs(
    tree: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "_cores", lambda: 0)
    given = ["--input", "in/judo/a", "in/tennis/a", "--no-video", "--weights", "none", "--device", "cpu"]
    assert main(given) == 0
    assert sorted(path.parent.as_posix() for path in Path("refined").rglob("*.pt")) == [
        "refined/judo/a",
        "refined/tennis/a",
    ]
    assert main([*given, "--keypoints", "k.json"]) == 2
    assert "--keypoints: belongs to one input" in capsys.readouterr().err


def test_a_video_that_cannot_be_drawn_is_told(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tree / "judo/b/0_input_video.mp4").write_bytes(b"broken")
    assert main(["batch", "in", *QUICK, "--videos", "all"]) == 0
    assert "no comparison video: judo/b: there is no video to draw on" in capsys.readouterr().err


def test_the_single_commands_options_reach_the_batch(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Settings] = []

    def record(_: object, settings: Settings) -> int:
        given.append(settings)
        return 0

    monkeypatch.setattr(_batch_console, "run_and_show", record)
    main(["--input", "in/judo/a", "in/judo/b", "--overwrite", "--align", "torso", "--output", "there"])
    assert given[0].force and given[0].options == {"align": "torso"} and str(given[0].videos) == "all"
    assert given[0].output == Path("there").absolute()


def test_files_that_are_left_out_are_told(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tree / "judo/b/hmr4d_results.pt").unlink()
    assert main(["batch", "in", "--dry-run", *QUICK]) == 0
    assert "1 files hold no known result and are left out" in capsys.readouterr().err


def test_the_options_reach_the_settings() -> None:
    given = settings(
        "--jobs", "3", "--cluster", "tcp://h:1", "--shard", "2/3", "--force", "--clip-seconds", "9", "--pack", "4",
        "--videos", "sample:2", "--device", "cpu", "--trust-pickle", "x.pkl", "--person", "7", "--focal-px", "900",
        "--keypoint-convention", "coco17", "--detector", "rtmpose", "--align", "torso", "--mode", "sequential",
        "--fps", "50", "--keypoint-fps", "100", "--image-size", "640x360",
    )  # fmt: skip
    assert (given.jobs, given.cluster, given.shard, given.force) == (3, "tcp://h:1", Shard(2, 3), True)
    assert (given.clip_seconds, given.pack, str(given.videos), given.device) == (9.0, 4, "sample:2", "cpu")
    assert given.trusted == (Path("x.pkl").absolute(),)
    assert given.options == {
        "person": "7", "focal_px": 900.0, "keypoint_convention": "coco17", "detector": "rtmpose", "align": "torso",
        "mode": "sequential", "fps": 50.0, "keypoint_fps": 100.0, "image_size": (640, 360),
    }  # fmt: skip


def test_without_options_a_batch_has_its_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "_cores", lambda: 5)
    given = settings()
    assert (given.jobs, given.cluster, given.force, str(given.videos), given.options) == (
        5,
        None,
        False,
        "worst:10",
        {},
    )
    assert given.output == Path("refined").absolute()


#: Options of `refine` that `batch` does not have, and why.
NOT_IN_A_BATCH = {
    "input": "INPUT takes its place, and finds the clips",
    "video": "belongs to one clip: a column of the manifest, a key of the layout",
    "keypoints": "belongs to one clip: a column of the manifest, a key of the layout",
    "calibration": "belongs to one clip: a column of the manifest, a key of the layout",
    "write_video": "--videos says which clips get one",
    "write_page": "the clips with a video get one",
    "overwrite": "a batch resumes; --force does all again",
    "snapshot": "a frame's number belongs to one clip",
    "scene": "makes each page megabytes larger; `view` shows a clip of a batch",
}


def options_of(verb: str) -> dict[str, argparse.Action]:
    """The options of a verb, by the name of their value."""
    (verbs,) = [each for each in make_parser()._actions if isinstance(each, argparse._SubParsersAction)]
    return {action.dest: action for action in verbs.choices[verb]._actions if action.option_strings}


def test_a_batch_has_every_option_of_the_single_command() -> None:
    one, many = options_of("refine"), options_of("batch")
    assert set(one) - set(many) == set(NOT_IN_A_BATCH)
    # --json prints another document
    for name in sorted(set(one) & set(many) - {"help", "output", "as_json"}):
        # in a batch, a layout is that of a data set
        assert {*one[name].option_strings} - {"--layout"} == {*many[name].option_strings}, name
        # the type of a range is a function of its own each time; its help tells two ranges apart
        given, wanted = ((each.choices, each.nargs, each.metavar, each.help) for each in (many[name], one[name]))
        assert given == wanted, name


def test_rates_and_image_sizes_reach_the_clips(tree: Path) -> None:
    manifest = Path("clips.csv")
    manifest.write_text("input,fps\nin/judo/a,\nin/tennis/a,25\n")
    assert main(["batch", "clips.csv", *QUICK, "--fps", "50", "--image-size", "640x360"]) == 0
    told = {
        name: json.loads(Path(f"refined/in/{name}/hmr4d_results_report.json").read_text())
        for name in ("judo/a", "tennis/a")
    }
    assert {name: report["people"][0]["fps"] for name, report in told.items()} == {"judo/a": 50, "tennis/a": 25}
    assert told["judo/a"]["settings"]["image_size"] == [640, 360]


def test_the_look_of_the_videos_is_the_batchs(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in NAMES:
        clips.write_video(tree / name / "0_input_video.mp4")
    shown = ("--jobs", "0", "--weights", "none", "--device", "cpu", "--videos", "sample:1")
    assert main(["batch", "in", *shown, "--video-layout", "overlay", "--only-worst", "0.1"]) == 0
    (path,) = Path("refined").rglob("*_comparison.mp4")
    assert (probe(path).width, probe(path).frames) == (640, 3)
    # another look refines nothing again
    assert main(["batch", "in", *shown, "--video-layout", "triptych"]) == 0
    assert "3 done before, 0 to do" in capsys.readouterr().err
    assert settings("--as-read", "--only-worst", "2").options == {"as_read": True, "only_worst": 2.0}


def test_frames_of_several_inputs_are_refused(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["in/judo/a", "in/judo/b", "--snapshot", "1"]) == 2
    assert "--snapshot: belongs to one input" in capsys.readouterr().err
    assert main(["in/judo/a", "in/judo/b", "--scene"]) == 2
    assert "--scene: belongs to one input" in capsys.readouterr().err
