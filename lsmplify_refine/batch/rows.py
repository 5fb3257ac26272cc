"""`Row`: one clip of a batch, and the options that a row may set for itself."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path, PurePosixPath
from typing import Any, get_args, get_type_hints

from lsmplify_refine.errors import InputError
from lsmplify_refine.job.job import Job
from lsmplify_refine.options import WEIGHTS_NAMES, OutputFormat, VideoOptions
from lsmplify_refine.values.ranges import check_range, image_size

#: Fields of a job that a row has as its own fields, or that the whole batch decides.
_OWN = ("input", "video", "keypoints", "calibration")
VIDEO_OPTIONS = tuple(each.name for each in fields(VideoOptions))
_BATCHS = ("output", "overwrite", "write_video", "write_page", "scene", "device", *VIDEO_OPTIONS)


@dataclass(frozen=True)
class Row:
    """One clip: what is read, and what the clip is called.

    Attributes:
        name: Relative path without a suffix, `/` between folders, unique in the batch: outputs go to this folder.
        input: The estimator's result, a file or its output folder.
        video: The video; None for the one beside the input, if any.
        keypoints: Keypoint file or folder; None for the input's own.
        calibration: Calibration of the cameras, if `keypoints` is the folder of all cameras' keypoints.
        truth: Where the true motion is; None if it is not known. Layouts write it, and truth readers read it.
        groups: Columns of the table, such as sport, action, subject, view and estimator.
        options: Options of this clip alone, as `Job` names them ("person", "format", "focal_px", ...).
    """

    name: str
    input: Path
    video: Path | None = None
    keypoints: Path | None = None
    calibration: Path | None = None
    truth: str | None = None
    groups: dict[str, str] = field(default_factory=dict)
    options: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_name(self.name)
        for option, text in self.options.items():
            option_value(option, text)

    def job_options(self) -> dict[str, Any]:
        """This row's own options, as keyword arguments of `Job`."""
        return {option: option_value(option, text) for option, text in self.options.items()}


def option_names() -> tuple[str, ...]:
    """The options that a row may set."""
    return tuple(each.name for each in fields(Job) if each.name not in (*_OWN, *_BATCHS))


def option_value(option: str, text: str) -> Any:
    """The value of a row's option, of the type that `Job` has.

    Args:
        option: The option's name, as a field of `Job`.
        text: Its value, as in a manifest.

    Raises:
        InputError: There is no such option, or the text is not one of its values.
    """
    if option not in option_names():
        raise InputError(f"{option}: not an option of a row; known: {', '.join(option_names())}")
    if option in _READERS:
        return _READERS[option](text)
    kinds = _kinds(option)
    choices = _choices(kinds)
    if choices:
        return _choice(option, text, choices)
    for number in (int, float):
        if number in kinds:
            return _number(option, text, number)
    return Path(text) if is_path(option, text) else text


def in_folder(options: Mapping[str, str], folder: Path) -> dict[str, str]:
    """A row's options whose paths are relative to a folder, that of a manifest or a data set.

    Args:
        options: A row's options as texts.
        folder: The folder of the manifest, or of the data set.
    """
    return {name: str(folder / text) if is_path(name, text) else text for name, text in options.items()}


def is_path(option: str, text: str) -> bool:
    """Whether the text of a row's option is a path.

    Args:
        option: The option's name.
        text: Its value.
    """
    return option in option_names() and Path in _kinds(option) and text not in WEIGHTS_NAMES


def _kinds(option: str) -> tuple[Any, ...]:
    """The types that a job's option may have."""
    kind = get_type_hints(Job)[option]
    return get_args(kind) or (kind,)


def _choices(kinds: tuple[Any, ...]) -> tuple[str, ...]:
    """The words that an option of these types may be; none if it takes any text."""
    return tuple(each for kind in kinds for each in (kind, *get_args(kind)) if isinstance(each, str))


def check_name(name: str) -> None:
    """Check that a clip's name is a path that stays inside the output folder.

    Args:
        name: The clip's name.

    Raises:
        InputError: It is not.
    """
    path = PurePosixPath(name)
    leads_out = path.is_absolute() or ".." in path.parts or str(path) != name or "\\" in name
    if not path.parts or leads_out or "\0" in name or not _can_be_stored(name):
        raise InputError(f"{name or 'an empty name'}: not a clip's name; give a relative path such as sport/clip_01")


def _can_be_stored(name: str) -> bool:
    try:
        os.fsencode(name)
    except UnicodeEncodeError:
        return False
    return True


def check_unique(rows: Sequence[Row]) -> None:
    """Check that no two clips have one name, also where `A` and `a` are the same folder.

    Args:
        rows: All clips of a batch.

    Raises:
        InputError: Two have.
    """
    counts = Counter(row.name.casefold() for row in rows)
    twice = [row for row in rows if counts[row.name.casefold()] > 1]
    if twice:
        raise InputError(
            f"{twice[0].name}: the name of {len(twice)} clips or more, {twice[0].input} among them; "
            "give each clip another name in the manifest"
        )


def _number(option: str, text: str, kind: type[float]) -> float:
    try:
        value = kind(text)
    except ValueError as error:
        raise InputError(f"{option}: {text} is not a number") from error
    check_range(option, value)
    return value


def _choice(option: str, text: str, choices: tuple[str, ...]) -> str:
    if text not in choices:
        raise InputError(f"{option}: {text} is none of {', '.join(choices)}")
    return text


def _formats(text: str) -> str | tuple[str, ...]:
    """One format, or several between spaces or commas."""
    words = text.replace(",", " ").split() or [text]
    found = tuple(_choice("output_format", word, get_args(OutputFormat)) for word in words)
    return found[0] if len(found) == 1 else found


#: Readers of the options whose texts are more than a word, a number or a path.
_READERS: dict[str, Callable[[str], Any]] = {"image_size": image_size, "output_format": _formats}
