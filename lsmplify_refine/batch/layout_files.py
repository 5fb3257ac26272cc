"""`Layout`: where the files of a data set lie, read from a small TOML file.

docs/datasets.md describes the keys. The shipped layouts are in `assets/layouts`; a copy of one is a user's own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from importlib import resources
from pathlib import Path
from typing import Any, Literal, get_args

from lsmplify_refine.batch.patterns import Pattern
from lsmplify_refine.batch.rows import option_names
from lsmplify_refine.errors import InputError, did_you_mean
from lsmplify_refine.safe_load import load_toml

#: Which keypoints to refine onto: 3D ones where there are some, else 2D ones; or one kind alone; or the input's own.
Targets = Literal["auto", "3d", "2d", "own"]


@dataclass(frozen=True, kw_only=True)
class Clips:
    """One kind of clip in a data set; a table `[[clips]]` of a layout. Paths are relative to the data set.

    Attributes:
        input: Pattern of the results: each match is a clip. `{name}` fields and `*` stand for a part of a name.
        members: Pattern of the keys of a result that holds many clips; each key is a clip, and `{clip}` is the key.
        only: The clips to take, by their `{clip}` or name; empty for all.
        name: The clip's name, made of fields.
        groups: Fields that become columns of the table.
        fields: Further fields with a fixed value.
        video, keypoints_2d, keypoints_3d, calibration: Where these lie; the first of several that exists.
        truth: Where the true motion lies, `READER[,OPTION=VALUE]:PATH` (see `datasets.read_truth`), or several.
        targets: Which keypoints to refine onto unless the user chooses.
        options: Options of `Job` for these clips.
        options_2d, options_3d: Further options if these keypoints are used.
        ignore: File with the clips that the data set's authors exclude, one in a line.
        ignored: How such a line names a clip, made of fields.
    """

    input: tuple[str, ...]
    members: str | None = None
    only: tuple[str, ...] = ()
    name: str
    groups: tuple[str, ...] = ()
    fields: Mapping[str, str] = field(default_factory=dict)
    video: tuple[str, ...] = ()
    keypoints_2d: tuple[str, ...] = ()
    keypoints_3d: tuple[str, ...] = ()
    calibration: tuple[str, ...] = ()
    truth: tuple[str, ...] = ()
    targets: Targets = "auto"
    options: Mapping[str, str] = field(default_factory=dict)
    options_2d: Mapping[str, str] = field(default_factory=dict)
    options_3d: Mapping[str, str] = field(default_factory=dict)
    ignore: str | None = None
    ignored: str = "{clip}"


@dataclass(frozen=True)
class Layout:
    """A data set's layout.

    Attributes:
        name: Its name.
        about: What it describes, and how sure that is.
        clips: The kinds of clip; a file that several match belongs to the first.
    """

    name: str
    about: str
    clips: tuple[Clips, ...]


def layout_names() -> tuple[str, ...]:
    """The shipped layouts."""
    files = (resources.files("lsmplify_refine.assets") / "layouts").iterdir()
    return tuple(sorted(file.name.removesuffix(".toml") for file in files if file.name.endswith(".toml")))


def load_layout(name: str | Path) -> Layout:
    """Read a layout: a shipped one by name, or a user's `.toml` file.

    Args:
        name: A shipped layout's name, or the path of a file.

    Raises:
        InputError: There is no such layout, or a key is missing, unknown or has another type.
    """
    if str(name) in layout_names():
        with resources.as_file(resources.files("lsmplify_refine.assets") / "layouts" / f"{name}.toml") as path:
            return _read(path)
    path = Path(name)
    if not path.is_file():
        known = ", ".join(layout_names())
        nearest = did_you_mean(str(name), layout_names())
        raise InputError(f"{name}: no such layout; give one of {known}, or a .toml file of your own{nearest}")
    return _read(path)


def _read(path: Path) -> Layout:
    content = load_toml(path)
    tables = content.pop("clips", None)
    about = content.pop("about", "")
    if content or not isinstance(about, str):
        raise InputError(f"{path}: {', '.join(content) or 'about'}: not a key of a layout; it has about and [[clips]]")
    if not isinstance(tables, list) or not tables or not all(isinstance(table, dict) for table in tables):
        raise InputError(f"{path}: [[clips]] is missing; it says where the clips of the data set lie")
    return Layout(path.stem, about.strip(), tuple(_clips(table, path) for table in tables))


def _clips(table: Mapping[str, Any], path: Path) -> Clips:
    """A table of the file, checked."""
    kinds = {each.name: str(each.type) for each in fields(Clips)}
    values: dict[str, Any] = {}
    for key, value in table.items():
        kind = kinds.get(key)
        if kind is None:
            raise InputError(f"{path}: clips: {key}: not a key; known: {', '.join(kinds)}")
        values[key] = _value(kind, value, f"{path}: clips: {key}")
    missing = [key for key in ("input", "name") if key not in values]
    if missing:
        raise InputError(f"{path}: clips: {missing[0]} is missing")
    if values.get("targets", "auto") not in get_args(Targets):
        raise InputError(f"{path}: clips: targets: {values['targets']} is none of {', '.join(get_args(Targets))}")
    clips = Clips(**values)
    if bare := [text for text in clips.truth if ":" not in text]:
        raise InputError(f"{path}: clips: truth: {bare[0]}: needs a reader, as in load:{bare[0]}")
    _check_fields(clips, path)
    return clips


def _value(kind: str, value: Any, where: str) -> Any:
    """A value of the type that `Clips` has, from what TOML has."""
    if kind.startswith("Mapping"):
        if not isinstance(value, dict) or not all(isinstance(each, (str, int, float)) for each in value.values()):
            raise InputError(f"{where}: must be a table of names and texts")
        return {name: str(each) for name, each in value.items()}
    if kind.startswith("tuple"):
        listed = value if isinstance(value, list) else [value]
        if not all(isinstance(each, str) for each in listed):
            raise InputError(f"{where}: must be a text or a list of texts")
        return tuple(listed)
    if not isinstance(value, str):
        raise InputError(f"{where}: must be a text")
    return value


def _check_fields(clips: Clips, path: Path) -> None:
    """Check that every field that is used is one that the patterns or the table give, and every option exists."""
    members = set() if clips.members is None else {*Pattern(clips.members).fields, "clip"}
    for text in clips.input:
        known = {*Pattern(text).fields, *members, *clips.fields}
        used: dict[str, Sequence[str]] = {"name": [clips.name]}
        for key in ("video", "keypoints_2d", "keypoints_3d", "calibration", "truth"):
            used[key] = getattr(clips, key)
        for key in ("options", "options_2d", "options_3d"):
            used[key] = list(getattr(clips, key).values())
        used |= {"ignored": [clips.ignored] if clips.ignore else []}
        for key, texts in used.items():
            unknown = [name for each in texts for name in Pattern(each).fields if name not in known]
            if unknown:
                raise InputError(f"{path}: clips: {key}: no field {{{unknown[0]}}} in {text}")
        unknown = [name for name in clips.groups if name not in known]
        if unknown:
            raise InputError(f"{path}: clips: groups: no field {{{unknown[0]}}} in {text}")
    options = {*clips.options, *clips.options_2d, *clips.options_3d} - set(option_names())
    if options:
        raise InputError(f"{path}: clips: options: {min(options)}: unknown; known: {', '.join(option_names())}")
