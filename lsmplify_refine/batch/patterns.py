"""`Pattern`: paths with named fields, such as `{subject}/{sport}_{view:digits}.mp4`."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from lsmplify_refine.errors import InputError

#: What a field stands for, by the word after its colon; without one, a part of a name, as short as the rest allows.
_KINDS = {"": "[^/]+?", "digits": "[0-9]+", "stem": "[^/.]+?", "path": ".+?"}
_FIELD = re.compile(r"\{([a-z_][a-z0-9_]*)(?::([a-z]*))?\}")
_WILDCARDS = {"**/": "(?:.*/)?", "*": "[^/]*", "?": "[^/]"}
_TOKEN = re.compile(rf"({_FIELD.pattern})|(\*\*/|\*|\?)|(\[[*?\[]\])")


@dataclass(frozen=True)
class Pattern:
    """A path with fields in braces and wildcards (`*`, `?`, and `**/` for any folders).

    A field stands for a part of a name, `{name:digits}` for a number, `{name:stem}` for a part without a dot,
    `{name:path}` for one name or more with `/` between. A field that occurs twice stands for the same text.

    Raises:
        InputError: A brace does not enclose a field, or the kind of a field is not known.
    """

    text: str

    def __post_init__(self) -> None:
        if re.search(r"[{}]", _FIELD.sub("", self.text)):
            raise InputError(f"{self.text}: a field is a name in braces, such as {{subject}} or {{view:digits}}")
        for name, kind in _FIELD.findall(self.text):
            if kind not in _KINDS:
                raise InputError(f"{self.text}: {{{name}:{kind}}}: a field's kind is digits, stem or path")

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of the fields, each once."""
        return tuple(dict.fromkeys(name for name, _ in _FIELD.findall(self.text)))

    def match(self, text: str) -> dict[str, str] | None:
        """The fields of a text; None if the pattern does not fit all of it.

        Args:
            text: A path with `/` between its parts.
        """
        found = self._expression.fullmatch(text)
        return None if found is None else found.groupdict()

    def matches(self, root: Path) -> Iterator[tuple[Path, dict[str, str]]]:
        """Files and folders below a folder that fit, sorted, and their fields.

        Args:
            root: The folder.
        """
        for path in self.paths(root):
            # as the pattern would write it
            within = not Path(self.text).is_absolute()
            values = self.match((path.relative_to(root) if within else path).as_posix())
            if values is not None:
                yield path, values

    def paths(self, root: Path) -> list[Path]:
        """Files and folders below a folder that fit the wildcards, sorted; an absolute pattern leads elsewhere.

        Args:
            root: The folder.
        """
        wildcards = str(Path(glob.escape(str(root))) / self._wildcards)
        found = glob.glob(wildcards, recursive=True)  # noqa: PTH207 - Path.glob refuses absolute patterns
        return sorted({Path(path) for path in found})

    @cached_property
    def _wildcards(self) -> str:
        """The pattern for `glob`."""
        return _FIELD.sub(lambda field: "**/*" if field[2] == "path" else "*", self.text)

    @cached_property
    def _expression(self) -> re.Pattern[str]:
        """The pattern as a regular expression with a group for each field."""
        parts, seen, last = [], set[str](), 0
        for token in _TOKEN.finditer(self.text):
            parts.append(re.escape(self.text[last : token.start()]))
            last = token.end()
            name, kind, wildcard, literal = token[2], token[3] or "", token[4], token[5]
            if name is None:
                parts.append(_WILDCARDS[wildcard] if wildcard else re.escape(literal[1]))
            elif name in seen:
                parts.append(f"(?P={name})")
            else:
                seen.add(name)
                parts.append(f"(?P<{name}>{_KINDS[kind]})")
        return re.compile("".join([*parts, re.escape(self.text[last:])]), re.DOTALL)


def filled(text: str, values: Mapping[str, str], *, escape: bool = False) -> str:
    """A text with its fields filled in.

    Args:
        text: A text with fields in braces.
        values: Field -> value.
        escape: Whether wildcards in the values stand for themselves.

    Raises:
        InputError: There is no such field.
    """

    def value(field: re.Match[str]) -> str:
        """The field's value."""
        if field[1] not in values:
            raise InputError(f"{text}: no field {{{field[1]}}}; known: {', '.join(values)}")
        return glob.escape(values[field[1]]) if escape else values[field[1]]

    return _FIELD.sub(value, text)
