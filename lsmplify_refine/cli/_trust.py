"""`--trust-pickle`: files whose code may run, and the warning for each of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lsmplify_refine.cli._words import say


@contextmanager
def trusting_aloud(files: Iterable[Path]) -> Iterator[None]:
    """Trust these files inside the context, and warn of each on stderr.

    Args:
        files: The values of `--trust-pickle`.

    Raises:
        InputError: A path is not a file.
    """
    from lsmplify_refine.safe_load import trusting

    with trusting(files) as notes:
        for note in notes:
            say(f"warning: {note}", error=True)
        yield
