"""A file that can be brought to a proper end although the disk is full."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from pathlib import Path

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
"""What the system says of a disk or a quota that is used up."""
CHUNK = 1 << 20


class RoomyFile:
    """A file for libav to write. Beside it lies room that is given back when the disk is full: ``full`` then says so, the
    write that failed goes through, and as much more as was reserved. Any other error is raised as it is.
    """

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self.full = False
        self.bytes = 0
        """Bytes written, what was written over counted twice."""
        self._folder = path.parent
        self._file = open(path, "w+b", buffering=0)  # noqa: SIM115 - closed by close
        # Without a name: it is gone with this process, however that ends.
        self._room = tempfile.TemporaryFile(dir=path.parent, buffering=0)  # noqa: SIM115 - closed by close
        self._reserved = 0

    def reserve(self, count: int) -> None:
        """Hold at least ``count`` bytes for the end, as far as the disk has them: never more than a quarter of what is free."""
        if self.full or count <= self._reserved:
            return
        try:
            count = min(count + count // 4, self._reserved + shutil.disk_usage(self._folder).free // 4)
            if count > self._reserved:
                _allocate(self._room.fileno(), self._reserved, count - self._reserved)
                self._reserved = count
        except OSError:
            return  # a folder that vanished, a disk that is full: writing itself will tell

    def write(self, data: bytes) -> int:
        """Write all of ``data``."""
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[self._file.write(rest) :]
            except OSError as error:
                if error.errno not in FULL or self.full:
                    raise
                self.full = True
                self._room.close()
        self.bytes += len(data)
        return len(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def close(self) -> None:
        self._room.close()
        self._file.close()


def _allocate(descriptor: int, start: int, count: int) -> None:
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, start, count)
        return
    os.lseek(descriptor, start, os.SEEK_SET)
    while count > 0:  # no zeros: some file systems do not store those
        count -= os.write(descriptor, os.urandom(min(count, CHUNK)))
