"""From wishes, as a person writes them, to a running session."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from rtstyle.config import parse_rate, parse_size
from rtstyle.errors import UsageError
from rtstyle.live.adaptive import AdaptiveHeight
from rtstyle.live.controls import Controls
from rtstyle.live.inputs import camera, open_input
from rtstyle.live.playlist import Playlist
from rtstyle.live.session import Announce, Outputs, Report, Session
from rtstyle.sinks.window import why_no_display
from rtstyle.sources.cameras import list_cameras
from rtstyle.stylizer import Stylizer
from rtstyle.system.interrupt import interruptible
from rtstyle.video.originals import refuse_originals


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What was asked for, as text where people write text."""

    outputs: Outputs
    style: str = "wave"
    camera: str = "0"
    source: str | None = None
    size: str | None = None
    rate: str | None = None
    loop: bool | None = None
    strength: float = 1.0
    keep_colors: bool = False
    stabilize: bool = False
    mirror: bool = False
    cycle: str | None = None
    fps_target: float = 30.0
    height: int | None = None
    fullscreen: bool = False
    seconds: float | None = None


def start(wishes: Wishes, open_stylizer: Callable[[], Stylizer], *, announce: Announce) -> Report:
    """Run a session until it ends; Ctrl-C, SIGTERM and the terminal's end end it with every file closed.

    Raises :class:`UsageError` for wishes that make no sense, before the model is loaded where that is possible.
    """
    size = parse_size(wishes.size) if wishes.size else None
    rate = parse_rate(wishes.rate) if wishes.rate else None
    cycle = parse_seconds(wishes.cycle) if wishes.cycle else None
    stop = threading.Event()
    if wishes.source is None:
        source = camera(wishes.camera, size=size, rate=rate, stop=stop)
    else:
        for output in (wishes.outputs.record, wishes.outputs.stream):
            if output is not None:
                refuse_originals(wishes.source, str(output))
        # A film is repeated for those who watch a window, not into a recording that nobody can end.
        loop = wishes.outputs.window and why_no_display() is None if wishes.loop is None else wishes.loop
        source = open_input(wishes.source, size=size, rate=rate, loop=loop, stop=stop)
    stylizer = open_stylizer()
    controls = Controls(
        Playlist.parse(wishes.style, stylizer.bank.names),
        strength=wishes.strength,
        keep_colors=wishes.keep_colors,
        mirror=wishes.mirror,
        cycle=cycle,
        recording=wishes.outputs.record is not None,
        stop=stop,
    )
    controls.fullscreen = wishes.fullscreen
    height = AdaptiveHeight(wishes.fps_target, fixed=wishes.height)
    session = Session(
        source,
        stylizer,
        controls,
        height,
        wishes.outputs,
        stabilize=wishes.stabilize,
        seconds=wishes.seconds,
        asked=" at ".join(wish for wish in (wishes.size, f"{wishes.rate} fps" if wishes.rate else None) if wish),
        announce=announce,
    )
    with interruptible(stop):
        return session.run()


def parse_seconds(text: str) -> float:
    """``10s``, ``10`` or ``2m`` -> seconds; raises :class:`UsageError` for anything that is not a time above 0."""
    number, factor = (text[:-1], {"s": 1.0, "m": 60.0}[text[-1]]) if text[-1:] in ("s", "m") else (text, 1.0)
    try:
        seconds = float(number) * factor
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise UsageError(f"'{text}' is not a time; write for example 10s or 2m")
    return seconds


def list_cameras_text() -> str:
    """One camera a line, or that there is none."""
    cameras = list_cameras()
    if not cameras:
        return "no cameras found; --source takes a film, a picture, an address or 'screen' instead"
    return "\n".join(f"{camera.index}  {camera.name}" for camera in cameras)
