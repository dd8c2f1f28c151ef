"""A virtual camera: other programs see the painting as a webcam."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any, Self

from rtstyle.errors import MissingDependencyError, SinkError
from rtstyle.frame import Frame, StreamInfo

DEFAULT_RATE = 30.0
DRIVERS = {
    "linux": (
        "the driver v4l2loopback is not loaded: sudo apt install v4l2loopback-dkms && sudo modprobe v4l2loopback"
        " devices=1 exclusive_caps=1 card_label=rtstyle"
    ),
    "darwin": "OBS is not installed or its virtual camera was never started: brew install --cask obs, then start it once in OBS",
    "win32": "OBS is not installed: winget install OBSProject.OBSStudio",
}


class VirtualCameraSink:
    """Sends frames to a virtual camera device through pyvirtualcam.

    Raises :class:`MissingDependencyError` where the package is absent; opening raises :class:`SinkError` naming the driver
    that is missing and the command that installs it.
    """

    name = "virtual camera"
    main_thread = False

    def __init__(self, device: str | None = None) -> None:
        """``device``: for example ``/dev/video10``; by default the first free one."""
        try:
            import pyvirtualcam
        except ImportError as error:
            raise MissingDependencyError("pyvirtualcam", extra="virtualcam", purpose="--virtual-camera") from error
        self._library: Any = pyvirtualcam
        self._device = device
        self._camera: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        camera, self._camera = self._camera, None
        if camera is not None:
            camera.close()

    @property
    def device(self) -> str:
        """The device that other programs open; empty before it is there."""
        return str(self._camera.device) if self._camera is not None else ""

    def open(self, info: StreamInfo) -> None:
        height, width = info.size
        try:
            self._camera = self._library.Camera(
                width=width,
                height=height,
                fps=float(info.rate) if info.rate else DEFAULT_RATE,
                fmt=self._library.PixelFormat.RGB,
                device=self._device,
            )
        except RuntimeError as error:
            raise SinkError(f"no virtual camera: {DRIVERS.get(sys.platform, DRIVERS['linux'])} ({error})") from error

    def write(self, frame: Frame) -> None:
        if self._camera is None:
            return
        try:
            self._camera.send(frame.data)
        except RuntimeError as error:
            raise SinkError(f"the virtual camera {self.device} takes no more frames: {error}") from error
