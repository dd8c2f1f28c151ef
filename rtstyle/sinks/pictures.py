"""Films as numbered pictures: a folder, or a pattern like ``frames/%05d.png``."""

from __future__ import annotations

import os
import re
from pathlib import Path
from types import TracebackType
from typing import Self

from rtstyle.errors import UsageError
from rtstyle.frame import Frame, StreamInfo
from rtstyle.sinks.encoders import CONTAINERS
from rtstyle.sinks.images import FORMATS, write_still
from rtstyle.sinks.staging import make_folder
from rtstyle.system.folders import entries

_NUMBER = re.compile(r"%0?(\d*)d")
IN_A_FOLDER = "frame_%05d.png"


def is_pictures(output: str) -> bool:
    """Whether an output name means pictures: a folder, or a name with ``%d`` that is no film's (``100%done.mp4`` is one)."""
    path = Path(output)
    is_pattern = bool(_NUMBER.search(path.name)) and path.suffix.lower().lstrip(".") not in CONTAINERS
    return is_pattern or os.path.isdir(output) or output.endswith(("/", "\\"))


def pattern_of(output: str) -> Path:
    """The pattern that an output means: itself, or one in the folder that it names."""
    path = Path(output)
    return path if _NUMBER.search(path.name) else path / IN_A_FOLDER


def path_of(pattern: Path, number: int) -> Path:
    """The file of the picture with this number."""
    width = _NUMBER.search(pattern.name)
    assert width is not None
    digits = str(number).zfill(int(width.group(1) or 1))
    return pattern.with_name(_NUMBER.sub(digits, pattern.name, count=1))


def numbered_files(pattern: Path) -> list[Path]:
    """The files that bear a name of ``pattern`` already, in order of name."""
    before, _, after = _NUMBER.split(pattern.name, maxsplit=1)
    name = re.compile(rf"{re.escape(before)}(\d+){re.escape(after)}")
    there = entries(pattern.parent) if os.path.isdir(pattern.parent) else []
    return [it for it in there if (found := name.fullmatch(it.name)) and path_of(pattern, int(found[1])).name == it.name]


class PictureSink:
    """Writes each frame as a picture, numbered from 1; every picture is whole or absent. The folder is made.

    Raises :class:`UsageError` for a pattern without a legal suffix and for pictures that exist already.
    """

    name = "pictures"
    main_thread = False

    def __init__(self, output: str, *, overwrite: bool = False) -> None:
        self.pattern = pattern_of(output)
        if self.pattern.suffix.lower() not in FORMATS:
            raise UsageError(f"cannot write pictures as '{self.pattern.suffix}'; legal: {', '.join(FORMATS)}")
        if not os.path.isdir(self.pattern.parent.parent):
            raise UsageError(f"the folder {self.pattern.parent.parent} does not exist; make it first")
        if not overwrite and (there := numbered_files(self.pattern)):
            raise UsageError(f"{there[0]} exists already; --overwrite replaces the pictures")
        self.frames = 0
        self._replaces = overwrite
        self.notices: list[str] = ["pictures carry no sound and no times"]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None and self._replaces:
            written = {path_of(self.pattern, number + 1) for number in range(self.frames)}
            if left := [path for path in numbered_files(self.pattern) if path not in written]:
                self.notices.append(f"{len(left)} pictures are of an earlier film, {left[0]} among them")

    def open(self, info: StreamInfo) -> None:
        make_folder(self.pattern.parent)

    def write(self, frame: Frame) -> None:
        write_still(frame.data, path_of(self.pattern, self.frames + 1))
        self.frames += 1
