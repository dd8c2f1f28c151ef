"""The page's own temporary folder: one a run, swept while it runs, gone when it ends."""

from __future__ import annotations

import secrets
import shutil
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from rtstyle.webui.settings import Limits

SWEEP_SECONDS = 60.0


class RunFolder:
    """Everything a visitor uploads or is given lies in here, under names that we made."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.root = Path(tempfile.mkdtemp(prefix="rtstyle-page-"))
        self.uploads = self.root / "uploads"
        self.made = self.root / "made"
        self.uploads.mkdir()
        self.made.mkdir()
        self._kept: frozenset[Path] = frozenset()

    def new_path(self, name: str) -> Path:
        """A path for a result that is shown to the visitor as ``name``; ``name`` is ours, never a visitor's."""
        folder = self.made / secrets.token_hex(8)
        folder.mkdir()
        return folder / name

    def keep_what_is_there(self) -> None:
        """The files of now belong to the page itself (its examples) and are never swept."""
        self._kept = frozenset(path for path in self.root.rglob("*") if path.is_file())

    def sweep(self, now: float | None = None) -> int:
        """Remove files that are too old, then the oldest until the rest fits its bound; returns how many."""
        now = time.time() if now is None else now
        files: list[tuple[float, int, Path]] = []
        for path in self.root.rglob("*"):
            try:
                if path.is_file() and path not in self._kept:
                    stat = path.stat()
                    files.append((stat.st_mtime, stat.st_size, path))
            except FileNotFoundError:
                continue  # another request just moved it
        total = sum(size for _, size, _ in files)
        removed = 0
        for modified, size, path in sorted(files):
            if now - modified <= self.limits.keep_seconds and total <= self.limits.disk_bytes:
                break
            path.unlink(missing_ok=True)
            total -= size
            removed += 1
        return removed

    def close(self) -> None:
        """Remove the folder with all that is in it."""
        shutil.rmtree(self.root, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
