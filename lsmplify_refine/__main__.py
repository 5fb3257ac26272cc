"""`python -m lsmplify_refine`, the same as the command `lsmplify-refine`."""

import signal
import sys

from lsmplify_refine.cli import main


def run() -> int:
    """Run the command; once it is over, Ctrl-C ends the process without a traceback of Python's own end."""
    code = main()
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    return code


if __name__ == "__main__":
    sys.exit(run())
