"""Whatever the parameters are, what is written through an adapter's container is what is read back."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lsmplify_refine.formats import load_save
from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from lsmplify_refine.values.estimate import Estimate, WorldRoot
from tests.support.adapter_cases import CASES
from tests.support.round_trips import stores_world

#: One container for each adapter, and several for those that code rotations in several ways.
KINDS = (
    "generic 24 matrices", "generic 6D rows", "generic 6D columns", "generic 6D interleaved", "generic json",
    "amass smplx", "wham", "vibe", "pare", "phalp", "prompthmr", "tram", "romp video", "smplerx", "easymocap",
    "smplcodec", "gem", "comotion", "human3r", "multihmr json", "glamr", "hybrik", "slahmr", "camsmplify", "emdb",
    "3dpw", "hmr4d vimo", "smplifyx pkl", "smplestx fork", "gvhmr pt", "gvhmr npz",
)  # fmt: skip
#: Of single precision, through matrices and crop cameras.
TOLERANCE = 2e-5


def replaced(estimate: Estimate, seed: int, angle: float) -> Estimate:
    """Other parameters throughout: rotations of about `angle`, translations a little off, one shape."""
    generator = np.random.default_rng(seed)

    def draw(like: np.ndarray, scale: float) -> np.ndarray:
        return (scale * generator.standard_normal(like.shape)).astype(like.dtype)

    def moved(transl: np.ndarray) -> np.ndarray:
        # before the camera still: a crop camera cannot say anything else
        return (transl * generator.uniform(0.7, 1.3, (len(transl), 1))).astype(transl.dtype)

    orient, transl, world = draw(estimate.global_orient, angle), moved(estimate.transl), estimate.world
    if world is not None and estimate.frame == "world":
        world = WorldRoot(orient, transl, world.up)
    elif world is not None:
        world = WorldRoot(draw(world.global_orient, angle), moved(world.transl), world.up)
    return estimate.replace(
        global_orient=orient,
        body_pose=draw(estimate.body_pose, angle),
        transl=transl,
        betas=np.repeat(draw(estimate.betas[:1], 2.0), len(estimate), axis=0),
        world=world,
    )


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), angle=st.floats(0.01, 2.5))  # a pose at rest may be of any family: asked
def test_written_parameters_are_read_back(kind: str, seed: int, angle: float) -> None:
    case = CASES[kind]
    with tempfile.TemporaryDirectory() as folder:
        source = case.write(Path(folder))
        target = source.with_name(f"again_{source.name}")
        wanted = [replaced(person, seed + n, angle) for n, person in enumerate(load_save.load(source, format=case.how))]
        load_save.save(wanted, target)
        for person, again in zip(wanted, load_save.load(target, format=case.how), strict=True):
            scale = max(1.0, float(np.abs(person.transl).max()))
            assert np.abs(again.transl - person.transl).max() < TOLERANCE * scale
            assert np.array_equal(again.betas, person.betas)
            pairs = [(again.global_orient, person.global_orient), (again.body_pose, person.body_pose)]
            if person.world is not None and again.world is not None and stores_world(person):
                pairs.append((again.world.global_orient, person.world.global_orient))
                assert np.abs(again.world.transl - person.world.transl).max() < TOLERANCE * scale
            for read, written in pairs:
                assert np.abs(rotvec_to_rotmat(read) - rotvec_to_rotmat(written)).max() < TOLERANCE


#: SAM 3D Body has keypoints instead of parameters, AIST++ no shape.
WITHOUT = {"sam3d", "aistpp"}


def test_every_adapter_is_among_them() -> None:
    assert {CASES[kind].adapter for kind in KINDS} | WITHOUT == {case.adapter for case in CASES.values()}
