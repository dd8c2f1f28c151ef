"""The tab for clips: one frame as a taste, then the whole film with its sound, stoppable."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from rtstyle.frame import StreamInfo
from rtstyle.sinks.encoders import VideoOptions
from rtstyle.video.film import FilmOptions, FilmReport, paint_film
from rtstyle.webui.jobs import Job, JobButtons
from rtstyle.webui.messages import readable
from rtstyle.webui.panel import Panel
from rtstyle.webui.studio import Studio
from rtstyle.webui.uploads import Clip, open_clip
from rtstyle.webui.widgets import UntouchedVideo, progress_bar, status_line, time_left

EXAMPLE = Path(__file__).resolve().parents[2] / "demos" / "clip.mp4"
"""There in a checkout, not in an installed package."""
HEIGHT = 400
WRITE = VideoOptions(codec="h264", pixel_format="yuv420p", preset="veryfast", crf=20)

Update = dict[str, Any]


def build_clips(studio: Studio, panel: Panel) -> None:
    """Lay the tab out in the current context and connect it."""
    handlers = Clips(studio)
    limits = studio.limits
    with gr.Row(equal_height=True, elem_classes="rt-pair"):
        clip = UntouchedVideo(label="Your clip", sources=["upload"], height=HEIGHT, buttons=[], elem_id="rt-clip")
        with gr.Column(min_width=0):
            taste = gr.Image(
                label="One frame, painted",
                height=HEIGHT,
                buttons=["fullscreen"],
                interactive=False,
                elem_id="rt-taste",
                type="filepath",
            )
            film = gr.Video(
                label="The painted clip",
                height=HEIGHT,
                buttons=[],
                interactive=False,
                visible=False,
                autoplay=True,
                elem_id="rt-film",
            )
    moment = gr.Slider(
        0, 100, value=30, step=1, label="Frame to look at, in percent of the clip", buttons=[], elem_id="rt-moment"
    )
    bar = gr.HTML(
        status_line(f"Up to {limits.clip_seconds:g} s and {limits.clip_bytes / 1e6:.0f} MB; the sound is kept"),
        elem_id="rt-clip-status",
    )
    with gr.Row(elem_classes="rt-actions"):
        render = gr.Button("Paint the clip", variant="primary", elem_id="rt-render", min_width=160)
        stop = gr.Button("Stop", variant="stop", elem_id="rt-stop", min_width=120, interactive=False)
        download = gr.DownloadButton("Download", interactive=False, elem_id="rt-film-download", min_width=120)
    if EXAMPLE.is_file():
        gr.Examples([[str(EXAMPLE)]], [clip], label="Try this one", cache_examples=False, elem_id="rt-clip-example")
    gr.on(
        [clip.change, moment.release, *panel.changes],
        handlers.taste,
        [clip, moment, *panel.widgets],
        [taste, film],
        api_name="clip_frame",
        show_progress="minimal",
        show_progress_on=[taste],
        trigger_mode="always_last",
        concurrency_limit=limits.painters,
        concurrency_id="paint",
    )
    JobButtons(start=render, stop=stop, bar=bar).connect(
        handlers.jobs,
        handlers.render,
        [clip, *panel.widgets],
        [film, taste, bar, download, stop, render],
        name="clip",
        stop_name="stop_clip",
        limit=limits.films,
        pool="film",
    )


class Clips:
    """What the tab's events do."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        self.jobs = studio.new_jobs()

    @readable
    def taste(
        self,
        clip: str | None,
        moment: float = 30,
        style: str = "",
        second: str = "",
        share: float = 0.5,
        strength: float = 1.0,
        keep_colors: bool = False,
        paint_size: int = 0,
    ) -> tuple[Update, Update]:
        """Paint one frame of the clip."""
        if not clip:
            return gr.update(value=None, visible=True), gr.update(value=None, visible=False)
        look = self.studio.look(style, second, share, strength, keep_colors, paint_size)
        frame = open_clip(clip, self.studio.limits).frame_at(moment / 100)
        painted = self.studio.write(self.studio.paint(frame.data, look), "frame.jpg")
        return gr.update(value=painted, visible=True), gr.update(visible=False)

    @readable
    def render(
        self,
        clip: str | None,
        style: str,
        second: str = "",
        share: float = 0.5,
        strength: float = 1.0,
        keep_colors: bool = False,
        paint_size: int = 0,
        request: gr.Request | None = None,
    ) -> Iterator[tuple[Update, ...]]:
        """Paint the whole clip: the film, the frame's place, the bar, the download, both buttons."""
        look = self.studio.look(style, second, share, strength, keep_colors, paint_size)
        opened = open_clip(clip, self.studio.limits)
        counter = Counter(opened.frames)
        target = self.studio.folder.new_path("rtstyle-clip.mp4")
        options = FilmOptions(read=opened.options, write=WRITE, size=even_size(opened))
        painter = self.studio.painter(look)
        job = Job[FilmReport](lambda stop: paint_film(str(opened.path), target, painter, options, stop=stop, listener=counter))
        same, off, on = gr.update(), gr.update(interactive=False), gr.update(interactive=True)
        for _ in self.jobs.follow(request, job):
            yield same, same, gr.update(value=counter.bar()), same, on, off
        yield self._done(job.result)

    def _done(self, report: FilmReport) -> tuple[Update, ...]:
        stats = report.stats
        begun = "Stopped. What was painted:" if report.interrupted else "Done:"
        facts = status_line(
            f"{begun} {stats.frames} frames in {stats.seconds:.1f} s", f"{stats.fps:.0f} frames a second", *report.notices
        )
        off, on = gr.update(interactive=False), gr.update(interactive=True)
        if not stats.frames:
            return gr.update(), gr.update(), gr.update(value=status_line("Stopped before the first frame")), off, off, on
        path = str(report.output)
        shown = gr.update(value=path, visible=True)
        return shown, gr.update(visible=False), gr.update(value=facts), gr.update(value=path, interactive=True), off, on


class Counter:
    """How far a film is, for the bar."""

    def __init__(self, expected: int) -> None:
        self.expected = expected
        self.done = 0
        self.begun = time.perf_counter()

    def begin(self, info: StreamInfo) -> None:
        """The film is open."""
        self.begun = time.perf_counter()

    def step(self, frames: int, info: StreamInfo) -> None:
        """``frames`` are written."""
        self.done = frames

    def bar(self) -> str:
        """The bar as it is now."""
        if not self.done:
            return progress_bar(0.0, "Getting ready")
        rate = self.done / max(1e-6, time.perf_counter() - self.begun)
        left = max(0.0, (self.expected - self.done) / rate)
        return progress_bar(
            self.done / max(1, self.expected),
            f"{self.done} of {self.expected} frames",
            f"{rate:.0f} frames a second",
            time_left(left),
        )


def even_size(clip: Clip) -> str | None:
    """``WxH`` with even sides where one is odd: browsers play H.264 with halved chroma only, which needs them."""
    height, width = clip.size
    if height % 2 == 0 and width % 2 == 0:
        return None
    return f"{max(16, width - width % 2)}x{max(16, height - height % 2)}"
