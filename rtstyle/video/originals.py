"""Nothing is painted over its original."""

from __future__ import annotations

import glob
import os
import re
from pathlib import Path

from rtstyle.errors import UsageError
from rtstyle.sinks.address import is_broadcast, playlist_files
from rtstyle.sinks.pictures import is_pictures, numbered_files, pattern_of
from rtstyle.sinks.resuming import Ticket
from rtstyle.sinks.staging import partial_name
from rtstyle.sources.opening import is_url

_ANY_NUMBER = re.compile(r"%0?\d*[d*?]")


def refuse_originals(source: str, output: str) -> None:
    """Raises :class:`UsageError` where writing to ``output`` would replace or remove a file of the input."""
    originals = {_identity(path) for path in _files_of(source) if os.path.exists(path)}
    for path in _files_written(output):
        if os.path.exists(path) and _identity(path) in originals:
            what = "is the input" if path == Path(output) else f"would be painted over the input {path}"
            raise UsageError(f"the output {output} {what}; choose another name")


def _files_of(source: str) -> list[Path]:
    """The files of this machine that an input is read from."""
    name = source.removeprefix("file:")
    if is_url(name):
        return []
    path = Path(name)
    if os.path.exists(path) or "%" not in path.name:
        return [path]
    return list(path.parent.glob("*".join(glob.escape(part) for part in _ANY_NUMBER.split(path.name))))


def _files_written(output: str) -> list[Path]:
    """The files that an output takes the names of."""
    if is_broadcast(output):
        return playlist_files(output)
    if is_pictures(output):
        return numbered_files(pattern_of(output))
    path = Path(output)
    return [path, partial_name(path), Ticket.path(path)]


def _identity(path: Path) -> tuple[int, int]:
    state = path.stat()
    return state.st_dev, state.st_ino
