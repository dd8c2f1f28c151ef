"""Reading folders that a user named."""

from __future__ import annotations

from pathlib import Path

from rtstyle.errors import UsageError


def entries(folder: Path) -> list[Path]:
    """What a folder holds, in order of name; raises :class:`UsageError` where it may not be read."""
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise UsageError(f"the folder {folder} cannot be read: {error.strerror or error}") from error
