"""The camera over WebRTC: a painted track back for the visitor's own, and a channel beside it for the look.

The only module that imports aiortc (extra ``webrtc``).
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

from rtstyle.errors import MissingDependencyError
from rtstyle.pixels import Pixels
from rtstyle.stats import StatsRecorder
from rtstyle.stylizer import Look
from rtstyle.webui.limits import no_larger
from rtstyle.webui.messages import VisitorError, no_place
from rtstyle.webui.studio import Studio

try:
    from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
    from aiortc.codecs import vpx
    from aiortc.mediastreams import MediaStreamError
except ImportError as error:
    raise MissingDependencyError("aiortc", extra="webrtc", purpose="the camera over WebRTC") from error

from av import VideoFrame

logger = logging.getLogger(__name__)

LARGEST_SIDE = 640
"""Long side above which a camera's picture is made smaller before it is painted."""
CONNECT_SECONDS = 15.0

# Strokes are all edges: at the library's own half megabit they would drown in blocks.
vpx.DEFAULT_BITRATE = vpx.MAX_BITRATE = 3_000_000


class PaintedTrack(MediaStreamTrack):
    """The newest frame of ``source``, painted; frames that come while one is painted are dropped."""

    kind = "video"

    def __init__(self, source: MediaStreamTrack, studio: Studio, look: Look, pool: ThreadPoolExecutor) -> None:
        super().__init__()
        self.look = look
        self.stats = StatsRecorder()
        self._source = source
        self._studio = studio
        self._pool = pool
        self._newest: tuple[VideoFrame, float] | None = None
        self._there = asyncio.Event()
        self._reading = asyncio.ensure_future(self._read())

    async def _read(self) -> None:
        try:
            while True:
                frame = cast(VideoFrame, await self._source.recv())
                self._newest = frame, time.monotonic()
                self._there.set()
        except MediaStreamError:
            self.stop()
            self._there.set()

    async def recv(self) -> VideoFrame:
        """The next painted frame; raises aiortc's ``MediaStreamError`` after the last."""
        await self._there.wait()
        self._there.clear()
        if self._newest is None or self.readyState != "live":
            raise MediaStreamError
        (frame, arrived), self._newest = self._newest, None
        painted = await asyncio.get_running_loop().run_in_executor(self._pool, self._paint, frame)
        self.stats.shown(arrived)
        return painted

    def _paint(self, frame: VideoFrame) -> VideoFrame:
        pixels = no_larger(cast(Pixels, frame.to_ndarray(format="rgb24")), long_side=LARGEST_SIDE, multiple=2)
        painted = VideoFrame.from_ndarray(self._studio.paint_live(pixels, self.look), format="rgb24")
        painted.pts, painted.time_base = frame.pts, frame.time_base
        return painted

    def stop(self) -> None:
        super().stop()
        self._reading.cancel()


class Peer:
    """One visitor's connection."""

    def __init__(self, studio: Studio, look: Look, pool: ThreadPoolExecutor, visitor: str = "") -> None:
        self.studio = studio
        self.visitor = visitor
        self.look = look
        self.pool = pool
        # No STUN server: aiortc would ask one of Google's, which learns of every camera and may keep the answer waiting.
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.painted: PaintedTrack | None = None
        self.opened_at = time.monotonic()
        self.connection.on("track", self._on_track)
        self.connection.on("datachannel", self._on_channel)

    @property
    def is_over(self) -> bool:
        """Whether it is closed, or never came about."""
        state = self.connection.connectionState
        waiting = state in ("new", "connecting") and time.monotonic() - self.opened_at > CONNECT_SECONDS
        return waiting or state in ("closed", "failed", "disconnected")

    async def answer(self, sdp: str) -> str:
        """The answer to a browser's offer; raises :class:`VisitorError` for one that makes no sense."""
        try:
            await self.connection.setRemoteDescription(RTCSessionDescription(sdp=sdp, type="offer"))
            if self.painted is None:
                raise ValueError("no picture in it")
            await self.connection.setLocalDescription(await self.connection.createAnswer())
        except (ValueError, AttributeError, IndexError, KeyError, AssertionError) as error:  # aiortc reads by assertions too
            await self.close()
            raise VisitorError("the offer is not one of a browser's camera") from error
        return str(self.connection.localDescription.sdp)

    async def close(self) -> None:
        """Hang up."""
        if self.painted is not None:
            self.painted.stop()
        await self.connection.close()

    def _on_track(self, track: MediaStreamTrack) -> None:
        if track.kind == "video" and self.painted is None:
            self.painted = PaintedTrack(track, self.studio, self.look, self.pool)
            self.connection.addTrack(self.painted)

    def _on_channel(self, channel: Any) -> None:
        def heard(message: object) -> None:
            self._heard(channel, message)

        channel.on("message", heard)

    def _heard(self, channel: Any, message: object) -> None:
        try:
            table = json.loads(message) if isinstance(message, str) else None
            if not isinstance(table, dict):
                return
            if "look" in table and isinstance(table["look"], dict):
                self.look = self.studio.look_from(table["look"])
                if self.painted is not None:
                    self.painted.look = self.look
            if "ping" in table:
                latency = self.painted.stats.latency() if self.painted else None
                channel.send(json.dumps({"pong": table["ping"], "paint_ms": round(1000 * latency[0]) if latency else None}))
        except VisitorError as error:
            channel.send(json.dumps({"error": str(error)}))
        except (ValueError, RecursionError):
            logger.info("a message on the channel was no JSON")


class Peers:
    """All connections of the page; those that ended make room."""

    def __init__(self, studio: Studio, *, others: Callable[[], int]) -> None:
        """``others``: how many cameras are painted besides."""
        self.studio = studio
        self._others = others
        self.pool = ThreadPoolExecutor(studio.limits.cameras, thread_name_prefix="camera")
        self.peers: set[Peer] = set()

    @property
    def count(self) -> int:
        """Connections that are there, or coming about."""
        return sum(not peer.is_over for peer in self.peers)

    async def join(self, sdp: str, look: Look, visitor: str = "") -> str:
        """Take a visitor in and answer the offer; raises :class:`VisitorError` where there is no room."""
        await self._part([peer for peer in self.peers if peer.is_over])
        await self.leave(visitor)
        cameras = len(self.peers) + self._others()
        if cameras >= self.studio.limits.cameras:
            raise no_place(cameras)
        peer = Peer(self.studio, look, self.pool, visitor)
        self.peers.add(peer)
        try:
            return await peer.answer(sdp)
        except BaseException:
            self.peers.discard(peer)
            raise

    async def leave(self, visitor: str) -> None:
        """Hang up on a visitor who goes another way, or begins anew: they have one place."""
        await self._part([peer for peer in self.peers if visitor and peer.visitor == visitor])

    async def _part(self, peers: Sequence[Peer]) -> None:
        for peer in peers:
            self.peers.discard(peer)
            await peer.close()

    async def close(self) -> None:
        """Hang up on everyone."""
        await asyncio.gather(*(peer.close() for peer in self.peers), return_exceptions=True)
        self.peers.clear()
        self.pool.shutdown(wait=False, cancel_futures=True)
