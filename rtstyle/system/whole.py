"""Files that appear under their own names only when they are whole."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator
from pathlib import Path


def temporary_name(path: Path) -> Path:
    """What a file is called while it is written, by this process."""
    return path.with_name(f".{path.stem}.{os.getpid()}.unfinished{path.suffix}")


@contextlib.contextmanager
def whole_file(path: Path) -> Generator[Path]:
    """Where to write what takes the place of ``path`` at the end of the block. Where that raises, ``path`` stays as it was."""
    temporary = temporary_name(path)
    try:
        yield temporary
        temporary.replace(path)
    finally:
        with contextlib.suppress(OSError):  # absent once moved; a name too long for the system cannot even be asked for
            temporary.unlink()
