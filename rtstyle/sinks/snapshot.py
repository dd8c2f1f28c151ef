"""Stills out of a running session."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from PIL import Image

from rtstyle.frame import Frame, StreamInfo
from rtstyle.sinks.recording import dated_name
from rtstyle.system.whole import whole_file

logger = logging.getLogger(__name__)


class SnapshotSink:
    """Saves a frame as PNG each time ``wanted()`` says so; ``saved`` holds the files. A full disk ends nothing."""

    name = "stills"
    main_thread = False
    on_request = True

    def __init__(self, folder: Path, wanted: Callable[[], bool], say: Callable[[str], None] = logger.info) -> None:
        self._folder = folder
        self._wanted = wanted
        self._say = say
        self.saved: list[Path] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        return None

    def open(self, info: StreamInfo) -> None:
        return None

    def write(self, frame: Frame) -> None:
        if not self._wanted():
            return
        path = dated_name(self._folder, ".png")
        try:
            with whole_file(path) as file:
                Image.fromarray(frame.data).save(file, format="PNG", compress_level=3)
        except OSError as error:
            self._say(f"the still could not be saved: {error.strerror or error}")
            return
        self.saved.append(path)
        self._say(f"saved {path.name}")
