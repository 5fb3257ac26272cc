"""`read_truth`: the true motion that a text such as `threedpw,person=0:sequenceFiles/test/bar.pkl` stands for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from lsmplify_refine.datasets import aistpp, athletepose3d, rich
from lsmplify_refine.datasets.truth import Truth, check_options, truth_of
from lsmplify_refine.errors import InputError
from lsmplify_refine.formats.load_save import load
from lsmplify_refine.formats.registry import adapters
from lsmplify_refine.keypoint_files import load_tracks

_Reader = Callable[[Path, Mapping[str, str]], list[Truth]]

#: Reads a file in any format of `load`, recognised by content.
_LOAD = "load"
_KEYPOINTS_OPTIONS = ("convention", "frame", "fps")


def read_truth(text: str) -> tuple[Truth, ...]:
    """Read the true motion of everybody in a clip.

    Args:
        text: `READER[,OPTION=VALUE...]:PATH`. A reader is "load" or a format of `load` with its options ("hmr4d",
            "emdb", "threedpw", ...), "keypoints" for 3D points in the camera's axes or, with `frame=world`, in a
            world's, or a data set ("aistpp", "athletepose3d", "rich"). The option `person` chooses one person.

    Raises:
        InputError: There is no such reader or option, or the file cannot be read.
    """
    head, colon, path = text.partition(":")
    name, *parts = head.split(",")
    if not colon or not path or not all("=" in part for part in parts):
        raise InputError(f"truth {text}: expected READER:PATH or READER,OPTION=VALUE:PATH; readers: {_names()}")
    options = dict(part.partition("=")[::2] for part in parts)
    person = options.pop("person", None)
    reader = _READERS.get(name) or (_reader_of(name) if name in (_LOAD, *adapters()) else None)
    if reader is None:
        raise InputError(f"truth {text}: no reader {name}; readers: {_names()}")
    found = reader(Path(path), options)
    chosen = [truth for truth in found if person in (None, truth.person)]
    if not chosen:
        known = ", ".join(truth.person for truth in found)
        raise InputError(f"truth {text}: nobody is called {person}; known: {known}")
    return tuple(chosen)


def _names() -> str:
    return ", ".join((_LOAD, *_READERS, *(name for name in adapters() if name not in _READERS)))


def _reader_of(name: str) -> _Reader:
    """A reader of everybody in a file in a format of `load`."""

    def read(path: Path, options: Mapping[str, str]) -> list[Truth]:
        """Everybody in the file."""
        if name == _LOAD:
            check_options(_LOAD, options, ())
            return [truth_of(person) for person in load(path)]
        more = ",".join(f"{option}={value}" for option, value in options.items())
        return [truth_of(person) for person in load(path, format=f"{name}:{more}" if more else name)]

    return read


def _read_keypoints(path: Path, options: Mapping[str, str]) -> list[Truth]:
    """3D points of a keypoint file."""
    check_options("keypoints", options, _KEYPOINTS_OPTIONS)
    tracks = load_tracks(path, convention=options.get("convention"))
    if not all(track.keypoints.is_3d for track in tracks):
        raise InputError(f"{path}: 2D keypoints; the truth needs points in space")
    fps = float(options["fps"]) if options.get("fps", "").replace(".", "", 1).isdigit() else None
    return [
        Truth(
            track.frame_ids,
            int(track.frame_ids[-1]) + 1,
            "world" if options.get("frame") == "world" else "camera",
            points=track.keypoints,
            fps=track.fps or fps,
            person=track.person,
            source=path,
        )
        for track in tracks
    ]


_READERS: dict[str, _Reader] = {
    "keypoints": _read_keypoints,
    "aistpp": aistpp.read,
    "athletepose3d": athletepose3d.read,
    "rich": rich.read,
}
