"""RICH: a file for each frame, the cameras of the scan calibration, and a gender that its files do not state."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lsmplify_refine.datasets.readers import read_truth
from lsmplify_refine.errors import InputError
from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from tests.support.dataset_motion import record
from tests.support.sports_files import write_rich

CLIP = record(12, still=True, size=(4112, 3008), focal=3300.0)


def test_a_person_in_the_axes_of_a_camera(tmp_path: Path) -> None:
    (truth,) = read_truth(f"rich,view=4,gender=female:{write_rich(tmp_path, CLIP)}")
    assert truth.body is not None and truth.camera is not None
    assert (truth.body.family, truth.body.gender, truth.person, truth.fps) == ("smplx", "female", "017", 30.0)
    assert truth.frame_ids.tolist() == list(range(30, 42))
    found = rotvec_to_rotmat(truth.body.global_orient)
    np.testing.assert_allclose(found, rotvec_to_rotmat(CLIP.pose[:, 0]), atol=1e-5)
    np.testing.assert_allclose(truth.body.transl, CLIP.transl("smplx"), atol=1e-5)
    np.testing.assert_allclose(truth.body.betas[0], CLIP.betas, rtol=1e-6)
    np.testing.assert_allclose(truth.camera.K[0], CLIP.K)


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    folder = write_rich(tmp_path, CLIP)
    for text, expected in (
        (f"rich:{folder}", "say the gender of 017's body, as in rich,gender=female:"),
        (f"rich,gender=x:{folder}", "gender 'x' is not known"),
        (f"rich,gender=male,subject=009:{folder}", "no frames of subject 009; known: 017"),
        (f"rich,gender=male,view=9:{folder}", "no scan_calibration/ParkingLot2/calibration/009.xml in a folder above"),
        (f"rich,gender=male,view=c4:{folder}", "view c4: give the number of a camera"),
    ):
        with pytest.raises(InputError) as error:
            read_truth(text)
        assert expected in str(error.value)
    file = tmp_path / "scan_calibration/ParkingLot2/calibration/004.xml"
    file.write_text(file.read_text().replace("<data>", "<data>x ", 1))
    with pytest.raises(InputError, match="CameraMatrix: expected 3 x 4 numbers"):
        read_truth(f"rich,gender=male,view=4:{folder}")
