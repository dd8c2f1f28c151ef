"""The camera on the page: painted over WebRTC, or picture by picture over HTTP, each visitor in their own style."""

from __future__ import annotations

import asyncio
import io
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np
import pytest
from PIL import Image

from rtstyle.webui import live
from rtstyle.webui.messages import VisitorError
from rtstyle.webui.server import PageServer

if TYPE_CHECKING:
    from rtstyle.pixels import Pixels

SIZE = (96, 128)


@pytest.fixture(autouse=True)
def _places_are_free(page: PageServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test waits for the visitors of the one before to be forgotten."""
    monkeypatch.setattr(live, "IDLE_SECONDS", 0.0)


def scene(shift: int = 0) -> Pixels:
    """A camera's picture: soft coloured blocks."""
    coarse = np.random.default_rng(3).integers(0, 256, (3, 4, 3), dtype=np.uint8)
    height, width = SIZE
    return np.roll(np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)), shift, axis=1)


def jpeg(pixels: Pixels) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=95)
    return file.getvalue()


def post(url: str, **request: Any) -> httpx.Response:
    return httpx.post(url, timeout=60, **request)


def send(page: PageServer, body: bytes, *, kind: str = "image/jpeg", visitor: str = "a", **look: Any) -> httpx.Response:
    return post(
        f"{page.url}live/frame",
        params={"visitor": visitor, "look": json.dumps(look)},
        content=body,
        headers={"content-type": kind},
    )


def test_a_picture_comes_back_painted_in_the_look_that_came_with_it(page: PageServer) -> None:
    body = jpeg(scene())
    sent = np.asarray(Image.open(io.BytesIO(body)))
    paintings = {name: page.studio.paint(sent, page.studio.look(name, strength=0.8)) for name in ("wave", "scream", "udnie")}
    for style in ("wave", "scream"):
        answer = send(page, body, style=style, strength=0.8)
        assert _nearest(np.asarray(Image.open(io.BytesIO(answer.content))), {**paintings, "unpainted": sent}) == style
        assert float(answer.headers["x-paint-ms"]) > 0


def test_two_visitors_at_once_each_see_their_own_style(page: PageServer) -> None:
    """Of the same scene, picture by picture, with the style of one of them changing on the way."""
    body = jpeg(scene())
    sent = np.asarray(Image.open(io.BytesIO(body)))
    paintings = {name: page.studio.paint(sent, page.studio.look(name)) for name in ("wave", "scream", "udnie")}
    wishes = {"a": ["wave"] * 3 + ["udnie"] * 3, "b": ["scream"] * 6}

    def watch(visitor: str) -> list[str]:
        answers = (send(page, body, visitor=visitor, style=style) for style in wishes[visitor])
        return [_nearest(np.asarray(Image.open(io.BytesIO(answer.content))), paintings) for answer in answers]

    with ThreadPoolExecutor(2) as pool:
        assert dict(zip(wishes, pool.map(watch, wishes), strict=True)) == wishes


def test_what_is_no_picture_of_a_camera_is_refused(page: PageServer) -> None:
    assert send(page, b"not a jpeg").status_code == 400
    assert send(page, jpeg(scene()), kind="text/plain").status_code == 415
    assert send(page, jpeg(np.zeros((1000, 1000, 3), np.uint8))).status_code == 400
    assert send(page, bytes(live.MAX_FRAME_BYTES + 1)).status_code == 400
    bomb = bytearray(jpeg(scene()))
    size = bomb.index(b"\xff\xc0") + 5
    bomb[size : size + 4] = b"\xff\xdc" * 2  # 65500 pixels a side, it says
    assert send(page, bytes(bomb)).status_code == 400
    nested = {"visitor": "a", "look": 20_000 * "["}
    deep = post(f"{page.url}live/frame", params=nested, content=jpeg(scene()), headers={"content-type": "image/jpeg"})
    assert deep.status_code == 400
    refused = send(page, jpeg(scene()), style="../../secret.safetensors")
    assert refused.status_code == 503
    assert "style is not here" in refused.json()["error"]


def test_one_visitor_too_many_is_asked_to_come_back_later(page: PageServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "IDLE_SECONDS", 60.0)
    picture = jpeg(scene())
    assert [send(page, picture, visitor=name).status_code for name in ("a", "b", "a", "c", "b")] == [200, 200, 200, 503, 200]
    assert "Try again in a while" in send(page, picture, visitor="c").json()["error"]
    monkeypatch.setattr(live, "IDLE_SECONDS", 0.0)
    assert send(page, picture, visitor="c").status_code == 200


def test_both_ways_of_the_camera_share_the_places(page: PageServer, monkeypatch: pytest.MonkeyPatch) -> None:
    rtc = pytest.importorskip("rtstyle.webui.rtc")
    monkeypatch.setattr(live, "IDLE_SECONDS", 60.0)
    routes = live.LiveRoutes(page.studio)
    peers: Any = routes._peers
    with ThreadPoolExecutor(1) as pool:
        look = page.studio.look("wave")

        async def connected() -> None:
            await routes._admit("over http")
            peers.peers.add(rtc.Peer(page.studio, look, pool, "tries webrtc"))
            await routes._admit("over http")
            with pytest.raises(VisitorError, match="2 cameras are being painted"):
                await routes._admit("another")
            with pytest.raises(VisitorError, match="2 cameras are being painted"):
                await peers.join("an offer", look)
            await routes._admit("tries webrtc")  # which found no way: one place for one visitor
            assert not peers.peers
            await routes.close()

        asyncio.run(connected())


def test_no_visitor_takes_all_the_threads(page: PageServer) -> None:
    routes, release = live.LiveRoutes(page.studio), threading.Event()

    def work() -> bytes:
        release.wait(20)
        return b"painted"

    async def flood() -> list[bytes | BaseException]:
        waiting = [asyncio.ensure_future(routes._in_turn("greedy", work)) for _ in range(20)]
        await asyncio.sleep(0.1)
        other = asyncio.ensure_future(routes._in_turn("other", work))
        await asyncio.sleep(0.1)
        release.set()
        return await asyncio.gather(*waiting, other, return_exceptions=True)

    results = asyncio.run(flood())
    assert results.count(b"painted") == live.PICTURES_AT_ONCE + 1
    assert results[-1] == b"painted"
    assert not routes._under_way


def test_an_offer_that_makes_no_sense_is_refused_and_takes_no_place(page: PageServer) -> None:
    pytest.importorskip("aiortc")
    for sdp in ("rubbish", "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nc=IN IP9 x\r\n", "rubbish", "", "v=0"):
        answer = post(f"{page.url}live/offer", json={"sdp": sdp, "look": {"style": "wave"}})
        assert answer.status_code in (400, 503)
        assert "not one of a browser's" in answer.json()["error"]
    assert post(f"{page.url}live/offer", content=b"{}").status_code == 415
    assert post(f"{page.url}live/offer", json={"look": {}}).status_code == 400


def test_two_cameras_over_webrtc_each_get_their_own_style_and_can_change_it(page: PageServer) -> None:
    pytest.importorskip("aiortc")
    first, second = asyncio.run(asyncio.wait_for(_two_visitors(page), 90))
    paintings = {name: page.studio.paint(scene(), page.studio.look(name)) for name in ("wave", "scream", "udnie")}
    assert _nearest(first[0], paintings) == "wave"
    assert _nearest(second[0], paintings) == "scream"
    assert _nearest(first[1], paintings) == "udnie"
    assert _nearest(second[1], paintings) == "scream"
    assert first[0].shape == paintings["wave"].shape


def _nearest(seen: Pixels, paintings: dict[str, Pixels]) -> str:
    return min(paintings, key=lambda name: float(np.abs(seen.astype(int) - paintings[name]).mean()))


async def _two_visitors(page: PageServer) -> list[tuple[Pixels, Pixels]]:
    return list(await asyncio.gather(_visit(page, "wave", "udnie"), _visit(page, "scream", "scream")))


async def _visit(page: PageServer, style: str, later: str) -> tuple[Pixels, Pixels]:
    """Send a still scene, take a painted frame, change the style over the channel, take another."""
    from aiortc import RTCPeerConnection, RTCSessionDescription, VideoStreamTrack
    from av import VideoFrame

    class Camera(VideoStreamTrack):
        async def recv(self) -> VideoFrame:
            pts, time_base = await self.next_timestamp()
            frame = VideoFrame.from_ndarray(scene(), format="rgb24")
            frame.pts, frame.time_base = pts, time_base
            return frame

    peer = RTCPeerConnection()
    try:
        tracks: asyncio.Queue[Any] = asyncio.Queue()
        said: asyncio.Queue[str] = asyncio.Queue()
        peer.on("track", tracks.put_nowait)
        channel = peer.createDataChannel("look")
        channel.on("message", said.put_nowait)
        peer.addTrack(Camera())
        await peer.setLocalDescription(await peer.createOffer())
        async with httpx.AsyncClient() as client:
            answer = await client.post(
                f"{page.url}live/offer", json={"sdp": peer.localDescription.sdp, "look": {"style": style}}, timeout=30
            )
        await peer.setRemoteDescription(RTCSessionDescription(sdp=answer.json()["sdp"], type="answer"))
        track = await tracks.get()
        for _ in range(4):
            frame = await track.recv()
        before = frame.to_ndarray(format="rgb24")
        channel.send(json.dumps({"look": {"style": later}, "ping": 7}))
        pong = json.loads(await said.get())
        assert pong["pong"] == 7
        assert pong["paint_ms"] >= 0
        for _ in range(8):
            frame = await track.recv()
        return before, frame.to_ndarray(format="rgb24")
    finally:
        await peer.close()
