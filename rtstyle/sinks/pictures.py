"""Films as numbered pictures: a folder, or a pattern like ``frames/%05d.png``."""

from __future__ import annotations

import re
from pathlib import Path
from types import TracebackType
from typing import Self

from rtstyle.errors import UsageError
from rtstyle.frame import Frame, StreamInfo
from rtstyle.sinks.images import FORMATS, write_still

_NUMBER = re.compile(r"%0?(\d*)d")
IN_A_FOLDER = "frame_%05d.png"


def is_pictures(output: str) -> bool:
    """Whether an output name means pictures: a folder, or a name with ``%d``."""
    path = Path(output)
    return bool(_NUMBER.search(path.name)) or path.is_dir() or output.endswith(("/", "\\"))


class PictureSink:
    """Writes each frame as a picture, numbered from 1; every picture is whole or absent. The folder is made.

    Raises :class:`UsageError` for a pattern without a legal suffix and for pictures that exist already.
    """

    name = "pictures"
    main_thread = False

    def __init__(self, output: str, *, overwrite: bool = False) -> None:
        path = Path(output)
        self.pattern = path if _NUMBER.search(path.name) else path / IN_A_FOLDER
        if self.pattern.suffix.lower() not in FORMATS:
            raise UsageError(f"cannot write pictures as '{self.pattern.suffix}'; legal: {', '.join(FORMATS)}")
        if not self.pattern.parent.parent.is_dir():
            raise UsageError(f"the folder {self.pattern.parent.parent} does not exist; make it first")
        if self.path_of(1).exists() and not overwrite:
            raise UsageError(f"{self.path_of(1)} exists already; --overwrite replaces the pictures")
        self.frames = 0
        self.notices: list[str] = ["pictures carry no sound and no times"]

    def path_of(self, number: int) -> Path:
        """The file of the picture with this number."""
        width = _NUMBER.search(self.pattern.name)
        assert width is not None
        digits = str(number).zfill(int(width.group(1) or 1))
        return self.pattern.with_name(_NUMBER.sub(digits, self.pattern.name, count=1))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        return None

    def open(self, info: StreamInfo) -> None:
        self.pattern.parent.mkdir(exist_ok=True)

    def write(self, frame: Frame) -> None:
        write_still(frame.data, self.path_of(self.frames + 1))
        self.frames += 1
