"""What a person may name as a camera: a camera, a film, a picture, an address, the screen, a generator."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

from rtstyle.errors import UsageError
from rtstyle.pixels import Size
from rtstyle.sources.base import Source
from rtstyle.sources.camera import CameraSource, ask_permission
from rtstyle.sources.cameras import find_camera, list_cameras
from rtstyle.sources.device import Device, DeviceSource, generator, screen
from rtstyle.sources.images import SUFFIXES, read_still
from rtstyle.sources.opening import check_input, is_live, is_url
from rtstyle.sources.paced import PacedSource
from rtstyle.sources.reading import ReadOptions
from rtstyle.sources.still import StillSource
from rtstyle.sources.supervised import SupervisedSource
from rtstyle.sources.video import VideoSource

DEVICES = ("v4l2", "avfoundation", "dshow", "x11grab", "gdigrab")
NETWORK_SECONDS = 5.0


def open_input(
    text: str,
    *,
    size: Size | None = None,
    rate: Fraction | None = None,
    loop: bool = False,
    stop: threading.Event | None = None,
) -> Source:
    """The live source that ``text`` means; ``size`` and ``rate`` are requests to a camera or the screen, and films are brought to
    ``size``.

    ``0``: a camera by index. ``screen``. ``lavfi:testsrc=size=640x360:rate=30``. ``v4l2:/dev/video0`` and the like. An
    address of the network. A picture, panned slowly. A film, at its own speed. Raises :class:`UsageError` for anything else.
    """
    kind, _, rest = text.partition(":")
    if text.isdigit():
        return camera(text, size=size, rate=rate, stop=stop)
    if node := re.fullmatch(r"/dev/video(\d+)", text):
        return camera(node[1], size=size, rate=rate, stop=stop)
    if text == "screen":
        grabbed = screen(size=size, rate=rate, display=os.environ.get("DISPLAY", ""))
        return _supervised(lambda: DeviceSource(grabbed), stop)
    if kind == "lavfi":
        return PacedSource(lambda: DeviceSource(generator(rest)), size=size, loop=loop, stop=stop)
    if kind in DEVICES and rest:
        device = Device(format=kind, address=rest, options=_requests(size, rate), title=text)
        return _supervised(lambda: DeviceSource(device), stop)
    if is_url(text) and kind != "file":
        options = ReadOptions(timeout=NETWORK_SECONDS)
        if is_live(text):
            return _supervised(lambda: VideoSource(text, options), stop)

        def film() -> Source:
            return PacedSource(lambda: VideoSource(text, options), size=size, only_finite=True, loop=loop, stop=stop)

        return _supervised(film, stop)
    return _file(text, size=size, rate=rate, loop=loop, stop=stop)


def camera(text: str, *, size: Size | None = None, rate: Fraction | None = None, stop: threading.Event | None = None) -> Source:
    """A camera by index or name, opened again when it was unplugged; raises :class:`UsageError` for a name that none has."""
    entry = find_camera(text, list_cameras())
    ask_permission(entry)
    return _supervised(lambda: CameraSource(entry, size=size, rate=rate), stop)


def _file(text: str, *, size: Size | None, rate: Fraction | None, loop: bool, stop: threading.Event | None) -> Source:
    text = text.removeprefix("file:")
    path = Path(text)
    if not os.path.exists(path) and "%" not in text:
        raise UsageError(
            f"source '{text}' is no file; legal: a film, a picture, an address (rtsp://...), screen, lavfi:..., a camera's index"
        )
    if path.suffix.lower() in SUFFIXES and os.path.isfile(path):
        picture, _ = read_still(path)
        return StillSource(picture, size=size, rate=rate or Fraction(30), name=path.name, stop=stop)
    check_input(text)
    return PacedSource(lambda: VideoSource(text), size=size, loop=loop, stop=stop)


def _supervised(open_source: Callable[[], Source], stop: threading.Event | None) -> Source:
    return SupervisedSource(open_source, stop=stop)


def _requests(size: Size | None, rate: Fraction | None) -> dict[str, str]:
    options = {"video_size": f"{size[1]}x{size[0]}"} if size else {}
    return options | ({"framerate": str(rate)} if rate else {})
