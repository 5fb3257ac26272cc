"""Frame and family changes keep every point of the body in place."""

from __future__ import annotations

import itertools
from typing import get_args

import numpy as np
import pytest
import smplx
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lsmplify_refine import BodyModel
from lsmplify_refine.formats.families import change_family
from lsmplify_refine.geometry.coordinates import Axes, axis_turn, move_body, pelvis_position
from lsmplify_refine.geometry.rotations import nearest_rotvec, rotmat_to_rotvec, rotvec_to_rotmat
from lsmplify_refine.values.estimate import Estimate
from tests.support.model_files import write_smpl

vectors = arrays(np.float64, (4, 3), elements=st.floats(-3, 3, allow_nan=False))


@given(vectors, vectors, vectors, vectors)
@settings(max_examples=50, deadline=None)
def test_moving_there_and_back_changes_nothing(
    orient: np.ndarray, transl: np.ndarray, turn: np.ndarray, shift: np.ndarray
) -> None:
    rest_pelvis = np.array([0.01, -0.35, 0.02])
    rotation = rotvec_to_rotmat(turn)
    there = move_body(orient, transl, rest_pelvis, rotation=rotation, translation=shift)
    inverse = np.swapaxes(rotation, 1, 2)
    back = move_body(*there, rest_pelvis, rotation=inverse, translation=-(inverse @ shift[..., None])[..., 0])
    assert np.allclose(back[1], transl, atol=1e-9)
    assert np.allclose(rotvec_to_rotmat(back[0]), rotvec_to_rotmat(orient), atol=1e-7)


AXES: tuple[Axes, ...] = get_args(Axes)


@pytest.mark.parametrize(("source", "target"), itertools.product(AXES, AXES))
def test_axis_turns_are_rotations_in_inverse_pairs(source: Axes, target: Axes) -> None:
    turn, back = axis_turn(source, target), axis_turn(target, source)
    assert np.array_equal(turn @ turn.T, np.eye(3)) and np.linalg.det(turn) == 1.0
    assert np.array_equal(back @ turn, np.eye(3))
    assert all(np.array_equal(axis_turn(other, target) @ axis_turn(source, other), turn) for other in AXES)


@pytest.mark.parametrize(
    ("axes", "up", "away"),
    [("y", (0, 1, 0), (0, 0, -1)), ("z", (0, 0, 1), (0, 1, 0)), ("camera", (0, -1, 0), (0, 0, 1))],
)
def test_up_and_away_from_the_viewer_in_each_kind_of_axes(
    axes: Axes, up: tuple[int, int, int], away: tuple[int, int, int]
) -> None:
    turn = axis_turn("y", axes)
    assert (turn @ [0, 1, 0]).tolist() == list(up) and (turn @ [0, 0, -1]).tolist() == list(away)
    assert (turn @ [1, 0, 0]).tolist() == [1, 0, 0]


def test_moving_the_parameters_moves_the_mesh(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Against smplx's own forward pass: x -> R x + t for every vertex, which the pelvis term alone makes true."""
    path = write_smpl(tmp_path_factory.mktemp("model"))
    model = smplx.SMPL(str(path), batch_size=4)
    generator = np.random.default_rng(0)
    orient, transl, shift = generator.normal(0, 1, (3, 4, 3))
    betas = generator.normal(0, 1, 10)
    rotation = rotvec_to_rotmat(generator.normal(0, 2, (4, 3)))

    def vertices(orient: np.ndarray, transl: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            found: np.ndarray = model(
                global_orient=torch.tensor(orient).float(),
                transl=torch.tensor(transl).float(),
                betas=torch.tensor(betas).float()[None],
            ).vertices.numpy()
        return found

    rest_pelvis = BodyModel.load(path).rest_pelvis(betas)
    moved = move_body(orient, transl, rest_pelvis, rotation=rotation, translation=shift)
    expected = vertices(orient, transl) @ np.swapaxes(rotation, 1, 2) + shift[:, None]
    assert np.abs(vertices(*moved) - expected).max() < 1e-4


@pytest.mark.parametrize(("family", "joints"), [("smpl", 23), ("smplh", 21)])
def test_a_change_of_family_keeps_the_pelvis_and_the_shared_joints(family: str, joints: int) -> None:
    generator = np.random.default_rng(1)
    estimate = Estimate(
        "smplx",
        "neutral",
        generator.normal(size=(5, 3)),
        generator.normal(size=(5, 21, 3)),
        np.zeros((5, 10)),
        generator.normal(size=(5, 3)),
    )
    old, new = np.array([0.003, -0.351, 0.012]), np.array([-0.002, -0.223, 0.028])
    changed = change_family(
        estimate,
        family,  # type: ignore[arg-type]
        rest_pelvis_from=old,
        rest_pelvis_to=new,
        betas=np.zeros((5, 16)),
    )
    assert changed.family == family and changed.body_pose.shape == (5, joints, 3)
    assert np.allclose(pelvis_position(changed.transl, new), pelvis_position(estimate.transl, old))
    assert np.array_equal(changed.body_pose[:, :21], estimate.body_pose)
    assert not changed.body_pose[:, 21:].any()


@pytest.mark.parametrize("angle", [0.0, 1e-9, 1.0, np.pi - 1e-6, np.pi, np.pi + 0.3, 5.0])
def test_nearest_rotvec_keeps_a_long_way_round(angle: float) -> None:
    reference = np.array([[0.0, 0.6, 0.8]]) * angle
    found = nearest_rotvec(rotvec_to_rotmat(reference), reference)
    assert np.allclose(found, reference, atol=1e-6)
    assert np.linalg.norm(rotmat_to_rotvec(rotvec_to_rotmat(reference))) <= np.pi + 1e-9
