"""An output of a run: its sink, what waits for it, and what becomes of its errors."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rtstyle.channel import Channel, Closed
from rtstyle.errors import RTStyleError, SinkError
from rtstyle.frame import Frame
from rtstyle.sinks.base import OnRequest, Patient, Sink
from rtstyle.stats import StatsRecorder

logger = logging.getLogger(__name__)

FILE_SECONDS = 60.0
"""A slow encoder may need long for the frame in hand; a film that is closed under its feet is lost, and the process with it."""


class Output:
    """A sink and the channel that leads to it."""

    def __init__(self, sink: Sink, room: int, *, live: bool) -> None:
        """``room``: painted frames that may wait; live, the oldest of them makes way for a new one."""
        self.sink = sink
        self.channel: Channel[Frame] = Channel(room, newest=live)
        self.live = live
        self.opened = False
        self.failed = False

    @property
    def stage(self) -> str:
        """What writing to it is called in statistics."""
        return f"write {self.sink.name}"

    @property
    def patience(self) -> float:
        """Seconds that the end of a run waits for it, beyond what every stage is given."""
        if not self.live:
            return FILE_SECONDS
        return self.sink.live_patience if isinstance(self.sink, Patient) else 0.0

    @property
    def on_request(self) -> bool:
        """Whether it writes only what somebody at the window asks for: no live run goes on for it alone."""
        return isinstance(self.sink, OnRequest) and self.sink.on_request

    def put(self, frame: Frame) -> None:
        """Hand a frame over unless the output was dropped; raises :class:`Closed` once the whole run was ended."""
        try:
            if not self.failed:
                self.channel.put(frame)
        except Closed:
            if not self.failed:
                raise


@dataclass
class Guard:
    """Decides what a sink's error means: the end of the run, or, live and with others left, only of the sink."""

    output: Output
    outputs: Sequence[Output]
    fail: Callable[[BaseException], None]
    recorder: StatsRecorder
    live: bool

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _trace: object) -> bool:
        if error is None:
            return False
        self.output.failed = True
        others = any(not (output.failed or output.on_request) for output in self.outputs)
        if not (self.live and isinstance(error, Exception) and others):
            self.fail(error)
            return True
        self.output.channel.abort()
        if not isinstance(error, RTStyleError | OSError):
            error = SinkError(f"{type(error).__name__}: {error}")
        name = self.output.sink.name
        logger.warning("%s failed and was dropped: %s", name, error)
        self.recorder.failed_sinks[name] = str(error)
        return True
