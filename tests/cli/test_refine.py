"""The command, driven in this process: what it writes, and how it fails."""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from lsmplify_refine.cli import main
from lsmplify_refine.engine.refiner import Refiner
from lsmplify_refine.errors import InputError
from lsmplify_refine.values.conventions import COCO17
from lsmplify_refine.visual.image_folder import read_image
from lsmplify_refine.visual.video import probe
from tests.support import clips

WRITTEN = ("hmr4d_results_refined.pt", "hmr4d_results_report.json", "hmr4d_results_report.html")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return clips.write_folder(tmp_path / "clip")


def test_folder_gives_the_four_files_beside_the_input(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = clips.contents(folder)
    assert main(["--input", str(folder)]) == 0
    added = clips.contents(folder).keys() - before.keys()
    assert added == {*WRITTEN, "hmr4d_results_comparison.mp4"}
    assert probe(folder / "hmr4d_results_comparison.mp4").frames == clips.FRAMES
    shown = capsys.readouterr().out
    assert "do nothing" in shown and "refined" in shown and "8 accepted" in shown
    for name in added:
        assert f"wrote {folder / name}" in shown


def test_refined_file_is_the_input_with_another_pose(folder: Path) -> None:
    assert main(["refine", "--input", str(folder), "--no-video"]) == 0
    assert not (folder / "hmr4d_results_comparison.mp4").exists()
    read, refined = (torch.load(folder / name) for name in ("hmr4d_results.pt", WRITTEN[0]))
    assert list(read) == list(refined)
    assert torch.equal(read["K_fullimg"], refined["K_fullimg"])
    assert not torch.equal(read["smpl_params_incam"]["body_pose"], refined["smpl_params_incam"]["body_pose"])


def test_report_holds_metrics_settings_and_frames(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "out"
    arguments = ["--input", str(folder), "--no-video", "--output", str(out), "--smooth-seconds", "0.2"]
    assert main(arguments) == 0
    report = json.loads((out / WRITTEN[1]).read_text(), parse_constant=pytest.fail)
    assert report["settings"]["smooth_seconds"] == 0.2
    person = report["people"][0]
    error = {stage: metrics["reprojection_px_coco17"] for stage, metrics in person["metrics"].items()}
    assert error["refined"] < error["calibrated"]
    assert len(person["per_frame"]["status"]) == clips.FRAMES
    assert person["fps"] == 30


def test_swapped_sides_are_in_the_report_and_on_the_terminal(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save(clips.keypoints()[:, list(COCO17.mirror)], folder / "preprocess" / "vitpose.pt")
    assert main(["--input", str(folder), "--no-video"]) == 0
    (person,) = json.loads((folder / WRITTEN[1]).read_text())["people"]
    (note,) = (each for each in person["notes"] if each["code"] == "sides-swapped")
    assert note["severity"] == "warning" and note["text"] in " ".join(capsys.readouterr().out.split())


def test_pickle_without_camera_or_keypoints_takes_them_from_the_options(tmp_path: Path) -> None:
    block = {name: value.numpy() for name, value in clips.results()["smpl_params_incam"].items()}
    source = tmp_path / "gvhmr_out.pkl"
    source.write_bytes(
        pickle.dumps({"smpl_params_incam": block, "smpl_params_global": block | {"transl": block["transl"] + 1}})
    )
    torch.save(clips.keypoints(), tmp_path / "points.pt")
    video = clips.write_video(tmp_path / "clip.mp4")
    arguments = ["--input", str(source), "--video", str(video), "--keypoints", str(tmp_path / "points.pt")]
    assert main([*arguments, "--no-video", "--focal-px", "700"]) == 0
    assert (tmp_path / "gvhmr_out_refined.pkl").is_file()
    report = json.loads((tmp_path / "gvhmr_out_report.json").read_text())
    assert any("700 px (from --focal-px)" in note["text"] for note in report["people"][0]["notes"])


def write_3d(folder: Path, **options: bool) -> Path:
    np.savez(folder / "space.npz", convention="body25", keypoints3d=clips.keypoints_3d(**options))
    return folder / "space.npz"


def test_3d_keypoints_refine_and_show_on_the_video(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--input", str(folder), "--keypoints", str(write_3d(folder))]) == 0
    assert probe(folder / "hmr4d_results_comparison.mp4").frames == clips.FRAMES
    shown = capsys.readouterr().out
    assert "mpjpe_mm_body25" in shown and "aligned by torso per track" in shown
    person = json.loads((folder / WRITTEN[1]).read_text())["people"][0]
    assert person["alignment"]["mode"] == "torso" and person["alignment"]["residuals_mm"]
    assert person["metrics"]["refined"]["mpjpe_mm_body25"] < 0.8 * person["metrics"]["calibrated"]["mpjpe_mm_body25"]
    assert len(person["per_frame"]["mpjpe_mm_body25_after"]) == clips.FRAMES
    read, refined = (torch.load(folder / name) for name in ("hmr4d_results.pt", WRITTEN[0]))
    assert torch.equal(read["smpl_params_incam"]["betas"], refined["smpl_params_incam"]["betas"])
    assert torch.equal(read["K_fullimg"], refined["K_fullimg"])
    assert not torch.equal(read["smpl_params_incam"]["body_pose"], refined["smpl_params_incam"]["body_pose"])


def test_3d_keypoints_need_neither_camera_nor_video(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = clips.results()
    del results["K_fullimg"]
    torch.save(results, tmp_path / "hmr4d_results.pt")
    arguments = ["--input", str(tmp_path / "hmr4d_results.pt"), "--keypoints", str(write_3d(tmp_path))]
    assert main([*arguments, "--align", "procrustes"]) == 0
    assert "no comparison video" in capsys.readouterr().out
    person = json.loads((tmp_path / WRITTEN[1]).read_text())["people"][0]
    assert person["alignment"]["mode"] == "procrustes" and person["image_size"] is None


def test_a_result_in_the_world_has_no_picture(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world = clips.results()["smpl_params_global"]
    torch.save({**clips.results(), "smpl_params_incam": world}, folder / "hmr4d_results.pt")
    assert main(["--input", str(folder), "--keypoints", str(write_3d(folder))]) == 0
    assert "the result is in world coordinates" in capsys.readouterr().out
    assert not (folder / "hmr4d_results_comparison.mp4").exists()


def test_no_video_beside_the_input_is_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "0_input_video.mp4").unlink()
    assert main(["--input", str(folder)]) == 0
    assert "no comparison video" in capsys.readouterr().out
    assert not (folder / "hmr4d_results_comparison.mp4").exists()


def test_existing_outputs_are_kept_unless_overwrite(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / WRITTEN[1]).write_text("mine")
    assert main(["--input", str(folder), "--no-video"]) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert (folder / WRITTEN[1]).read_text() == "mine" and not (folder / WRITTEN[0]).exists()
    assert main(["--input", str(folder), "--no-video", "--overwrite"]) == 0
    assert "people" in json.loads((folder / WRITTEN[1]).read_text())


def _save(folder: Path, **changes: object) -> None:
    torch.save({**clips.results(), **changes}, folder / "hmr4d_results.pt")


def _nan_pose(folder: Path) -> None:
    incam = clips.results()["smpl_params_incam"]
    incam["transl"][3] = np.nan
    _save(folder, smpl_params_incam=incam)


def _zero_frames(folder: Path) -> None:
    torch.save(clips.results(0), folder / "hmr4d_results.pt")


def _without_keys(folder: Path) -> None:
    torch.save({"something": torch.zeros(3)}, folder / "hmr4d_results.pt")


def _without_keypoints_and_video(folder: Path) -> None:
    for name in ("preprocess/vitpose.pt", "0_input_video.mp4"):
        (folder / name).unlink()


def _video(frames: int, size: tuple[int, int]) -> Callable[[Path], None]:
    return lambda folder: void(clips.write_video(folder / "0_input_video.mp4", frames, size))


def void(_: object) -> None:
    """Give nothing back."""


BAD: dict[str, tuple[Callable[[Path], object], list[str], str]] = {
    "missing file": (lambda f: None, ["--input", "nowhere.pt"], "nowhere.pt"),
    "not a result": (lambda f: (f / "x.pt").write_text("hello"), ["--input", "{f}/x.pt"], "x.pt"),
    "no keys": (_without_keys, [], "hmr4d_results.pt"),
    "NaN": (_nan_pose, [], "transl"),
    "zero frames": (_zero_frames, [], "hmr4d_results.pt"),
    "short video": (_video(5, clips.SIZE), [], "shorter than the parameters: the video has 5 frames"),
    "long video": (_video(9, clips.SIZE), [], "longer than the parameters: the video has 9 frames"),
    "small video": (_video(8, (320, 180)), [], "the video is 320x180"),
    "broken video": (lambda f: (f / "0_input_video.mp4").write_bytes(b"no video"), [], "0_input_video.mp4"),
    "no keypoints, no video": (
        _without_keypoints_and_video,
        [],
        "--keypoints FILE",
    ),
    "short keypoints": (
        lambda f: torch.save(clips.keypoints(5), f / "points.pt"),
        ["--keypoints", "{f}/points.pt"],
        "keypoints for 5 frames, the parameters have 8",
    ),
    "mirrored keypoints": (
        lambda f: write_3d(f, mirrored=True),
        ["--keypoints", "{f}/space.npz", "--no-video"],
        "space.npz: 3D keypoints are mirrored",
    ),
    "aligning 2D keypoints": (lambda f: None, ["--align", "torso"], "only 3D ones are aligned"),
    "unknown person": (lambda f: None, ["--person", "7"], "--person 7"),
    "gender of the open body": (lambda f: None, ["--gender", "male"], "--body-model"),
    "no such body": (lambda f: None, ["--body-model", "{f}/none"], "none"),
    "output is a file": (lambda f: None, ["--output", "{f}/hmr4d_results.pt"], "--output"),
    "output under a file": (lambda f: None, ["--output", "{f}/hmr4d_results.pt/x"], "--output"),
    "unknown format": (lambda f: None, ["--format", "wham9000"], "wham9000"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_and_nothing_written(case: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spoil, options, expected = BAD[case]
    spoil(folder)
    before = clips.contents(folder)
    options = [option.replace("{f}", str(folder)) for option in options]
    source = [] if "--input" in options else ["--input", str(folder)]
    assert main([*source, *options]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and lines[0].startswith("error: ") and expected in lines[0]
    assert clips.contents(folder) == before


def test_debug_shows_the_traceback(folder: Path) -> None:
    with pytest.raises(InputError):
        main(["--input", str(folder / "none.pt"), "--debug"])


def test_stopping_leaves_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    before = clips.contents(folder)
    monkeypatch.setattr(Refiner, "refine", stop)
    assert main(["--input", str(folder), "--output", str(folder / "out")]) == 130
    assert clips.contents(folder) == before and not (folder / "out").exists()
    assert "stopped" in capsys.readouterr().err


@pytest.mark.parametrize("options", [[], ["--debug"]])
def test_a_failed_comparison_video_is_one_line_and_exit_code_3(
    options: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the encoder\nbroke")

    before = clips.contents(folder)
    monkeypatch.setattr("lsmplify_refine.visual.comparison.write_comparison", fail)
    assert main(["--input", str(folder), *options]) == 3
    assert clips.contents(folder).keys() - before.keys() == {*WRITTEN}
    shown = capsys.readouterr()
    line = "warning: no comparison video, only results and report: RuntimeError: the encoder broke"
    first, *traceback = shown.err.splitlines()
    assert first == line and bool(traceback) == bool(options)
    assert not traceback or "Traceback" in traceback[0]
    assert line in shown.out.splitlines() and "comparison.mp4" not in shown.out


def test_failing_late_leaves_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    before = clips.contents(folder)
    monkeypatch.setattr("lsmplify_refine.job.finish.write_report", fail)
    assert main(["--input", str(folder), "--no-video"]) == 2
    assert clips.contents(folder) == before


@pytest.mark.parametrize("option", [["--focal-px", "-1"], ["--smooth-seconds", "nan"], ["--device", "tpu"]])
def test_options_out_of_range_are_refused(option: list[str], folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--input", str(folder), *option])
    assert stopped.value.code == 2
    assert option[0] in capsys.readouterr().err


def test_the_layout_and_the_input_as_read_reach_the_video(folder: Path) -> None:
    widths = {}
    for options in ((), ("--layout", "triptych"), ("--layout", "overlay"), ("--as-read",), ("--layout", "world")):
        assert main(["--input", str(folder), "--overwrite", *options]) == 0
        written = probe(folder / "hmr4d_results_comparison.mp4")
        assert (written.frames, float(written.fps)) == (clips.FRAMES, 30.0)
        widths[options] = written.width // clips.SIZE[0]
    assert list(widths.values()) == [2, 3, 1, 3, 1]


def test_snapshots_need_no_video(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "hmr4d_results_frame_5.png").write_bytes(b"mine")
    arguments = ["--input", str(folder), "--no-video", "--snapshot", "0", "--snapshot", "5", "--snapshot", "5"]
    assert main(arguments) == 2 and "frame_5.png: exists already" in capsys.readouterr().err
    (folder / "hmr4d_results_frame_5.png").unlink()
    before = clips.contents(folder)
    assert main(arguments) == 0
    added = clips.contents(folder).keys() - before.keys()
    shots = {"hmr4d_results_frame_0.png", "hmr4d_results_frame_5.png"}
    assert added == {*WRITTEN, *shots}
    shown = capsys.readouterr().out
    assert all(f"wrote {folder / name}" in shown for name in shots)
    first, second = (read_image(folder / name) for name in sorted(shots))
    assert first.shape[1] == 2 * clips.SIZE[0] and not np.array_equal(first, second)
    assert json.loads((folder / WRITTEN[1]).read_text())["outputs"]["snapshots"] == sorted(shots)


def test_snapshots_come_beside_the_video(folder: Path) -> None:
    assert main(["--input", str(folder), "--snapshot", "3", "--layout", "wipe"]) == 0
    assert (folder / "hmr4d_results_frame_3.png").is_file()
    assert probe(folder / "hmr4d_results_comparison.mp4").frames == clips.FRAMES


def test_only_the_worst_moment_is_shown(folder: Path) -> None:
    assert main(["--input", str(folder), "--only-worst", "0.1"]) == 0
    assert probe(folder / "hmr4d_results_comparison.mp4").frames == 3
    report = json.loads((folder / WRITTEN[1]).read_text())
    # its frames are not the clip's: the page does not follow it
    page = (folder / "hmr4d_results_report.html").read_text(encoding="utf-8")
    assert re.search(r'"times":\s*null', page) and "hmr4d_results_comparison.mp4" in page
    assert report["settings"]["only_worst"] == 0.1 and len(report["people"][0]["per_frame"]["status"]) == clips.FRAMES


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--snapshot", "8"), "has frames 0 to 7"),
        (("--as-read", "--layout", "wipe"), "--layout wipe shows two bodies"),
        (("--only-worst", "0"), "only_worst is 0"),
        (("--layout", "cinema"), "invalid choice"),
    ],
)
def test_what_the_video_cannot_show_is_refused(
    folder: Path, options: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = clips.contents(folder)
    try:
        assert main(["--input", str(folder), *options]) == 2
    except SystemExit as left:
        assert left.code == 2
    assert message in " ".join(capsys.readouterr().err.split())
    assert clips.contents(folder) == before


def test_a_world_that_is_not_there_is_said_in_one_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    block = {name: value.numpy() for name, value in clips.results()["smpl_params_incam"].items()}
    np.savez(folder / "plain.npz", **block)
    keypoints, video = folder / "preprocess" / "vitpose.pt", folder / "0_input_video.mp4"
    arguments = ["--input", str(folder / "plain.npz"), "--keypoints", str(keypoints), "--video", str(video)]
    assert main([*arguments, "--format", "generic:family=smplx", "--layout", "world", "--snapshot", "1"]) == 0
    shown = capsys.readouterr().out
    assert "no comparison video: --layout world needs a result in world coordinates" in shown
    assert not list(folder.glob("*.png")) and not (folder / "plain_comparison.mp4").exists()


def test_a_result_in_the_world_can_be_shown_there(folder: Path) -> None:
    world = clips.results()["smpl_params_global"]
    torch.save({**clips.results(), "smpl_params_incam": world}, folder / "hmr4d_results.pt")
    assert main(["--input", str(folder), "--keypoints", str(write_3d(folder)), "--layout", "world"]) == 0
    assert probe(folder / "hmr4d_results_comparison.mp4").frames == clips.FRAMES
