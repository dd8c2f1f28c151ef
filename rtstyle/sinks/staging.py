"""Outputs of long runs: checked beforehand, and kept as far as they came."""

from __future__ import annotations

import errno
import logging
import os
from pathlib import Path

from rtstyle.errors import SinkError, UsageError
from rtstyle.system.whole import temporary_name

logger = logging.getLogger(__name__)


def partial_name(path: Path) -> Path:
    """``clip.mp4`` -> ``clip.partial.mp4``: what is kept of a run that was interrupted."""
    return path.with_name(f"{path.stem}.partial{path.suffix}")


def check_output(path: Path, *, overwrite: bool) -> None:
    """Refuse, before any work, an output that cannot be written; raises :class:`UsageError`."""
    if not os.path.isdir(path.parent):
        raise UsageError(f"the folder {path.parent} of the output does not exist; make it first")
    try:
        temporary_name(path).lstat()  # it is longer than the name itself, which may be as long as the system allows
    except FileNotFoundError:
        pass
    except OSError as error:
        advice = "; choose a shorter name" if error.errno == errno.ENAMETOOLONG else ""
        raise UsageError(f"{path} cannot be written: {error.strerror}{advice}") from error
    if os.path.exists(path) and not overwrite:
        raise UsageError(f"{path} exists already; --overwrite replaces it")
    if not os.access(path.parent, os.W_OK):
        raise UsageError(f"the folder {path.parent} of the output may not be written to")


def make_folder(folder: Path) -> None:
    """Make the folder of an output where it is absent; raises :class:`UsageError` where it cannot be made."""
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise UsageError(f"the folder {folder} cannot be made: {error.strerror or error}") from error


class StagedFile:
    """Written as ``temporary``, in the folder of ``path``; then committed, kept as partial, or discarded."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.temporary = temporary_name(path)
        _sweep(path)

    def commit(self) -> Path:
        """Move it to its name, replacing what is there."""
        return self._move(self.path)

    def keep_partial(self) -> Path:
        """Move it to ``NAME.partial.EXT``."""
        return self._move(partial_name(self.path))

    def discard(self) -> None:
        """Leave nothing."""
        self.temporary.unlink(missing_ok=True)

    def _move(self, target: Path) -> Path:
        try:
            os.replace(self.temporary, target)
        except OSError as error:
            raise SinkError(
                f"cannot move the finished file to {target}: {error.strerror}; it is left as {self.temporary}"
            ) from error
        return target


def _sweep(path: Path) -> None:
    """Remove what runs that were killed left behind for this output."""
    for left in path.parent.glob(f".{_escaped(path.stem)}.*.unfinished{_escaped(path.suffix)}"):
        pid = left.name.removesuffix(f".unfinished{path.suffix}").rpartition(".")[2]
        if pid.isdigit() and not _alive(int(pid)):
            left.unlink(missing_ok=True)
            logger.info("removed %s, left by a run that was killed", left)


def _escaped(text: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in text)


def _alive(pid: int) -> bool:
    if os.name == "nt":
        return True  # signal 0 would end the process there
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
