"""The choices and defaults of the options, without torch, so that the command line can read them."""

from __future__ import annotations

from typing import Literal

#: Body model families.
Family = Literal["smpl", "smplh", "smplx"]

#: Genders of the body models.
Gender = Literal["neutral", "female", "male"]

#: How 3D keypoints come into the estimate's frame: see `engine.align`.
Align = Literal["auto", "camera", "torso", "procrustes"]

#: Where a frame starts: see `Refiner`.
Mode = Literal["plug-in", "sequential"]

#: Standard deviation of the correction's low-pass, seconds.
SMOOTH_SECONDS = 0.1

#: Where to compute; "auto" is CUDA where there is one, else the CPU.
Device = Literal["auto", "cpu", "cuda", "mps"]

#: Formats that results can be written in instead of the input's (see `formats.export`).
OutputFormat = Literal["amass", "smpl-npz", "smplx-npz", "gvhmr", "bvh"]

#: Frame rate assumed where neither the file nor a video says one.
DEFAULT_FPS = 30.0
