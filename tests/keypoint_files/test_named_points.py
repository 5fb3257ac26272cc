"""TRC, C3D and CSV: points by name, in a stated unit."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from lsmplify_refine.errors import InputError
from lsmplify_refine.keypoint_files import load_tracks
from lsmplify_refine.keypoint_files.cameras import load_calibration
from lsmplify_refine.keypoint_files.names import find_convention
from lsmplify_refine.values.conventions import CONVENTIONS
from tests.support.named_points import OPENPOSE, csv_of, metres, words, write_trc

POSE2SIM = words(
    "CHip RHip RKnee RAnkle RBigToe RSmallToe RHeel LHip LKnee LAnkle LBigToe LSmallToe LHeel Neck Head Nose "
    "RShoulder RElbow RWrist LShoulder LElbow LWrist"
)
H36M = words(
    "Hip RHip RKnee RFoot LHip LKnee LFoot Spine Thorax Neck/Nose Head LShoulder LElbow LWrist RShoulder RElbow RWrist"
)
SMPL = words(
    "Pelvis L_Hip R_Hip Spine1 L_Knee R_Knee Spine2 L_Ankle R_Ankle Spine3 L_Foot R_Foot Neck L_Collar R_Collar Head "
    "L_Shoulder R_Shoulder L_Elbow R_Elbow L_Wrist R_Wrist L_Hand R_Hand"
)


KINECT = words(
    "SpineBase SpineMid Neck Head ShoulderLeft ElbowLeft WristLeft HandLeft ShoulderRight ElbowRight WristRight "
    "HandRight HipLeft KneeLeft AnkleLeft FootLeft HipRight KneeRight AnkleRight FootRight SpineShoulder HandTipLeft "
    "ThumbLeft HandTipRight ThumbRight"
)
AZURE = words(
    "PELVIS SPINE_NAVEL SPINE_CHEST NECK CLAVICLE_LEFT SHOULDER_LEFT ELBOW_LEFT WRIST_LEFT HAND_LEFT HANDTIP_LEFT "
    "THUMB_LEFT CLAVICLE_RIGHT SHOULDER_RIGHT ELBOW_RIGHT WRIST_RIGHT HAND_RIGHT HANDTIP_RIGHT THUMB_RIGHT HIP_LEFT "
    "KNEE_LEFT ANKLE_LEFT FOOT_LEFT HIP_RIGHT KNEE_RIGHT ANKLE_RIGHT FOOT_RIGHT HEAD NOSE EYE_LEFT EAR_LEFT EYE_RIGHT "
    "EAR_RIGHT"
)


@pytest.mark.parametrize(
    ("names", "convention", "missing"),
    [
        (POSE2SIM, "halpe26", 4),
        (H36M, "h36m17", 0),
        (SMPL, "smpl24", 0),
        (OPENPOSE, "body25", 0),
        (KINECT, "kinect25", 0),
        (AZURE, "kinect32", 0),
        (SMPL[:22], "smpl22", 0),
        ([f"subject:{name}" for name in OPENPOSE], "body25", 0),
        *((list(convention.points), name, 0) for name, convention in CONVENTIONS.items()),
    ],
)
def test_names_tell_the_convention(names: list[str], convention: str, missing: int) -> None:
    match = find_convention([*names, "BackLeft4"], None, "file")
    assert match.convention == convention and match.unmapped == ("BackLeft4",)
    assert match.columns.count(-1) == missing and len(set(match.columns)) == len(names) + bool(missing)
    if not missing:
        assert match.columns == tuple(range(len(names)))


@pytest.mark.parametrize(
    ("names", "wanted", "message"),
    [
        (["LASI", "RASI", "LKNE", "RSHO"], None, "only 0 of 4 columns are named like joints"),
        (["LHip", "RHip", "LKnee", "RKnee", "LAnkle", "RAnkle"], None, "may be coco17, body25, coco18"),
        (OPENPOSE, "body26", "'body26' is not known"),
    ],
)
def test_names_that_tell_too_little(names: list[str], wanted: str | None, message: str) -> None:
    with pytest.raises(InputError, match=message):
        find_convention(names, wanted, "file")


#: OpenCap's video-based TRC: BODY_25 without eyes and ears, and its augmented markers.
OPENCAP = words(
    "Neck RShoulder RElbow RWrist LShoulder LElbow LWrist midHip RHip RKnee RAnkle LHip LKnee LAnkle LBigToe LSmallToe "
    "LHeel RBigToe RSmallToe RHeel r.ASIS_study C7_study r_knee_study r_mknee_study r_calc_study RHJC_study"
)
#: OpenCap Monocular's: markers on the skin first, then BODY_25.
OPENCAP_MONOCULAR = words(
    "sternum r_shoulder l_shoulder r_elbow l_elbow r_melbow l_melbow C7 r_ASIS l_ASIS r_knee l_knee r_mknee l_mknee "
    "r_ankle l_ankle r_mankle l_mankle r_big_toe l_big_toe l_calc r_calc"
)
PLUG_IN_GAIT = words("LASI RASI LPSI RPSI C7 LSHO RSHO LELB RELB LWRA RWRA LKNE RKNE LANK RANK LHEE RHEE LTOE RTOE")


def test_names_that_mean_the_same_points_in_two_conventions_need_no_choice() -> None:
    match = find_convention(OPENCAP, None, "file")
    assert match.convention == "body25" and len(match.points) == 20
    assert match.points["mid_hip"] == OPENCAP.index("midHip") and match.points["right_knee"] == OPENCAP.index("RKnee")
    (note,) = match.notes
    assert note.code == "convention-chosen" and "body25, halpe26" in note.text


@pytest.mark.parametrize("wanted", [None, "body25"])
def test_joint_centres_win_over_markers_on_the_skin(wanted: str | None) -> None:
    match = find_convention([*OPENCAP_MONOCULAR, *OPENPOSE], wanted, "file")
    first = len(OPENCAP_MONOCULAR)
    assert match.convention == "body25" and match.columns == tuple(range(first, first + 25))
    assert "r_knee" in match.unmapped and match.notes == ()


def test_joint_centres_by_other_names() -> None:
    centres = words("LHJC RHJC LKJC RKJC LAJC RAJC LSJC RSJC LEJC REJC LWJC RWJC")
    match = find_convention([*PLUG_IN_GAIT, *centres], "body25", "file")
    assert set(match.points.values()) == set(range(len(PLUG_IN_GAIT), len(PLUG_IN_GAIT) + 12))


@pytest.mark.parametrize(
    "names",
    [
        PLUG_IN_GAIT,
        OPENCAP_MONOCULAR,
        # in one style the inner side says that the other name is the outer one
        words("RKnee RMKnee LKnee LMKnee RAnkle RMAnkle LAnkle LMAnkle RElbow LElbow RWrist LWrist LASI RASI SACR C7"),
    ],
)
def test_markers_on_the_skin_need_a_convention(names: list[str]) -> None:
    with pytest.raises(InputError, match=r"markers on the skin \(.*--keypoint-convention NAME to use them as joints"):
        find_convention(names, None, "file")
    match = find_convention(names, "body25", "file")
    assert {"right_knee", "left_ankle", "right_elbow"} <= match.points.keys()
    (note,) = match.notes
    assert (note.code, note.severity) == ("markers-on-skin", "warning")


def test_a_trc_of_markers_says_so(tmp_path: Path) -> None:
    path = write_trc(tmp_path / "k.trc", PLUG_IN_GAIT, metres(3, len(PLUG_IN_GAIT)))
    with pytest.raises(InputError, match=r"k\.trc: only 0 of 19 columns are named like joints"):
        load_tracks(path)
    (track,) = load_tracks(path, convention="body25")
    assert any(note.code == "markers-on-skin" for note in track.notes)
    at = CONVENTIONS["body25"].points.index("left_knee")
    expected = metres(3, len(PLUG_IN_GAIT))[:, PLUG_IN_GAIT.index("LKNE")]
    assert np.allclose(track.keypoints.positions[:, at], expected, atol=1e-5)


@pytest.mark.parametrize(("unit", "factor"), [("m", 1), ("mm", 1000)])
def test_trc(unit: str, factor: float, tmp_path: Path) -> None:
    points = metres(5, 22)
    points[2, 4] = np.nan
    (track,) = load_tracks(write_trc(tmp_path / "k.trc", POSE2SIM, points * factor, unit))
    names = CONVENTIONS["halpe26"].points
    assert track.keypoints.convention == "halpe26" and track.fps == 60 and track.frame_ids.tolist() == [0, 1, 2, 3, 4]
    ankle, toe = names.index("right_ankle"), names.index("right_big_toe")
    assert np.allclose(track.keypoints.positions[:, ankle], points[:, 3], atol=1e-6)
    assert track.keypoints.confidence[:, toe].tolist() == [1, 1, 0, 1, 1]
    assert (track.keypoints.confidence[:, names.index("left_eye")] == 0).all()


def test_a_trc_without_a_rate_is_read_by_its_frame_numbers(tmp_path: Path) -> None:
    file = write_trc(tmp_path / "k.trc", POSE2SIM, metres(5, 22))
    (with_rate,) = load_tracks(file)
    file.write_text(file.read_text(encoding="utf-8").replace("DataRate\t", "NoRate\t"), encoding="utf-8")
    (track,) = load_tracks(file)
    assert (with_rate.fps is not None, track.fps) == (True, None)
    assert np.array_equal(track.keypoints.positions, with_rate.keypoints.positions, equal_nan=True)
    assert not any(note.code == "keypoints-interpolated" for note in track.notes)


def test_c3d(tmp_path: Path) -> None:
    c3d = pytest.importorskip("c3d", reason="needs the extra mocap")
    points = metres(6, 25)
    writer = c3d.Writer(point_rate=120, point_units="mm  ")
    writer.set_point_labels([f"actor:{name}"[:16] for name in OPENPOSE])
    for frame in points:
        values = np.hstack([frame * 1000, np.zeros((25, 2))])
        values[7, 3:] = -1
        writer.add_frames([(values.astype(np.float32), np.zeros((0, 0), np.float32))])
    with (tmp_path / "k.c3d").open("wb") as stream:
        writer.write(stream)
    (track,) = load_tracks(tmp_path / "k.c3d")
    assert track.keypoints.convention == "body25" and track.fps == 120 and track.frame_ids.tolist() == list(range(6))
    seen = track.keypoints.confidence > 0
    assert not seen[:, 7].any() and np.delete(seen, 7, axis=1).all()
    assert np.allclose(track.keypoints.positions[seen], points[seen], atol=1e-5)


def test_a_cut_c3d_is_named(tmp_path: Path) -> None:
    pytest.importorskip("c3d", reason="needs the extra mocap")
    (tmp_path / "k.c3d").write_bytes(b"\x02\x50" + bytes(600))
    with pytest.raises(InputError, match="not readable as C3D"):
        load_tracks(tmp_path / "k.c3d")


@pytest.mark.parametrize("axes", ["xy", "xyz"])
def test_csv(axes: str, tmp_path: Path) -> None:
    points = metres(3, 25)[..., : len(axes)] + 2
    (tmp_path / "k.csv").write_text(csv_of(points, ["ann", "bob"], axes))
    tracks = load_tracks(tmp_path / "k.csv")
    assert sorted(track.person for track in tracks) == ["ann", "bob"]
    keypoints = tracks[0].keypoints
    assert keypoints.convention == "body25" and keypoints.is_3d == (axes == "xyz")
    assert tracks[0].frame_ids.tolist() == [2, 3, 4] and keypoints.confidence[:, 0].tolist() == [0.5, 0, 0.5]
    assert np.allclose(keypoints.positions[:, 1:], points[:, 1:], atol=1e-3)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("k.csv", "frame,point,x,y\n0,nose,1,b\n", "row 1: could not convert"),
        ("k.csv", "frame,point,x,y\n-1,nose,1,2\n", "row 1: frame: '-1'"),
        ("k.csv", "frame,point,x,y\n0,nose,1,2\n0,nose,1,2\n", "row 2: nose occurs twice in frame 0"),
        ("k.csv", "frame,point,x,y,w\n", "column 'w' is not known"),
        ("k.csv", "frame,point,x,y\n", "no rows"),
        ("k.trc", "PathFileType\t4\n", "ends within its head"),
        ("k.trc", "PathFileType\t4\nUnits\nfeet\nFrame#\tTime\tNose\n\n\n1\t0\t1\t2\t3\n", "Units: 'feet'"),
        ("k.trc", "PathFileType\t4\nUnits\nm\nFrame#\tTime\tNose\n\n\n1\t0\tx\t2\t3\n", "row 0: could not convert"),
        ("k.txt", "hello", "not a keypoint file"),
    ],
)
def test_bad_files_are_named(name: str, text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        load_tracks(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)


def test_a_trc_that_declares_more_than_it_has_is_refused_by_its_header(tmp_path: Path) -> None:
    path = write_trc(tmp_path / "k.trc", OPENPOSE, metres(2, 25))
    head = path.read_text().splitlines()[:5]
    head[3] = "Frame#\tTime\t" + "\t\t\t".join(f"m{number}" for number in range(10_000))
    path.write_text("\n".join([*head, *(["1\t0"] * 20_000)]))
    with pytest.raises(InputError, match="10000 markers and 20000 rows, but not the text for them"):
        load_tracks(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
def test_keypoints_and_cameras_are_read_from_regular_files_only(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "k.trc")
    with pytest.raises(InputError, match="is not a regular file"):
        load_tracks(tmp_path / "k.trc")
    os.mkfifo(tmp_path / "c.toml")
    with pytest.raises(InputError, match="is not a regular file"):
        load_calibration(tmp_path / "c.toml")
