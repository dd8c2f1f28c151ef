"""Which cameras this computer has."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from rtstyle.errors import UsageError

SYSFS = Path("/sys/class/video4linux")


@dataclass(frozen=True)
class CameraEntry:
    """A camera and the index it is opened by."""

    index: int
    name: str


def list_cameras(platform: str = sys.platform, sysfs: Path = SYSFS) -> list[CameraEntry]:
    """The cameras, in the order of their indices."""
    if platform == "win32":
        return parse_dshow(_listing("dshow", "dummy"))
    if platform == "darwin":
        return parse_avfoundation(_listing("avfoundation", ""))
    return read_v4l2(sysfs)


def find_camera(text: str, cameras: Sequence[CameraEntry]) -> CameraEntry:
    """The camera meant by an index or by a part of its name; raises :class:`UsageError` naming those there are."""
    if text.isdigit():
        index = int(text)
        return next((camera for camera in cameras if camera.index == index), CameraEntry(index, f"camera {index}"))
    found = [camera for camera in cameras if text.lower() in camera.name.lower()]
    exact = [camera for camera in found if camera.name.lower() == text.lower()]
    if len(found) == 1 or exact:
        return (exact or found)[0]
    there = ", ".join(f"{camera.index} '{camera.name}'" for camera in (found or cameras)) or "none"
    problem = f"'{text}' is the name of several cameras" if found else f"no camera '{text}'"
    raise UsageError(f"{problem}; there are: {there} (rtstyle webcam --list-cameras)")


def read_v4l2(sysfs: Path) -> list[CameraEntry]:
    """Linux: one entry a capture device; the further nodes that drivers add for metadata are left out."""
    cameras: list[CameraEntry] = []
    for node in sysfs.glob("video*"):
        number = node.name.removeprefix("video")
        if number.isdigit() and _read(node / "index") in ("0", ""):
            cameras.append(CameraEntry(int(number), _read(node / "name") or node.name))
    return sorted(cameras, key=lambda camera: camera.index)


def parse_avfoundation(log: str) -> list[CameraEntry]:
    """macOS: ``[0] FaceTime HD Camera`` under ``AVFoundation video devices``, screens left out."""
    video = log.partition("video devices")[2].partition("audio devices")[0]
    found = re.findall(r"\[(\d+)\] (.+)", video)
    return [CameraEntry(int(index), name.strip()) for index, name in found if not name.startswith("Capture screen")]


def parse_dshow(log: str) -> list[CameraEntry]:
    """Windows: lines ``"Integrated Camera" (video)``, or names under ``DirectShow video devices`` in older versions.

    Some are listed as ``(none)`` or ``(audio, video)``; they count, since OpenCV counts them.
    """
    names = re.findall(r'"([^"]+)" \((?!audio\))[^)]*\)', log)
    if not names:
        section = log.partition("DirectShow video devices")[2].partition("DirectShow audio devices")[0]
        names = [name for name in re.findall(r'"([^"]+)"', section) if not name.startswith("@device")]
    return [CameraEntry(index, name) for index, name in enumerate(names)]


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _listing(format: str, address: str) -> str:
    """What libav logs when asked for its devices: there is no other way to ask."""
    import av
    from av import logging as av_logging
    from av.error import FFmpegError

    level = av_logging.get_level()
    av_logging.set_level(av_logging.INFO)
    try:
        with av_logging.Capture() as lines, suppress(FFmpegError, ValueError):  # listing always ends in an error
            av.open(address, format=format, options={"list_devices": "true"}).close()
        return "".join(line[2] for line in lines)  # one line of a listing may come in several pieces
    finally:
        av_logging.set_level(level)
