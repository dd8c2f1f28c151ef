"""Where the program starts and how it ends."""

from __future__ import annotations

import sys

from rtstyle.errors import INTERRUPTED, RTStyleError
from rtstyle.system.background import leave


def main() -> None:
    """Run a command and end the program; a user's mistake ends in one line on stderr, never in a traceback."""
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
    except SystemExit as end:  # how Typer ends
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0
