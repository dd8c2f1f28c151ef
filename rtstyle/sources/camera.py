"""Cameras, through OpenCV: the one way that works alike on Linux, macOS and Windows."""

from __future__ import annotations

import logging
import math
import sys
import time
from collections.abc import Iterator
from fractions import Fraction
from types import TracebackType
from typing import Any, Self

import cv2
import numpy as np

from rtstyle.errors import SourceError
from rtstyle.frame import Frame, StreamInfo
from rtstyle.pixels import Size
from rtstyle.sources.cameras import CameraEntry
from rtstyle.sources.livetime import LIVE_TIME_BASE, LiveTime

logger = logging.getLogger(__name__)

FAILURES_IN_A_ROW = 5
"""A single empty answer happens; this many mean that the camera is gone."""


def backend(platform: str = sys.platform) -> int:
    """OpenCV's number of the system's own camera interface."""
    return {"win32": cv2.CAP_DSHOW, "darwin": cv2.CAP_AVFOUNDATION}.get(platform, cv2.CAP_V4L2)


def ask_permission(camera: CameraEntry, platform: str = sys.platform) -> None:
    """Let macOS ask whether the camera may be used: OpenCV has it ask only where a camera is opened in the main thread."""
    if platform == "darwin":
        cv2.VideoCapture(camera.index, backend(platform)).release()


class CameraSource:
    """Reads a camera. ``size`` and ``rate`` are requests; ``info`` says what the camera gives.

    Raises :class:`SourceError` where it cannot be opened, and when it is unplugged.
    """

    def __init__(self, camera: CameraEntry, *, size: Size | None = None, rate: Fraction | None = None) -> None:
        self.camera = camera
        self._size = size
        self._rate = rate
        self._capture: Any = None
        self._info: StreamInfo | None = None

    @property
    def info(self) -> StreamInfo:
        if self._info is None:
            raise RuntimeError("a source has its info inside its with block")
        return self._info

    def __enter__(self) -> Self:
        capture = self._capture = cv2.VideoCapture(self.camera.index, backend())
        if not capture.isOpened():
            capture.release()
            raise SourceError(
                f"camera {self.camera.index} cannot be opened: it is not there, in use, or not permitted"
                f"{' (System Settings, Privacy & Security, Camera)' if sys.platform == 'darwin' else ''}"
                " (rtstyle webcam --list-cameras; --source takes a film, a picture, an address or 'screen' instead)"
            )
        # Uncompressed, USB cameras reach their larger sizes at a few frames a second only.
        capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
        if self._size:
            capture.set(cv2.CAP_PROP_FRAME_HEIGHT, self._size[0])
            capture.set(cv2.CAP_PROP_FRAME_WIDTH, self._size[1])
        if self._rate:
            capture.set(cv2.CAP_PROP_FPS, float(self._rate))
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        read, picture = capture.read()
        if not read:
            self.__exit__(None, None, None)
            raise SourceError(f"camera {self.camera.index} gives no picture: another program may be using it")
        fps = capture.get(cv2.CAP_PROP_FPS)
        rate = Fraction(fps).limit_denominator(1001) if fps and math.isfinite(fps) and fps > 0 else None
        height, width = picture.shape[:2]
        name = f"camera {self.camera.index}" if self.camera.name.startswith("camera ") else self.camera.name
        self._info = StreamInfo(size=(height, width), time_base=LIVE_TIME_BASE, rate=rate, live=True, name=name)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        capture, self._capture = self._capture, None
        if capture is not None:
            capture.release()

    def __iter__(self) -> Iterator[Frame]:
        clock = LiveTime()
        failures = 0
        while self._capture is not None:
            read, picture = self._capture.read()
            captured_at = time.monotonic()
            if not read:
                failures += 1
                if failures >= FAILURES_IN_A_ROW:
                    raise SourceError(f"{self.info.name} gives no more pictures")
                continue
            failures = 0
            data = np.ascontiguousarray(picture[..., ::-1])
            yield clock.stamped(Frame(data=data, pts=0, time_base=LIVE_TIME_BASE, index=0), captured_at)
