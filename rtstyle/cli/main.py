"""Where the program starts and how it ends."""

from __future__ import annotations

import io
import logging
import signal
import sys

from rtstyle.errors import INTERRUPTED, RTStyleError
from rtstyle.system.background import leave
from rtstyle.system.interrupt import ending_signals

logger = logging.getLogger(__name__)


def main() -> None:
    """Run a command and end the program; a user's mistake ends in one line on stderr, never in a traceback."""
    for number in ending_signals():
        if signal.getsignal(number) is signal.SIG_DFL:  # not what a shell has ignored for a job in the background
            signal.signal(number, signal.default_int_handler)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # file names may hold what the terminal's encoding does not
            stream.reconfigure(errors="backslashreplace")
    leave(_exit_code())


def _exit_code() -> int:
    try:
        from rtstyle.cli.app import app  # takes a moment, in which Ctrl-C may come

        app()
    except RTStyleError as error:
        sys.stderr.write(f"rtstyle: {error}\n")
        return error.exit_code
    except KeyboardInterrupt:
        sys.stderr.write("rtstyle: interrupted\n")
        return INTERRUPTED
    except OSError as error:  # what this machine refused, where nobody foresaw it
        logger.info("where it happened:", exc_info=error)
        sys.stderr.write(f"rtstyle: {error}\n")
        return RTStyleError.exit_code
    except SystemExit as end:  # how Typer ends
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0
