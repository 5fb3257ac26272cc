"""What other packages have to say: nothing, unless the user asks for it with -vv."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from lsmplify_refine.cli._words import say

#: What C++ libraries read when they are loaded: glog and absl (MediaPipe), TensorFlow Lite, OpenCV.
_QUIET = {"GLOG_minloglevel": "2", "TF_CPP_MIN_LOG_LEVEL": "2", "OPENCV_LOG_LEVEL": "ERROR"}

_OWN = "lsmplify_refine"


@contextmanager
def logged(verbose: int) -> Iterator[None]:
    """Show logs in this block: our warnings; with 1 also the times of stages; with 2 also what other packages log."""
    with ExitStack() as stack:
        if verbose < 2:
            for name, value in _QUIET.items():
                os.environ.setdefault(name, value)
            stack.enter_context(_own_warnings_only())
            # a handler that prints nothing: without any, Python prints warnings to stderr
            stack.enter_context(_handled("", logging.NullHandler(), logging.WARNING))
        stack.enter_context(
            _handled("" if verbose >= 2 else _OWN, _Said(), logging.INFO if verbose else logging.WARNING)
        )
        yield


class _Said(logging.Handler):
    """Prints a record as one line on stderr."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print it."""
        own = record.name.partition(".")[0] == _OWN
        text = record.getMessage() if own else f"{record.name}: {record.getMessage()}"
        say(f"warning: {text}" if record.levelno >= logging.WARNING else text, error=True)


@contextmanager
def _handled(name: str, handler: logging.Handler, level: int) -> Iterator[None]:
    logger = logging.getLogger(name)
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(level)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)


@contextmanager
def _own_warnings_only() -> Iterator[None]:
    """Leave out warnings of other packages, unless Python was started with -W or PYTHONWARNINGS."""
    if sys.warnoptions:
        yield
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.filterwarnings("default", module=rf"{_OWN}\b")
        warnings.showwarning = lambda message, *_, **__: say(f"warning: {message}", error=True)
        yield
