from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lsmplify_refine.errors import InputError
from lsmplify_refine.formats import load_save
from lsmplify_refine.formats.registry import adapters
from lsmplify_refine.options import Family
from lsmplify_refine.values.camera import Camera
from lsmplify_refine.values.estimate import Estimate
from lsmplify_refine.values.smpl_joints import BODY_JOINTS
from tests.support import estimator_files as estimators
from tests.support import gvhmr_files as make
from tests.support.adapter_cases import pickled


@pytest.fixture
def result(tmp_path: Path) -> Path:
    return make.write_pt(tmp_path / "r.pt", make.official(net_outputs=False))


def test_load_names_the_format(result: Path) -> None:
    assert load_save.load(result)[0].format == "gvhmr"
    assert load_save.load(result, format="gvhmr")[0].format == "gvhmr"


def test_content_counts_not_the_extension(result: Path) -> None:
    renamed = result.rename(result.with_suffix(".dat"))
    assert len(load_save.load(renamed)[0]) == make.FRAMES


def _unwritten(path: Path) -> None:
    pass


@pytest.mark.parametrize(
    ("name", "make_file", "message"),
    [
        ("none.pt", _unwritten, "no such file"),
        ("empty", Path.mkdir, "no result in a known format"),
        ("clip.mp4", lambda p: p.write_bytes(b"\0\0\0\x18ftypmp42"), "not a result file"),
        ("empty.pt", lambda p: p.write_bytes(b""), "not a result file"),
        ("other.pt", lambda p: torch.save({"a": torch.zeros(1)}, p), "torch file with the keys a is not"),
        ("other.npz", lambda p: np.savez(p, verts=np.zeros(1)), "npz file with the keys verts is not"),
        ("other.pkl", lambda p: p.write_bytes(pickle.dumps([1])), "pickle file is not in a known format"),
        ("cut.pt", lambda p: p.write_bytes(b"PK\x03\x04cut"), "damaged or cut short"),
    ],
)
def test_load_says_what_is_wrong(name: str, make_file: Any, message: str, tmp_path: Path) -> None:
    make_file(tmp_path / name)
    with pytest.raises(InputError, match=message) as caught:
        load_save.load(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value) and "\n" not in str(caught.value)


def test_unknown_format(result: Path) -> None:
    with pytest.raises(InputError, match="format 'wham9' is not known; known: gvhmr"):
        load_save.load(result, format="wham9")


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("r.pt", "is the input itself"),
        ("taken.pt", "exists; give another name"),
        ("out.npz", r"must end in \.pt"),
        ("folder", "is a folder"),
        ("nowhere/out.pt", "does not exist"),
        ("taken.pt/out.pt", "does not exist"),
    ],
)
def test_save_refuses(target: str, message: str, result: Path, tmp_path: Path) -> None:
    (tmp_path / "taken.pt").write_bytes(b"mine")
    (tmp_path / "folder").mkdir()
    before = result.read_bytes()
    with pytest.raises(InputError, match=message):
        load_save.save(load_save.load(result), tmp_path / target)
    assert result.read_bytes() == before and (tmp_path / "taken.pt").read_bytes() == b"mine"


def test_overwrite_when_asked(result: Path) -> None:
    estimate = load_save.load(result)[0]
    load_save.save([estimate.replace(transl=estimate.transl + 1)], result, overwrite=True)
    assert np.array_equal(load_save.load(result)[0].transl, estimate.transl + 1)


def test_a_failing_write_leaves_nothing_behind(result: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    estimates = load_save.load(result)

    def full_disk(_: Any, path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(adapters()["gvhmr"], "write", full_disk)
    before = result.read_bytes()
    with pytest.raises(InputError, match="No space left"):
        load_save.save(estimates, result, overwrite=True)
    assert result.read_bytes() == before and [path.name for path in tmp_path.iterdir()] == ["r.pt"]


def test_a_file_holds_estimates_of_one_origin(result: Path, tmp_path: Path) -> None:
    loaded = load_save.load(result)[0]
    with pytest.raises(InputError, match="only estimates that `load` read from one file"):
        load_save.save([loaded, loaded.replace(format="")], tmp_path / "out.pt")


@pytest.mark.parametrize("family", ["smpl", "smplx"])
@pytest.mark.parametrize(("name", "people"), [("a.npz", 1), ("a.pkl", 1), ("a.pt", 1), ("a.pkl", 2), ("a.pt", 2)])
def test_estimates_made_in_python_are_saved(name: str, people: int, family: Family, tmp_path: Path) -> None:
    frames = 5
    made = [
        Estimate(
            family=family,
            gender="female",
            global_orient=estimators.values(frames, 3, seed=person),
            body_pose=estimators.values(frames, BODY_JOINTS[family], 3, seed=person),
            betas=estimators.values(frames, 10, seed=person),
            transl=estimators.values(frames, 3, seed=person),
            camera=Camera(np.tile([[500.0, 0, 320], [0, 500, 240], [0, 0, 1]], (frames, 1, 1))),
            fps=25.0,
            frame_ids=np.arange(3, 3 + frames),
            track_id=f"p{person}",
        )
        for person in range(people)
    ]
    load_save.save(made, tmp_path / name)
    read = load_save.load(tmp_path / name)
    assert [each.track_id for each in read] == (["p0", "p1"] if people > 1 else ["0"])
    for before, after in zip(made, read):
        assert (after.family, after.gender, after.fps, after.frame) == (family, "female", 25.0, "camera")
        for field in ("global_orient", "body_pose", "betas", "transl", "frame_ids"):
            assert np.allclose(getattr(after, field), getattr(before, field), atol=1e-6), field
        assert after.camera is not None and before.camera is not None
        assert np.allclose(after.camera.K, before.camera.K)


def test_what_a_plain_file_cannot_hold_is_said_with_its_name(result: Path, tmp_path: Path) -> None:
    made = load_save.load(result)[0].replace(format="", source=None)
    for people, name, message in (
        ([made], "a.bvh", "must end in .npz, .pkl, .pt"),
        ([made, made.replace(track_id="other")], "a.npz", "holds one person, not 2"),
        ([made, made], "a.pt", "the same track_id"),
    ):
        with pytest.raises(InputError, match=message) as caught:
            load_save.save(people, tmp_path / name)
        assert str(tmp_path / name) in str(caught.value) and not (tmp_path / name).exists()


def test_detection_says_what_it_saw(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(json.dumps({"people": [], "version": 1.3}))
    with pytest.raises(InputError, match=r"a json file with the keys people, version is not in a known format \(gvhmr"):
        load_save.load(tmp_path / "x.json")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "notes.txt").write_text("")
    with pytest.raises(InputError, match=r"the folder holds notes\.txt"):
        load_save.load(tmp_path / "folder")


def test_people_of_two_files_are_not_mixed(tmp_path: Path) -> None:
    first = load_save.load(pickled(estimators.wham())(tmp_path))
    arrays: dict[str, Any] = {**estimators.parts()}
    np.savez(tmp_path / "r.npz", **arrays)
    second = load_save.load(tmp_path / "r.npz")
    with pytest.raises(InputError, match="read from one file"):
        load_save.save([first[0], second[0].replace(format="wham")], tmp_path / "out.pkl")
