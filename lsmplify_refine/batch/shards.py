"""Shards: shares of a batch, for schedulers that start one program many times; the share comes from their variables."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lsmplify_refine.batch.rows import Row
from lsmplify_refine.errors import InputError


@dataclass(frozen=True)
class Shard:
    """One share of the clips.

    Attributes:
        index: Which, from 1.
        count: Of how many.
    """

    index: int
    count: int

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"

    @property
    def is_all(self) -> bool:
        """Whether this is the whole batch."""
        return self.count == 1

    def of(self, rows: Sequence[Row]) -> list[Row]:
        """This share: every `count`-th clip, so that clips of one folder, which are alike, are spread.

        Args:
            rows: All clips of the batch, in the order that all shards have.
        """
        return list(rows[self.index - 1 :: self.count])


#: The whole batch.
WHOLE = Shard(1, 1)


@dataclass(frozen=True)
class _Array:
    """A scheduler's variables for an array of tasks: id, first id, last id, step."""

    scheduler: str
    id: str
    first: str
    last: str
    step: str


_ARRAYS = (
    _Array("Slurm", "SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_MAX", "SLURM_ARRAY_TASK_STEP"),
    _Array("Grid Engine", "SGE_TASK_ID", "SGE_TASK_FIRST", "SGE_TASK_LAST", "SGE_TASK_STEPSIZE"),
    _Array("LSF", "LSB_JOBINDEX", "", "LSB_JOBINDEX_END", "LSB_JOBINDEX_STEP"),
)
_SLURM_COUNT = "SLURM_ARRAY_TASK_COUNT"


def parse_shard(text: str) -> Shard:
    """A shard from `I/N`.

    Args:
        text: The value of `--shard`.

    Raises:
        InputError: It is not such a share.
    """
    found = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text.strip())
    if not found or not 1 <= int(found[1]) <= int(found[2]):
        raise InputError(f"--shard {text}: give I/N with I from 1 to N, such as 2/8")
    return Shard(int(found[1]), int(found[2]))


def shard_of_array(variables: Mapping[str, str]) -> tuple[Shard, str] | None:
    """The share that a scheduler's variables say, and the scheduler's name; None outside of an array of tasks.

    Args:
        variables: The environment.

    Raises:
        InputError: The variables do not say how many tasks there are.
    """
    for array in _ARRAYS:
        at = variables.get(array.id, "")
        # Grid Engine says "undefined", LSF 0 outside of arrays
        if at.isdigit() and not (array.scheduler == "LSF" and at == "0"):
            return _shard(array, variables), array.scheduler
    return None


def _shard(array: _Array, variables: Mapping[str, str]) -> Shard:
    first, last, step = (_number(variables, name) for name in (array.first, array.last, array.step))
    at, start, stride = int(variables[array.id]), 1 if first is None else first, step or 1
    count = _number(variables, _SLURM_COUNT) if array.scheduler == "Slurm" else None
    if last is not None and count is not None and (last - start) // stride + 1 != count:
        raise InputError(f"{array.id}: the array's ids have gaps; give --shard I/N")
    if count is None and last is not None:
        count = (last - start) // stride + 1
    if count is not None and first is None and array.scheduler == "Slurm" and at == 0:
        start = 0
    index = (at - start) // stride + 1
    if count is None or not 1 <= index <= count:
        raise InputError(f"{array.id}={at}: how many tasks the array has is not known; give --shard I/N")
    return Shard(index, count)


def _number(variables: Mapping[str, str], name: str) -> int | None:
    text = variables.get(name, "") if name else ""
    return int(text) if text.isdigit() else None
