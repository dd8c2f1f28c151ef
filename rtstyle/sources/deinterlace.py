"""Interlaced film to whole pictures, one per frame, with libav's bwdif."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import TYPE_CHECKING

from av.error import BlockingIOError as AvBlockingIOError
from av.error import EOFError as AvEOFError
from av.filter import Graph

if TYPE_CHECKING:
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream


class Deinterlacer:
    """Passes progressive frames; from the first interlaced frame on, all go through bwdif, which leaves those alone."""

    def __init__(self, stream: VideoStream, *, wanted: bool) -> None:
        self._stream = stream
        self._wanted = wanted
        self._graph: Graph | None = None
        self._shape: tuple[int, int, str] | None = None

    @property
    def used(self) -> bool:
        """Whether there was anything to do."""
        return self._graph is not None

    def filtered(self, frames: Iterable[VideoFrame]) -> Iterator[VideoFrame]:
        """The frames in order, times and durations kept."""
        for frame in frames:
            if self._graph is None and not (self._wanted and frame.interlaced_frame):
                yield frame
                continue
            shape = frame.width, frame.height, frame.format.name
            graph = self._graph
            if graph is None or shape != self._shape:
                yield from self._drain(end=True)
                graph = self._graph = self._build(frame)
                self._shape = shape
            duration = frame.duration
            graph.vpush(frame)
            yield from self._drain(duration=duration)
        yield from self._drain(end=True)

    def _build(self, frame: VideoFrame) -> Graph:
        graph = Graph()
        source = graph.add_buffer(
            width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base, template=None
        )
        bwdif = graph.add("bwdif", "mode=send_frame:parity=auto:deint=interlaced")
        sink = graph.add("buffersink")
        graph.link_nodes(source, bwdif, sink).configure()
        return graph

    def _drain(self, *, end: bool = False, duration: int = 0) -> Iterator[VideoFrame]:
        if self._graph is None:
            return
        if end:
            self._graph.vpush(None)
        while True:
            try:
                frame = self._graph.vpull()
            except (AvBlockingIOError, AvEOFError):
                return
            time_base = self._stream.time_base
            if frame.pts is not None and frame.time_base and time_base:
                frame.pts = round(frame.pts * Fraction(frame.time_base) / Fraction(time_base))
                frame.time_base = time_base
                frame.duration = duration
            yield frame
