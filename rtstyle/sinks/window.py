"""A window of OpenCV. The only module that touches a display."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import cv2

from rtstyle.errors import SinkError
from rtstyle.frame import Frame, StreamInfo
from rtstyle.pixels import Pixels

REDRAW_SECONDS = 0.1
"""While no frame comes, the last one is drawn anew this often: messages go, keys show."""
LARGEST = 1600, 900
SMALLEST = 854, 480
"""(width, height) within which the window opens; it can be resized afterwards."""

QT_PLATFORMS = Path(str(cv2.__file__)).parent / "qt" / "plugins" / "platforms"
"""How OpenCV's wheel reaches a display, where it is one with Qt: over X11 only, so far."""

# Codes of waitKeyEx on X11 (Qt, GTK), Windows and macOS.
_SPECIAL = {
    "left": (0xFF51, 0x250000, 63234),
    "up": (0xFF52, 0x260000, 63232),
    "right": (0xFF53, 0x270000, 63235),
    "down": (0xFF54, 0x280000, 63233),
    "f1": (0xFFBE, 0x700000, 63236),
}
_NAMES = {code: name for name, codes in _SPECIAL.items() for code in codes} | {27: "escape", 32: "space"}
_MODIFIERS = 0xFFFF
"""GTK adds num lock and the like above these bits."""


class Viewer(Protocol):
    """Who looks: decides what is drawn and hears what is pressed."""

    @property
    def fullscreen(self) -> bool:
        """Whether the window is to fill the screen."""
        ...

    def compose(self, frame: Frame) -> Pixels:
        """The picture to show, uint8 (H, W, 3) RGB."""
        ...

    def on_key(self, key: str) -> None:
        """A key by name: ``a``, ``?``, ``left``, ``space``, ``escape``."""
        ...

    def on_pointer(self, event: str, x: float) -> None:
        """``move``, ``double``, ``wheel up`` or ``wheel down``, at share ``x`` of the picture's width."""
        ...

    def on_close(self) -> None:
        """The window was closed."""
        ...


def why_no_display(
    environ: Mapping[str, str] = os.environ, platform: str = sys.platform, qt_platforms: Path = QT_PLATFORMS
) -> str | None:
    """Why no window can be opened here, None where one can.

    Asked before the window is created: without a display Qt ends the process instead of raising.
    """
    if platform in ("win32", "darwin"):
        return None
    display = environ.get("DISPLAY", "")
    if display:
        return None if _x_answers(display) else f"the display {display} does not answer"
    if environ.get("WAYLAND_DISPLAY"):
        if qt_platforms.is_dir() and not any(qt_platforms.glob("*wayland*")):
            return "OpenCV's windows need X11, and DISPLAY is not set (Xwayland sets it)"
        return None
    return "there is no display (neither DISPLAY nor WAYLAND_DISPLAY is set)"


def _x_answers(display: str) -> bool:
    host, _, number = display.rpartition(":")
    number = number.partition(".")[0]
    if not number.isdigit():
        return False
    host = host.removeprefix("unix")
    local = not host or host.startswith("/")
    try:
        if local:
            for path in (f"/tmp/.X11-unix/X{number}", f"\0/tmp/.X11-unix/X{number}"):
                with socket.socket(socket.AF_UNIX) as connection:
                    connection.settimeout(2)
                    if connection.connect_ex(path) == 0:
                        return True
            return False
        socket.create_connection((host, 6000 + int(number)), timeout=2).close()
    except OSError:
        return False
    return True


def av_came_first(modules: Sequence[str]) -> bool:
    """Whether PyAV was imported before OpenCV; ``modules`` in order of import.

    Both wheels bring a libxcb: with PyAV's in front the first window of OpenCV hangs for ever (PyAV#978).
    """
    return "av" in modules and modules.index("av") < modules.index("cv2")


class WindowSink:
    """Shows frames; keys and mouse go to the viewer. Must be driven by the main thread."""

    name = "window"
    main_thread = True

    def __init__(self, viewer: Viewer, *, title: str = "rtstyle") -> None:
        self.viewer = viewer
        self.title = title
        self._frame: Frame | None = None
        self._width = 1
        self._drawn_at = 0.0
        self._fullscreen = False
        self._closed = False

    def __enter__(self) -> Self:
        why = why_no_display()
        if why:
            raise SinkError(f"no window: {why}; use --no-window with --record, --stream, --http or --virtual-camera")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if not self._closed:
            self._closed = True
            try:
                cv2.destroyWindow(self.title)
                cv2.waitKey(1)
            except cv2.error:
                pass  # it was never opened

    def open(self, info: StreamInfo) -> None:
        if sys.platform == "linux" and av_came_first(list(sys.modules)):
            raise SinkError("no window: PyAV was imported before OpenCV; import cv2 first, at the top of the program")
        if not os.path.isdir(os.environ.get("QT_QPA_FONTDIR", "")):
            # The wheel names a folder of fonts that it does not have, and Qt complains; all text here is our own.
            os.environ["QT_QPA_FONTDIR"] = os.path.dirname(str(cv2.__file__))
        flags = cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL
        try:
            cv2.namedWindow(self.title, flags)
            cv2.resizeWindow(self.title, *window_size(info.size))
            cv2.setMouseCallback(self.title, self._on_mouse)
        except cv2.error as error:
            raise SinkError(f"no window: this OpenCV has no windows (opencv-python-headless?): {error.err or error}") from error

    def write(self, frame: Frame) -> None:
        self._frame = frame
        self._draw()
        self._attend()

    def idle(self) -> None:
        """Answer keys and mouse while no frame comes."""
        if self._frame is not None and time.monotonic() > self._drawn_at + REDRAW_SECONDS:
            self._draw()
        self._attend()

    def _draw(self) -> None:
        if self._closed or self._frame is None:
            return
        picture = self.viewer.compose(self._frame)
        self._width = picture.shape[1]
        cv2.imshow(self.title, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
        self._drawn_at = time.monotonic()

    def _attend(self) -> None:
        if self._closed:
            return
        code = cv2.waitKeyEx(1)
        while code != -1:
            key = key_name(code)
            if key:
                self.viewer.on_key(key)
            code = cv2.pollKey()
        if self._frame is not None and cv2.getWindowProperty(self.title, cv2.WND_PROP_VISIBLE) < 1:
            self._closed = True
            self.viewer.on_close()
            return
        if self.viewer.fullscreen != self._fullscreen:
            self._fullscreen = self.viewer.fullscreen
            state = cv2.WINDOW_FULLSCREEN if self._fullscreen else cv2.WINDOW_NORMAL
            cv2.setWindowProperty(self.title, cv2.WND_PROP_FULLSCREEN, state)

    def _on_mouse(self, event: int, x: int, y: int, flags: int, _data: Any) -> None:
        share = x / self._width
        if event == cv2.EVENT_MOUSEMOVE:
            self.viewer.on_pointer("move", share)
        elif event == cv2.EVENT_LBUTTONDBLCLK:
            self.viewer.on_pointer("double", share)
        elif event == cv2.EVENT_MOUSEWHEEL and not cv2.currentUIFramework().startswith("QT"):
            # In a window of Qt the wheel zooms into the picture already, which nothing can turn off.
            self.viewer.on_pointer("wheel up" if flags > 0 else "wheel down", share)


def key_name(code: int) -> str:
    """The name of a key code of ``waitKeyEx``; empty for a key without one."""
    for candidate in (code, code & _MODIFIERS):
        if candidate in _NAMES:
            return _NAMES[candidate]
        if 33 <= candidate < 127:
            return chr(candidate).lower()
    return ""


def window_size(size: tuple[int, int]) -> tuple[int, int]:
    """(width, height) to open the window at for frames of ``size``: large enough to read, small enough for a laptop."""
    height, width = size
    scale = min(LARGEST[0] / width, LARGEST[1] / height, max(1.0, SMALLEST[0] / width, SMALLEST[1] / height))
    return max(1, round(width * scale)), max(1, round(height * scale))
