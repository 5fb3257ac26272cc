"""Layouts: the shipped ones and users' own, the rows that they make, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from lsmplify_refine.batch.layout_files import Layout, Targets, layout_names, load_layout
from lsmplify_refine.batch.layouts import rows
from lsmplify_refine.batch.rows import Row
from lsmplify_refine.errors import InputError


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def own(folder: Path, text: str) -> Path:
    (folder / "own.toml").write_text(text)
    return folder / "own.toml"


def by_name(found: list[Row]) -> dict[str, Row]:
    return {row.name: row for row in found}


@pytest.mark.parametrize("name", layout_names())
def test_shipped_layouts_are_whole_and_explain_themselves(name: str) -> None:
    layout = load_layout(name)
    assert layout.name == name and len(layout.about) > 100 and layout.clips


def test_the_shipped_layouts() -> None:
    assert set(layout_names()) == {"3dpw", "aistpp", "athletepose3d", "emdb", "gvhmr", "hmr4d_support", "lucidaction"}


def test_a_folder_of_gvhmr(tmp_path: Path) -> None:
    root = touch(tmp_path, "a/hmr4d_results.pt", "day 2/b/hmr4d_results.pt", "a/preprocess/vitpose.pt")
    found = rows("gvhmr", root)
    assert [row.name for row in found] == ["a", "day 2/b"]
    assert found[1].input == root / "day 2/b/hmr4d_results.pt"
    assert found[1].options == {"format": "gvhmr"}


LUCID = (
    "predictions/GVHMR/diving/expert/back_dive/007/front.pt",
    "predictions/SMPLest-X/diving/expert/back_dive/007/front.pkl",
    "videos/diving/expert/back_dive/007/front.mp4",
    "keypoints_3d/diving/expert/back_dive/007.npz",
    "keypoints_2d/diving/expert/back_dive/007/front.npz",
    "truth/diving/expert/back_dive/007/front.npz",
    "predictions/GVHMR/diving/expert/back_dive/008/side.pt",
    "keypoints_2d/diving/expert/back_dive/008/side.json",
)


def test_lucidaction_puts_estimators_beside_each_other(tmp_path: Path) -> None:
    root = touch(tmp_path, *LUCID)
    (root / "predictions/GVHMR/diving/expert/back_dive/009/top").mkdir(parents=True)
    found = by_name(rows("lucidaction", root))
    assert set(found) == {
        "GVHMR/diving/expert/back_dive/007/front",
        "SMPLest-X/diving/expert/back_dive/007/front",
        "GVHMR/diving/expert/back_dive/008/side",
        "GVHMR/diving/expert/back_dive/009/top",
    }
    row = found["SMPLest-X/diving/expert/back_dive/007/front"]
    assert row.video == root / LUCID[2] and row.truth == f"load:{root / LUCID[5]}"
    assert row.groups == {
        "estimator": "SMPLest-X",
        "sport": "diving",
        "level": "expert",
        "action": "back_dive",
        "view": "front",
    }
    bare = found["GVHMR/diving/expert/back_dive/009/top"]
    assert (bare.video, bare.keypoints, bare.truth) == (None, None, None)


@pytest.mark.parametrize(
    ("targets", "first", "second"),
    [(None, LUCID[3], LUCID[7]), ("3d", LUCID[3], None), ("2d", LUCID[4], LUCID[7]), ("own", None, None)],
)
def test_3d_keypoints_come_first_unless_chosen(
    targets: Targets | None, first: str | None, second: str | None, tmp_path: Path
) -> None:
    root = touch(tmp_path, *LUCID)
    found = by_name(rows("lucidaction", root, targets=targets))
    for name, wanted in (("007/front", first), ("008/side", second)):
        expected = None if wanted is None else root / wanted
        assert found[f"GVHMR/diving/expert/back_dive/{name}"].keypoints == expected


def test_aistpp_takes_the_view_from_the_video_and_leaves_out_ignored_sequences(tmp_path: Path) -> None:
    touch(
        tmp_path,
        "predictions/WHAM/gWA_sFM_c01_d27_mWA2_ch21/wham_output.pkl",
        "predictions/WHAM/gBR_sBM_c02_d04_mBR0_ch01.pkl",
        "motions/gWA_sFM_cAll_d27_mWA2_ch21.pkl",
        "keypoints3d/gWA_sFM_cAll_d27_mWA2_ch21.pkl",
    )
    (tmp_path / "ignore_list.txt").write_text("gBR_sBM_cAll_d04_mBR0_ch01\ngBR_sBM_cAll_d04_mBR0_ch02\n")
    (row,) = rows("aistpp", tmp_path)
    assert row.input == tmp_path / "predictions/WHAM/gWA_sFM_c01_d27_mWA2_ch21"
    assert row.truth == f"aistpp,view=c01:{tmp_path}/motions/gWA_sFM_cAll_d27_mWA2_ch21.pkl"
    assert row.keypoints == tmp_path / "keypoints3d/gWA_sFM_cAll_d27_mWA2_ch21.pkl"
    assert row.groups == {"estimator": "WHAM", "genre": "gWA", "view": "c01"}
    assert row.job_options() == {"fps": 60.0}


def test_athletepose3d_has_its_truth_as_targets_only_on_request(tmp_path: Path) -> None:
    stem = "data/test_set/S1/Axel_1_cam_3"
    touch(
        tmp_path, "predictions/X/test_set/S1/Axel_1_cam_3.npz", *(stem + end for end in (".mp4", ".json", "_h36m.npy"))
    )
    (row,) = rows("athletepose3d", tmp_path)
    assert (row.keypoints, row.options) == (None, {})
    assert row.truth == f"athletepose3d:{tmp_path / stem}.json" and row.video == tmp_path / f"{stem}.mp4"
    (asked,) = rows("athletepose3d", tmp_path, targets="3d")
    assert asked.keypoints == tmp_path / f"{stem}_h36m.npy"
    assert asked.options == {"keypoint_convention": "h36m17"}


def test_raw_emdb_and_3dpw(tmp_path: Path) -> None:
    touch(tmp_path, "predictions/G/P1_14_outdoor_climb/hmr4d_results.pt", "P1/14_outdoor_climb/images/00000.jpg")
    touch(
        tmp_path,
        "P1/14_outdoor_climb/P1_14_outdoor_climb_data.pkl",
        "P1/14_outdoor_climb/P1_14_outdoor_climb_video.mp4",
    )
    (row,) = rows("emdb", tmp_path)
    assert row.truth == f"emdb:{tmp_path}/P1/14_outdoor_climb/P1_14_outdoor_climb_data.pkl"
    # the .mp4 shows the truth beside the picture
    assert row.video == tmp_path / "P1/14_outdoor_climb/images"
    touch(tmp_path / "w", "predictions/G/downtown_bus_00.pkl", "sequenceFiles/test/downtown_bus_00.pkl")
    (row,) = rows("3dpw", tmp_path / "w")
    assert row.truth == f"threedpw:{tmp_path}/w/sequenceFiles/test/downtown_bus_00.pkl"


def test_each_clip_of_a_bundle_is_a_row(tmp_path: Path) -> None:
    clips = ("P1_14_outdoor_climb", "P0_09_outdoor_walk")
    folder = tmp_path / "EMDB/hmr4d_support"
    folder.mkdir(parents=True)
    torch.save({clip: {"vimo_params": {}} for clip in clips}, folder / "emdb_vimo.pt")
    touch(tmp_path, "EMDB/hmr4d_support/emdb_vit_v4.pt", "predictions/GVHMR/RICH/test/Gym_010_dips2/cam_05.pt")
    touch(tmp_path, "RICH/hmr4d_support/rich_test_labels.pt")
    found = by_name(rows("hmr4d_support", tmp_path))
    assert set(found) == {
        "VIMO/EMDB/P0_09_outdoor_walk",
        "VIMO/EMDB/P1_14_outdoor_climb",
        "GVHMR/RICH/test/Gym_010_dips2/cam_05",
    }
    first = found["VIMO/EMDB/P1_14_outdoor_climb"]
    assert first.options == {"format": "hmr4d:clip=P1_14_outdoor_climb"}
    assert first.truth == f"hmr4d,clip=P1_14_outdoor_climb:{folder}/emdb_vit_v4.pt"
    assert first.groups == {"dataset": "EMDB-1", "estimator": "VIMO"}
    assert found["VIMO/EMDB/P0_09_outdoor_walk"].groups["dataset"] == "EMDB-2"
    own = found["GVHMR/RICH/test/Gym_010_dips2/cam_05"]
    assert own.truth == f"hmr4d,clip=test/Gym_010_dips2/cam_05:{tmp_path}/RICH/hmr4d_support/rich_test_labels.pt"


def test_a_users_own_layout(tmp_path: Path) -> None:
    root = touch(tmp_path / "set", "out/s1/run_2.npz", "video/s1_2.avi", "kp/s1/2.trc")
    text = """
[[clips]]
input = "out/{subject}/run_{take}.npz"
name = "{subject}/{take}"
groups = ["subject", "site"]
fields = { site = "here" }
video = ["video/{subject}_{take}.mp4", "video/{subject}_{take}.avi"]
keypoints_3d = "kp/{subject}/{take}.*"
options = { format = "generic:up=z", focal_px = 1200.5 }
"""
    (row,) = rows(own(tmp_path, text), root)
    assert row.video == root / "video/s1_2.avi" and row.keypoints == root / "kp/s1/2.trc"
    assert row.groups == {"subject": "s1", "site": "here"}
    assert row.job_options() == {"format": "generic:up=z", "focal_px": 1200.5}


WHOLE: dict[str, Any] = {"input": '"{a}.pt"', "name": '"{a}"'}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"input": None}, "input is missing"),
        ({"name": "3"}, "name: must be a text"),
        ({"videos": '"x"'}, "videos: not a key; known: input, members"),
        ({"video": '"{b}.mp4"'}, "video: no field {b} in {a}.pt"),
        ({"groups": '["sport"]'}, "groups: no field {sport} in {a}.pt"),
        ({"options": "{ formt = 'x' }"}, "options: formt: unknown; known: "),
        ({"options": "3"}, "must be a table"),
        ({"targets": '"4d"'}, "targets: 4d is none of auto, 3d, 2d, own"),
        ({"truth": '"{a}.npz"'}, "truth: {a}.npz: needs a reader"),
        ({"input": '"{a.pt"'}, "a field is a name in braces"),
    ],
)
def test_what_a_layout_has_wrong_is_named(changes: dict[str, str | None], expected: str, tmp_path: Path) -> None:
    table = "\n".join(f"{key} = {value}" for key, value in (WHOLE | changes).items() if value is not None)
    with pytest.raises(InputError) as error:
        load_layout(own(tmp_path, f"[[clips]]\n{table}\n"))
    assert expected in str(error.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[[clips]", "not readable as TOML"),
        ("about = 'x'", "[[clips]] is missing"),
        ("clip = 3", "not a key of a layout"),
    ],
)
def test_files_that_are_no_layout(text: str, expected: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        load_layout(own(tmp_path, text))
    assert expected in str(error.value)


def test_an_unknown_name_lists_the_shipped_layouts() -> None:
    with pytest.raises(InputError, match="lucid: no such layout; give one of 3dpw, aistpp"):
        load_layout("lucid")


def test_what_does_not_fit_the_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        rows("emdb", tmp_path / "none")
    with pytest.raises(InputError, match="no clip of layout emdb; it looks for predictions/"):
        rows("emdb", tmp_path)
    layout = load_layout(own(tmp_path, '[[clips]]\ninput = "{a}.pt"\nname = "{a}"\nvideo = "*.mp4"'))
    touch(tmp_path, "x.pt", "1.mp4", "2.mp4")
    with pytest.raises(InputError, match=r"2 files fit \*.mp4"):
        rows(layout, tmp_path)


def test_clips_of_one_name_are_refused(tmp_path: Path) -> None:
    touch(tmp_path, "a/x.pt", "b/x.pt")
    layout: Layout = load_layout(own(tmp_path, '[[clips]]\ninput = "{a}/{b}.pt"\nname = "{b}"'))
    with pytest.raises(InputError, match="x: the name of 2 clips"):
        rows(layout, tmp_path)
