"""The page's own temporary folder: one a run, swept while it runs, gone when it ends, however it ends."""

from __future__ import annotations

import atexit
import contextlib
import secrets
import shutil
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from rtstyle.webui.settings import Limits

PREFIX = "rtstyle-page-"
SWEEP_SECONDS = 10.0
LOCK = "in-use"
REMOVALS = 5


class RunFolder:
    """Everything a visitor uploads or is given lies in here, under names that we made."""

    def __init__(self, limits: Limits) -> None:
        remove_abandoned()
        self.limits = limits
        self.root = Path(tempfile.mkdtemp(prefix=PREFIX))
        self._lock = _hold(self.root / LOCK)
        atexit.register(self.close)
        self.uploads = self.root / "uploads"
        self.made = self.root / "made"
        self.uploads.mkdir()
        self.made.mkdir()
        self._kept = self._files()

    def new_path(self, name: str) -> Path:
        """A path for a result that is shown to the visitor as ``name``; ``name`` is ours, never a visitor's."""
        folder = self.made / secrets.token_hex(8)
        folder.mkdir()
        return folder / name

    def keep_what_is_there(self) -> None:
        """The files of now belong to the page itself (its examples) and are never swept."""
        self._kept = self._files()

    def sweep(self, now: float | None = None) -> int:
        """Remove files that are too old, then the oldest until the rest fits its bound; returns how many."""
        now = time.time() if now is None else now
        files: list[tuple[float, int, Path]] = []
        for path in self._files() - self._kept:
            with contextlib.suppress(FileNotFoundError):  # another request just moved it
                stat = path.stat()
                files.append((stat.st_mtime, stat.st_size, path))
        total = sum(size for _, size, _ in files)
        removed = 0
        for modified, size, path in sorted(files):
            if now - modified <= self.limits.keep_seconds and total <= self.limits.disk_bytes:
                break
            try:
                path.unlink(missing_ok=True)
            except OSError:  # another program holds it, as happens on Windows: the others go, and it with a later sweep
                continue
            with contextlib.suppress(OSError):  # the folder that was made for it, unless something else is in there
                path.parent.rmdir()
            total -= size
            removed += 1
        return removed

    def close(self) -> None:
        """Remove the folder with all that is in it; again where something was being written just then."""
        atexit.unregister(self.close)
        if sys.platform == "win32":  # a file that is open cannot be removed there
            self._lock.close()
        for _ in range(REMOVALS):
            shutil.rmtree(self.root, ignore_errors=True)
            if not self.root.exists():
                break
            time.sleep(0.1)
        self._lock.close()

    def _files(self) -> frozenset[Path]:
        return frozenset(path for path in self.root.rglob("*") if path.is_file())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def remove_abandoned() -> None:
    """Remove the folders of runs that were killed: their lock is nobody's any more. Other users' are left alone."""
    for root in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError), (root / LOCK).open("r+b") as lock:
            _lock_or_raise(lock)
            shutil.rmtree(root, ignore_errors=True)


def _hold(path: Path) -> IO[bytes]:
    """Make a lock file that appears under its name only when it is locked; open, it is held."""
    fresh = path.with_suffix(".new")
    lock = fresh.open("w+b")
    with contextlib.suppress(OSError):  # a disk without locks: then its folder is never taken for abandoned
        _lock_or_raise(lock)
        fresh.rename(path)
    return lock


def _lock_or_raise(lock: IO[bytes]) -> None:
    """Lock an open file; raises OSError where another process holds it."""
    if sys.platform == "win32":
        raise OSError("no locks of this kind")
    import fcntl

    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
