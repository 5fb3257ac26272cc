"""Which clips get a comparison video."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

from lsmplify_refine.batch.figures import primary
from lsmplify_refine.batch.record import Record
from lsmplify_refine.batch.rows import Row
from lsmplify_refine.errors import InputError

Choice = Literal["none", "worst", "sample", "all"]


@dataclass(frozen=True)
class Videos:
    """Which clips get a comparison video.

    Attributes:
        choice: None, all, some that do not depend on the results, or those that gained least.
        count: How many, for "worst" and "sample".
    """

    choice: Choice
    count: int = 0

    def __str__(self) -> str:
        return self.choice if self.choice in ("none", "all") else f"{self.choice}:{self.count}"

    def before(self, rows: Sequence[Row]) -> frozenset[str]:
        """Names of the clips whose video is wanted whatever their results are.

        Args:
            rows: All clips of the batch.
        """
        if self.choice == "sample":
            # by a hash of the name, so that a resumed or sharded run takes the same
            return frozenset(sorted((row.name for row in rows), key=_shuffled)[: self.count])
        return frozenset(row.name for row in rows) if self.choice == "all" else frozenset()

    def after(self, records: Iterable[Record]) -> tuple[str, ...]:
        """Names of the clips whose video is wanted for their results: those whose error fell least, worst first.

        Args:
            records: Those of all clips that a video can be drawn of.
        """
        if self.choice != "worst":
            return ()
        gains = [(_ratio(record), record.name) for record in records if record.status == "done"]
        # no measure: nothing to choose by
        return tuple(name for _, name in sorted((-ratio, name) for ratio, name in gains if not math.isnan(ratio)))[
            : self.count
        ]


#: The clips that a user looks at first.
DEFAULT_VIDEOS = Videos("worst", 10)


def parse_videos(text: str) -> Videos:
    """Videos from `none`, `all`, `worst:N` or `sample:N`.

    Args:
        text: The value of `--videos`.

    Raises:
        InputError: It is none of these.
    """
    if text == "none":
        return Videos("none")
    if text == "all":
        return Videos("all")
    found = re.fullmatch(r"(worst|sample):(\d{1,6})", text)
    if not found:
        raise InputError(f"--videos {text}: give none, all, worst:N or sample:N, such as worst:10")
    return Videos("worst" if found[1] == "worst" else "sample", int(found[2]))


def _shuffled(name: str) -> bytes:
    return sha256(name.encode(errors="surrogateescape")).digest()


def _ratio(record: Record) -> float:
    """Error after over error before, over the people of a clip."""
    ratios = [after / before for before, after in map(primary, record.people) if before > 0]
    return max(ratios, default=math.nan)
