"""Devices and generators that libav reads: the screen, ``lavfi:`` test pictures, capture cards by their own driver."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from types import TracebackType
from typing import TYPE_CHECKING, Self

import av
from av.error import FFmpegError

from rtstyle.errors import SourceError, UsageError
from rtstyle.frame import Frame, StreamInfo
from rtstyle.pixels import Size
from rtstyle.sources import grabber
from rtstyle.sources.carrier import CarrierReader
from rtstyle.sources.colour import Converter
from rtstyle.sources.opening import reason, video_stream

if TYPE_CHECKING:
    from av.container import InputContainer

OPEN_SECONDS, READ_SECONDS = 10.0, 5.0
AGAIN_SECONDS = 0.003
APART = frozenset({"x11grab"})
"""Devices that need a process of their own, see :mod:`rtstyle.sources.grabber`."""
BUFFER_BYTES = 1 << 16
"""Read at once from it: what a pipe holds."""


@dataclass(frozen=True, kw_only=True)
class Device:
    """What libav needs to open a device."""

    format: str
    """Its name in libav: ``v4l2``, ``x11grab``, ``lavfi``..."""
    address: str
    options: Mapping[str, str] = field(default_factory=dict[str, str])
    live: bool = True
    """Whether frames come on the device's own clock; a generator makes them as fast as it is asked."""
    title: str = ""


class DeviceSource:
    """Yields what a device shows, as it comes. Raises :class:`SourceError` where it cannot be opened or read."""

    def __init__(self, device: Device) -> None:
        self.device = device
        self._container: InputContainer | None = None
        self._grabber: CarrierReader | None = None
        self._info: StreamInfo | None = None

    @property
    def info(self) -> StreamInfo:
        if self._info is None:
            raise RuntimeError("a source has its info inside its with block")
        return self._info

    def __enter__(self) -> Self:
        device = self.device
        try:
            self._container = self._open()
        except (FFmpegError, ValueError) as error:
            why = (self._grabber.failure if self._grabber else "") or reason(error)
            self.__exit__(None, None, None)
            raise SourceError(f"cannot open {device.title or device.address}: {why}") from error
        try:
            stream = video_stream(self._container, device.title or device.address)
            context = stream.codec_context
            stream.thread_type = "SLICE"
            rate = stream.average_rate or stream.guessed_rate
            self._info = StreamInfo(
                size=(context.height, context.width),
                time_base=Fraction(stream.time_base or Fraction(1, 1_000_000)),
                rate=Fraction(rate) if rate else None,
                live=device.live,
                name=device.title or device.address,
            )
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        container, self._container = self._container, None
        process, self._grabber = self._grabber, None
        if process is not None:
            process.close()
        if container is not None:
            container.close()

    def _open(self) -> InputContainer:
        device, limits = self.device, (OPEN_SECONDS, READ_SECONDS)
        if device.format not in APART:
            return av.open(device.address, format=device.format, options=dict(device.options), timeout=limits)
        options = [f"{key}={value}" for key, value in device.options.items()]
        command = [sys.executable, "-P", grabber.__file__, device.format, device.address, *options]
        self._grabber = CarrierReader(device.address, command)
        return av.open(self._grabber, "r", format="nut", options={"fflags": "nobuffer"}, buffer_size=BUFFER_BYTES)

    def __iter__(self) -> Iterator[Frame]:
        converter = Converter()
        base = self.info.time_base
        first: int | None = None
        last = -1
        index = 0
        while self._container is not None:
            try:
                for decoded in self._container.decode(video=0):
                    captured_at = time.monotonic()
                    first = decoded.pts if first is None else first
                    last = max(last + 1, (decoded.pts or 0) - (first or 0))
                    data = converter.to_rgb(decoded)
                    at = captured_at if self.device.live else None
                    yield Frame(data=data, pts=last, time_base=base, index=index, captured_at=at)
                    index += 1
                return
            except BlockingIOError:  # some drivers answer at once when no picture is there yet
                time.sleep(AGAIN_SECONDS)
            except FFmpegError as error:
                raise SourceError(f"{self.info.name}: {reason(error)}") from error


def generator(graph: str) -> Device:
    """A picture generator of libavfilter: ``testsrc=size=640x360:rate=30``."""
    return Device(format="lavfi", address=graph, live=False, title=f"lavfi:{graph}")


def screen(
    *, size: Size | None = None, rate: Fraction | None = None, display: str = ":0", platform: str = sys.platform
) -> Device:
    """The screen of this computer; ``size`` takes its upper left part only.

    Raises :class:`UsageError` on a system without a way to grab it.
    """
    options = {"framerate": str(rate or 30)}
    if size:
        options["video_size"] = f"{size[1]}x{size[0]}"
    if platform == "win32":
        return Device(format="gdigrab", address="desktop", options=options, title="the screen")
    if platform == "darwin":
        options |= {"capture_cursor": "1", "pixel_format": "nv12"}
        return Device(format="avfoundation", address="Capture screen 0:none", options=options, title="the screen")
    if not display:
        raise UsageError("--source screen needs an X display, and DISPLAY is not set")
    return Device(format="x11grab", address=display, options=options, title="the screen")
