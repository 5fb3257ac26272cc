from __future__ import annotations

from pathlib import Path

import pytest

from lsmplify_refine.batch.rows import Row
from lsmplify_refine.batch.shards import Shard, parse_shard, shard_of_array
from lsmplify_refine.errors import InputError

ROWS = [Row(str(number), Path("a.pt")) for number in range(11)]


@pytest.mark.parametrize("count", [1, 2, 3, 11, 20])
def test_shards_share_the_clips_without_overlap(count: int) -> None:
    shares = [Shard(index, count).of(ROWS) for index in range(1, count + 1)]
    assert sorted(int(row.name) for share in shares for row in share) == list(range(11))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_a_shard_is_read_from_text() -> None:
    assert parse_shard(" 2/8") == Shard(2, 8)
    for text in ("0/3", "4/3", "3", "a/b", "-1/3", "1/0", ""):
        with pytest.raises(InputError, match="give I/N"):
            parse_shard(text)


@pytest.mark.parametrize(
    ("variables", "shard"),
    [
        (
            "SLURM_ARRAY_TASK_ID=0 SLURM_ARRAY_TASK_COUNT=4 SLURM_ARRAY_TASK_MIN=0 SLURM_ARRAY_TASK_MAX=3 "
            "SLURM_ARRAY_TASK_STEP=1",
            Shard(1, 4),
        ),
        (
            "SLURM_ARRAY_TASK_ID=7 SLURM_ARRAY_TASK_COUNT=3 SLURM_ARRAY_TASK_MIN=3 SLURM_ARRAY_TASK_MAX=7 "
            "SLURM_ARRAY_TASK_STEP=2",
            Shard(3, 3),
        ),
        ("SLURM_ARRAY_TASK_ID=2 SLURM_ARRAY_TASK_COUNT=3", Shard(2, 3)),
        ("SLURM_ARRAY_TASK_ID=3 SLURM_ARRAY_TASK_COUNT=3", Shard(3, 3)),
        ("SLURM_ARRAY_TASK_ID=0 SLURM_ARRAY_TASK_COUNT=3", Shard(1, 3)),
        ("SGE_TASK_ID=5 SGE_TASK_FIRST=1 SGE_TASK_LAST=9 SGE_TASK_STEPSIZE=4", Shard(2, 3)),
        ("LSB_JOBINDEX=2 LSB_JOBINDEX_END=5", Shard(2, 5)),
        ("SGE_TASK_ID=undefined", None),
        ("LSB_JOBINDEX=0", None),
        ("SLURM_JOB_ID=1", None),
    ],
)
def test_shards_of_schedulers(variables: str, shard: Shard | None) -> None:
    found = shard_of_array(dict(pair.split("=") for pair in variables.split()))
    assert (found and found[0]) == shard


@pytest.mark.parametrize(
    "variables",
    [
        "SLURM_ARRAY_TASK_ID=1",
        "SLURM_ARRAY_TASK_ID=9 SLURM_ARRAY_TASK_COUNT=3 SLURM_ARRAY_TASK_MIN=1 SLURM_ARRAY_TASK_MAX=9",
        "SGE_TASK_ID=1",
    ],
)
def test_an_array_of_unknown_size_is_a_question(variables: str) -> None:
    with pytest.raises(InputError, match="--shard I/N"):
        shard_of_array(dict(pair.split("=") for pair in variables.split()))
