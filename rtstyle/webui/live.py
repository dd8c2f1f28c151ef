"""The tab for the camera: its view, the routes behind it, and the way over plain HTTP where WebRTC finds none.

The way over HTTP is a route of our own rather than ``gr.Image``'s streaming, which sends pictures at a fixed interval
(``stream_every``) through the page's queue. Here the next picture leaves when one has come back, so that a slow server
means fewer pictures and not later ones; each carries its look, so that a style changes with the next picture; nothing
touches the disk; and the delay of every picture is known and shown.
"""

from __future__ import annotations

import io
import json
import logging
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import gradio as gr
import numpy as np
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from PIL import Image
from starlette.concurrency import run_in_threadpool

from rtstyle.errors import MissingDependencyError, RTStyleError
from rtstyle.pixels import Pixels
from rtstyle.webui.messages import VisitorError, no_place, readable
from rtstyle.webui.panel import Panel
from rtstyle.webui.studio import Studio
from rtstyle.webui.theme import ASSETS

logger = logging.getLogger(__name__)

OFFER, FRAME = "/live/offer", "/live/frame"
MAX_OFFER_BYTES = 64_000
MAX_FRAME_BYTES = 600_000
MAX_FRAME_PIXELS = 1280 * 720
IDLE_SECONDS = 5.0
"""Without a picture for so long, a visitor's place is free again."""
PICTURES_AT_ONCE = 4
"""Of one visitor; the view's script has two under way."""
JPEG_QUALITY = 85


def build_live(studio: Studio, panel: Panel) -> None:
    """Lay the tab out in the current context and connect it."""

    @readable
    def look_json(*values: Any) -> str:
        studio.look(*values)
        names = ("style", "second", "share", "strength", "keep_colors", "paint_height")
        return json.dumps(dict(zip(names, values, strict=True)))

    view = gr.HTML(
        json.dumps({"style": studio.first}),
        html_template=(ASSETS / "live.html").read_text(encoding="utf-8"),
        js_on_load=(ASSETS / "live.js").read_text(encoding="utf-8"),
        apply_default_css=False,
        label="look",
        elem_id="rt-live",
        webrtc=webrtc_is_there(),
    )
    gr.on(panel.changes, look_json, panel.widgets, view, queue=False, show_progress="hidden", api_visibility="private")


def webrtc_is_there() -> bool:
    """Whether the extra ``webrtc`` is installed."""
    try:
        from rtstyle.webui import rtc  # noqa: F401  # pyright: ignore[reportUnusedImport]
    except MissingDependencyError as error:
        logger.info("%s; the camera goes picture by picture", error)
        return False
    return True


class LiveRoutes:
    """What the view's script calls. ``close`` hangs up on everyone."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        self._seen: dict[str, float] = {}
        self._under_way: Counter[str] = Counter()
        self._peers: Any = None
        if webrtc_is_there():
            from rtstyle.webui.rtc import Peers

            self._peers = Peers(studio, others=lambda: len(self._visitors()))

    def add_to(self, api: FastAPI) -> None:
        """Register the routes; before Gradio is mounted at the root, which answers everything else."""
        api.add_api_route(OFFER, self.offer, methods=["POST"], response_model=None)
        api.add_api_route(FRAME, self.frame, methods=["POST"], response_model=None)

    async def offer(self, request: Request) -> Response:
        """WebRTC: ``{"sdp": offer, "look": {...}, "visitor": name}`` -> ``{"sdp": answer}``."""
        if self._peers is None:
            return _refusal("WebRTC is not installed here", 501)
        if request.headers.get("content-type", "").partition(";")[0] != "application/json":
            return _refusal("an offer is JSON", 415)
        try:
            table = json.loads(await _body(request, MAX_OFFER_BYTES))
            sdp, look = table["sdp"], self.studio.look_from(dict(table["look"]))
            return JSONResponse({"sdp": await self._peers.join(str(sdp), look, str(table.get("visitor", ""))[:64])})
        except VisitorError as error:
            return _refusal(str(error), 503)
        except (ValueError, KeyError, TypeError, RecursionError):
            return _refusal("an offer is {sdp, look}", 400)

    async def frame(self, request: Request) -> Response:
        """One picture over HTTP: a JPEG in, its painting as JPEG out; ``look`` is JSON in the query."""
        if request.headers.get("content-type") != "image/jpeg":
            return _refusal("a picture is a JPEG", 415)
        try:
            visitor = request.query_params.get("visitor", "")[:64]
            await self._admit(visitor)
            look = self.studio.look_from(dict(json.loads(request.query_params.get("look", "{}"))))
            body = await _body(request, MAX_FRAME_BYTES)
            begun = time.perf_counter()
            painted = await self._in_turn(visitor, lambda: _encode(self.studio.paint_live(_decode(body), look)))
        except VisitorError as error:
            return _refusal(str(error), 503)
        except (RTStyleError, ValueError, TypeError, OSError, SyntaxError, RecursionError, Image.DecompressionBombError):
            return _refusal("that is not a picture of a camera", 400)
        spent = f"{1000 * (time.perf_counter() - begun):.0f}"
        return Response(painted, media_type="image/jpeg", headers={"x-paint-ms": spent, "cache-control": "no-store"})

    async def _in_turn(self, visitor: str, work: Callable[[], bytes]) -> bytes:
        """In a thread of the server's pool, of which no visitor may take all; raises :class:`VisitorError`."""
        if self._under_way[visitor] >= PICTURES_AT_ONCE:
            raise VisitorError("Your pictures come faster than they are painted.")
        self._under_way[visitor] += 1
        try:
            return await run_in_threadpool(work)
        finally:
            self._under_way[visitor] -= 1
            if not self._under_way[visitor]:
                del self._under_way[visitor]

    async def close(self) -> None:
        """Hang up on everyone."""
        if self._peers is not None:
            await self._peers.close()

    def _visitors(self) -> set[str]:
        """Whose pictures come over HTTP at present."""
        now = time.monotonic()
        self._seen = {name: seen for name, seen in self._seen.items() if now - seen < IDLE_SECONDS}
        return set(self._seen)

    async def _admit(self, visitor: str) -> None:
        here = self._visitors()
        if self._peers is not None and visitor not in here:
            await self._peers.leave(visitor)  # WebRTC found no way for them
        cameras = len(here) + (self._peers.count if self._peers is not None else 0)
        if visitor not in here and cameras >= self.studio.limits.cameras:
            raise no_place(cameras)
        self._seen[visitor] = time.monotonic()


async def _body(request: Request, limit: int) -> bytes:
    """The request's body, never more than ``limit`` bytes of it in memory."""
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise ValueError(f"more than {limit} bytes")
        parts.append(part)
    return b"".join(parts)


def _decode(body: bytes) -> Pixels:
    with Image.open(io.BytesIO(body), formats=("JPEG",)) as picture:
        if picture.width * picture.height > MAX_FRAME_PIXELS:
            raise ValueError(f"more than {MAX_FRAME_PIXELS} pixels")
        return np.asarray(picture.convert("RGB"), dtype=np.uint8)


def _encode(pixels: Pixels) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=JPEG_QUALITY)
    return file.getvalue()


def _refusal(message: str, status: int) -> JSONResponse:
    return JSONResponse({"error": message}, status_code=status)
