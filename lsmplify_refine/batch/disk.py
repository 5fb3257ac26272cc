"""Full disks and quotas, which end a batch: every further clip would fail as well."""

from __future__ import annotations

import errno

_FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}

#: What libraries say that do not pass the system's error on.
_WORDS = ("No space left on device", "Disk quota exceeded")


class DiskFullError(Exception):
    """Nothing more can be written; the text says where."""


def is_disk_full(error: BaseException | None) -> bool:
    """Whether an error, or one that caused it, means that the disk is full.

    Args:
        error: The error; None is none.
    """
    while error is not None:
        if isinstance(error, DiskFullError) or (isinstance(error, OSError) and error.errno in _FULL):
            return True
        if any(words in str(error) for words in _WORDS):
            return True
        error = error.__cause__ or error.__context__
    return False
