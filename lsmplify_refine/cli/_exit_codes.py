"""The exit codes of the command."""

from __future__ import annotations

#: `FAULTS_FOUND` is doctor's; `PARTLY_FAILED`: results and report are written, the video is not. A stop signal gives
#: 128 and its number, see `stopping.exit_code`.
DONE, FAULTS_FOUND, BAD_INPUT, PARTLY_FAILED = 0, 1, 2, 3

EXIT_CODES = f"""\
Exit codes: {DONE} done; {FAULTS_FOUND} doctor found a fault; {BAD_INPUT} bad input, nothing written; \
{PARTLY_FAILED} results and report
written, but not the comparison video; 130, 143, 129 stopped by Ctrl-C, SIGTERM or SIGHUP (the last line says what is
written)."""
