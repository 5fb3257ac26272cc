"""Save what SMPLest-X, SMPLer-X, OSX or SAM 3D Body predicts; their own scripts only save rendered frames.

SMPLest-X, SMPLer-X, OSX: add to `main/inference.py`, before the loop and inside it:

    recorder = Recorder("results/clip")
    ...
    recorder.add(frame, out, bbox, focal, princpt)  # out: the model's output for this box

The folder has SMPLer-X's layout, and `lsmplify-refine --input results/clip --video clip.mp4` reads it:

    results/clip/smplx/00001_0.npz   parameters of frame 1, person 0
    results/clip/meta/00001_0.json   the box, and its camera's focal length and principal point
    results/clip/recording.json      writer, frame rate, whether ids are track ids

SAM 3D Body: call it for each frame, and add what it returns:

    recorder = Sam3dRecorder("results/clip")
    ...
    recorder.add(frame, estimator.process_one_image(image))

    results/clip/people/000000_0.npz   keypoints, translation and MHR's parameters in frame 0, person 0
    results/clip/recording.json        writer, frame rate, whether ids are track ids

This module only needs numpy.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

#: SMPLest-X's name -> SMPLer-X's name and the shape in the file.
_KEYS: dict[str, tuple[str, tuple[int, ...]]] = {
    "smplx_root_pose": ("global_orient", (1, 3)),
    "smplx_body_pose": ("body_pose", (21, 3)),
    "smplx_lhand_pose": ("left_hand_pose", (15, 3)),
    "smplx_rhand_pose": ("right_hand_pose", (15, 3)),
    "smplx_jaw_pose": ("jaw_pose", (1, 3)),
    "smplx_shape": ("betas", (1, 10)),
    "smplx_expr": ("expression", (1, 10)),
    "cam_trans": ("transl", (1, 3)),
}
_REQUIRED = ("smplx_root_pose", "smplx_body_pose", "smplx_shape", "cam_trans")


class Recorder:
    """Writes one file for each frame and person.

    Args:
        folder: Created if missing.
        fps: Frame rate of the images, if known.
        tracked: Whether `person` in `add` is the same person in all frames, not just a detection's number.

    Raises:
        FileExistsError: The folder holds an earlier recording.
    """

    def __init__(self, folder: str | Path, *, fps: float | None = None, tracked: bool = True) -> None:
        self.folder = Path(folder)
        if (self.folder / "smplx").exists():
            raise FileExistsError(f"{self.folder}: holds a recording already; give another folder")
        for name in ("smplx", "meta"):
            (self.folder / name).mkdir(parents=True)
        about = {"writer": "lsmplify_refine.recorder", "version": 1, "fps": fps, "tracked": tracked, "first_frame": 1}
        (self.folder / "recording.json").write_text(json.dumps(about))

    def add(
        self,
        frame: int,
        outputs: Mapping[str, Any],
        bbox: Sequence[float] | np.ndarray,
        focal: Sequence[float] | np.ndarray,
        princpt: Sequence[float] | np.ndarray,
        *,
        person: int = 0,
    ) -> None:
        """Record one box of one frame.

        Args:
            frame: Number of the image file, counted from 1 as in ffmpeg and the scripts.
            outputs: The model's dict for this single box; tensors (on any device) or arrays.
            bbox: The *processed* box that was cropped: x, y, width, height in image pixels.
            focal: Focal lengths of the box's camera in image pixels: 5000 / 192 * width, 5000 / 256 * height.
            princpt: Principal point of the box's camera in image pixels: the centre of the box.
            person: The person's id, if the frame has several.

        Raises:
            ValueError: The frame is below 1, or a value is missing, not finite, or has another shape than for one box.
        """
        if frame < 1:
            raise ValueError(f"frame {frame}: frames count from 1, as the image files do")
        missing = [name for name in _REQUIRED if name not in outputs]
        if missing:
            raise ValueError(f"frame {frame}: the outputs lack {', '.join(missing)}; they have {', '.join(outputs)}")
        arrays: dict[str, Any] = {
            name: _as_shape(outputs[key], shape, f"frame {frame}: {key}")
            for key, (name, shape) in _KEYS.items()
            if key in outputs
        }
        camera = {
            "focal": _as_shape(focal, (2,), f"frame {frame}: focal").tolist(),
            "princpt": _as_shape(princpt, (2,), f"frame {frame}: princpt").tolist(),
            "bbox": _as_shape(bbox, (4,), f"frame {frame}: bbox").tolist(),
            "bbox_id": int(person),
        }
        name = f"{int(frame):05}_{int(person)}"
        np.savez(self.folder / "smplx" / f"{name}.npz", **arrays)
        (self.folder / "meta" / f"{name}.json").write_text(json.dumps(camera))


#: What SAM 3D Body's dict of a person must hold, and its shape.
_SAM3D_REQUIRED: dict[str, tuple[int, ...]] = {
    "pred_keypoints_3d": (70, 3),
    "pred_keypoints_2d": (70, 2),
    "pred_cam_t": (3,),
}
#: What is too large to keep, and made anew from the rest.
_SAM3D_LEFT_OUT = ("pred_vertices", "mask", "faces")


class Sam3dRecorder:
    """Writes one file for each frame and person of SAM 3D Body.

    Args:
        folder: Created if missing.
        fps: Frame rate of the images, if known.
        first_frame: Number of the video's first frame in `add`.

    Raises:
        FileExistsError: The folder holds an earlier recording.
    """

    def __init__(self, folder: str | Path, *, fps: float | None = None, first_frame: int = 0) -> None:
        self.folder, self.first_frame = Path(folder), first_frame
        if (self.folder / "people").exists():
            raise FileExistsError(f"{self.folder}: holds a recording already; give another folder")
        (self.folder / "people").mkdir(parents=True)
        self._about = {"writer": "lsmplify_refine.recorder", "version": 1, "fps": fps, "first_frame": first_frame}
        self._write_about(tracked=False)

    def add(self, frame: int, outputs: Sequence[Mapping[str, Any]], *, ids: Sequence[int] | None = None) -> None:
        """Record the people of one frame.

        Args:
            frame: The frame's number, from `first_frame`.
            outputs: What `process_one_image` returns: a dict for each person.
            ids: A track id for each of them, if known. Without ids, people are linked by their boxes.

        Raises:
            ValueError: The frame is below the first one, the ids do not fit, or a value is missing, not finite, or has
                another shape.
        """
        if frame < self.first_frame:
            raise ValueError(f"frame {frame}: frames count from {self.first_frame}")
        if ids is not None and (len(ids) != len(outputs) or len(set(ids)) < len(ids)):
            raise ValueError(f"frame {frame}: {len(outputs)} people need as many different ids, not {list(ids)}")
        self._write_about(tracked=ids is not None)
        for place, person in enumerate(outputs):
            where = f"frame {frame}, person {place}"
            missing = [name for name in _SAM3D_REQUIRED if name not in person]
            if missing:
                raise ValueError(f"{where}: the outputs lack {', '.join(missing)}; they have {', '.join(person)}")
            arrays: dict[str, Any] = {
                name: _as_shape(person[name], shape, f"{where}: {name}") for name, shape in _SAM3D_REQUIRED.items()
            }
            others = {name: value for name, value in person.items() if name not in (*arrays, *_SAM3D_LEFT_OUT)}
            arrays |= {name: array for name, value in others.items() if (array := _numbers(value)) is not None}
            if ids is not None:
                arrays["track_id"] = np.array(int(ids[place]))
            np.savez(self.folder / "people" / f"{int(frame):06}_{place}.npz", **arrays)

    def _write_about(self, *, tracked: bool) -> None:
        text = json.dumps({**self._about, "tracked": tracked})
        (self.folder / "recording.json").write_text(text)


def _numbers(value: Any) -> np.ndarray | None:
    """An array of numbers, from a tensor, an array or a list; None for anything else."""
    array = np.asarray(_on_cpu(value))
    return array if array.dtype.kind in "fiu" else None


def _on_cpu(value: Any) -> Any:
    """An array from a tensor, which is recognised by its methods; anything else as it is."""
    for method in ("detach", "cpu", "numpy"):
        value = getattr(value, method)() if hasattr(value, method) else value
    return value


def _as_shape(value: Any, shape: tuple[int, ...], where: str) -> np.ndarray:
    """A finite float array of the given shape, from a tensor, an array or a list."""
    array = np.asarray(_on_cpu(value))
    array = array.astype(np.float64 if array.dtype == np.float64 else np.float32)
    if array.size != int(np.prod(shape)):
        raise ValueError(f"{where}: shape {array.shape} is not of one person; expected {shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{where}: NaN or infinite values")
    return array.reshape(shape)
