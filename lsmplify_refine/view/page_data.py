"""What a page's controls know of its scenes: a tree of names and numbers, and one block of packed arrays."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from lsmplify_refine.formats.figure import Figure
from lsmplify_refine.stopping import check
from lsmplify_refine.values.smpl_joints import JOINT_NAMES
from lsmplify_refine.view.actor import FEET, NAME_ABOVE_M, OPACITY, SEE_THROUGH, Actor
from lsmplify_refine.view.clip import Clip
from lsmplify_refine.view.clip import Stage as When
from lsmplify_refine.view.colors import JOINT, PICKED
from lsmplify_refine.view.joints import PICKABLE
from lsmplify_refine.view.pictures import Pictures
from lsmplify_refine.view.stage import APART_M, LAYOUTS, Shown, Stage, parts_of
from lsmplify_refine.view.words import legend

#: Pictures in a page are this wide, and at most so many, so that the file stays small.
_WIDTH_PX, _MAX_PICTURES, _JPEG_QUALITY = 320, 150, 70
#: Unit quaternions, and tenths of millimetres, degrees or pixels, as 16-bit numbers; unknown is -1.
_SHORT, _TENTHS, _UNKNOWN = 32767, 10.0, -1


class Packer:
    """Collects arrays in one block, each at a multiple of four bytes."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0

    def add(self, values: np.ndarray, kind: str) -> dict[str, Any]:
        """Add an array.

        Args:
            values: The numbers.
            kind: "i2", "i4", "f4" or "u1".

        Returns:
            Where it is, for `opened` of scene.js.
        """
        data = np.ascontiguousarray(values, dtype=f"<{kind}").tobytes()
        at = self._size
        data += bytes(-len(data) % 4)
        self._parts.append(data)
        self._size += len(data)
        return {"kind": kind, "at": at, "count": int(values.size)}

    def packed(self) -> str:
        """The block, deflated, as base64."""
        return base64.b64encode(zlib.compress(b"".join(self._parts), 6)).decode("ascii")


def page_data(stages: Sequence[Stage]) -> tuple[dict[str, Any], str]:
    """The tree and the arrays of a page that shows these stages, the first of them at first."""
    clip, packer = stages[0].clip, Packer()
    clips = [each.clip for each in stages]
    parts = parts_of(clips)
    tree = {
        "name": clip.name,
        "fps": clip.fps,
        "start": clip.start,
        "stop": clip.stop,
        "shown": {**{part: getattr(Shown, part) for part in parts}, "layout": Shown.layout},
        "parts": parts,
        "layouts": LAYOUTS,
        "joints": JOINT_NAMES[:PICKABLE],
        "legend": [{"color": color, "text": text} for color, text in legend(clips)],
        "people": [{"name": person.name, "numbers": person.numbers} for person in clip.people],
        "spaces": [_space(stage, packer) for stage in stages],
        "pictures": _pictures(clips, packer),
        "lastNode": stages[-1].last_node,
    }
    return tree, packer.packed()


def _space(stage: Stage, packer: Packer) -> dict[str, Any]:
    root = f"/{stage.clip.space}"
    return {
        "name": stage.clip.space,
        "root": root,
        "before": f"{root}/before",
        "apart": APART_M,
        "views": {
            name: {"position": view.position.tolist(), "look_at": view.look_at.tolist(), "fov": view.fov_rad}
            for name, view in stage.views().items()
        },
        "frustum": f"{root}/camera" if stage.frustum is not None else None,
        "people": [_person(actor, packer) for actor in stage.actors],
    }


def _person(actor: Actor, packer: Packer) -> dict[str, Any]:
    person = actor.person
    check()
    feet = [{"node": handle.name, "joint": joint} for handle, joint in zip(actor.feet, FEET)]
    stands = None if person.contacts is None else packer.add(person.contacts > 0.5, "u1")
    return {
        "figures": {stage: _figure(actor, stage, figure, packer) for stage, figure in person.figures.items()},
        "feet": feet,
        "contacts": stands,
        "joints": actor.joints.name,
        "pickable": PICKABLE,
        "jointColor": JOINT,
        "pickedColor": PICKED,
        "label": actor.label.name if actor.label is not None else None,
        "labelAbove": NAME_ABOVE_M,
        "aim": _aim(actor, packer),
        "jointNumbers": {label: _tenths(values, packer) for label, values in person.joint_numbers.items()},
    }


def _figure(actor: Actor, stage: When, figure: Figure, packer: Packer) -> dict[str, Any]:
    moving = figure.rotvec.shape[1]
    quats = Rotation.from_rotvec(figure.rotvec.reshape(-1, 3)).as_quat()[:, [3, 0, 1, 2]]
    rest = figure.body.rest_mesh(figure.shape.betas, figure.shape.scale)[1]
    parents = figure.body.arrays.parents
    offsets = [rest[joint] - rest[max(parent, 0)] for joint, parent in enumerate(parents)]
    return {
        "node": actor.meshes[stage].name,
        "trails": [trail.name for trail in actor.trails[stage]],
        "opacity": OPACITY[stage],
        "seeThrough": SEE_THROUGH,
        "frames": packer.add(figure.frame_ids, "i4"),
        "moving": moving,
        "quaternions": packer.add(np.round(quats * _SHORT), "i2"),
        "pelvis": packer.add(figure.pelvis, "f4"),
        "parents": [int(parent) for parent in parents],
        "offsets": [[round(float(value), 6) for value in offset] for offset in offsets],
    }


def _aim(actor: Actor, packer: Packer) -> dict[str, Any] | None:
    aim = actor.person.aim
    if aim is None or actor.aim is None:
        return None
    points, lines = actor.aim
    return {
        "points": points.name,
        "lines": lines.name,
        "count": aim.target.shape[1],
        "body": packer.add(aim.body, "f4"),
        "target": packer.add(aim.target, "f4"),
    }


def _tenths(values: np.ndarray, packer: Packer) -> dict[str, Any]:
    tenths = np.clip(np.nan_to_num(np.round(values * _TENTHS), nan=_UNKNOWN), _UNKNOWN, _SHORT)
    return packer.add(tenths, "i2")


def _pictures(clips: Sequence[Clip], packer: Packer) -> dict[str, Any]:
    """Small pictures of the video, evenly over the clip."""
    clip = next((each for each in clips if each.video is not None), None)
    frames: list[int] = []
    images: list[dict[str, Any]] = []
    if clip is None or clip.video is None:
        return {"frames": frames, "images": images}
    pictures = Pictures(clip.video, _WIDTH_PX)
    for frame in range(clip.start, clip.stop, max(1, -(-(clip.stop - clip.start) // _MAX_PICTURES))):
        check()
        picture = pictures.at(frame)
        if picture is None:
            break
        bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
        jpeg = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1]
        frames.append(frame)
        images.append(packer.add(jpeg, "u1"))
    return {"frames": frames, "images": images}
