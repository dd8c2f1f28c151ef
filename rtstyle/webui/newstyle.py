"""The tab for new styles: a painting in, its style vector fitted before the visitor's eyes, theirs at once in every tab."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from rtstyle.errors import RTStyleError, WeightsError
from rtstyle.pixels import Pixels
from rtstyle.sources.images import read_still
from rtstyle.styles import load_style_file
from rtstyle.training.data import SMALLEST_PAINTING, list_pictures
from rtstyle.training.fit import FIT_RECIPE, FitResult, fit_style
from rtstyle.training.loop import Progress
from rtstyle.training.sheet import GAP
from rtstyle.webui.jobs import Job, JobButtons
from rtstyle.webui.limits import check_bytes, no_larger, open_photo
from rtstyle.webui.messages import VisitorError, readable
from rtstyle.webui.panel import Panel, picker_styles, second_choices
from rtstyle.webui.settings import MEGA
from rtstyle.webui.studio import EXAMPLES, Studio
from rtstyle.webui.widgets import photo_input, progress_bar, slug, status_line, time_left

USUAL_STEPS = FIT_RECIPE.steps
STEPS = [("quick", USUAL_STEPS // 3), ("usual", USUAL_STEPS), ("thorough", 2 * USUAL_STEPS)]
SHEET_EVERY = 5
"""Steps between previews."""
PAINTING_SIDE = 1024
"""Long side above which a painting is made smaller; its gram matrices are taken at 512 px."""
LONGEST_NAME = 40
STYLE_FILE_BYTES = 1 * MEGA
HEIGHT = 400

Update = dict[str, Any]


def build_newstyle(studio: Studio, panel: Panel) -> gr.State:
    """Lay the tab out and connect it; returns the state with the path of the painting that was learned last."""
    handlers = NewStyle(studio)
    learned, fresh = gr.State(None), gr.State(None)
    with gr.Row(equal_height=True, elem_classes="rt-pair"):
        painting = photo_input(
            None, label="A painting", height=HEIGHT, elem_id="rt-painting", sources=["upload", "clipboard"], what="painting"
        )
        sheet = gr.Image(
            label="How it paints so far: each photo, and its painting",
            type="filepath",
            height=HEIGHT,
            buttons=["fullscreen"],
            interactive=False,
            elem_id="rt-sheet",
        )
    with gr.Row(elem_classes="rt-form"):
        name = gr.Textbox(
            label="Name of the style", placeholder="My style", max_lines=1, max_length=LONGEST_NAME, elem_id="rt-name"
        )
        steps = gr.Radio(STEPS, value=USUAL_STEPS, label="How long to learn", elem_id="rt-steps")
    bar = gr.HTML(status_line("A style is learned in minutes; stop as soon as you like what you see"), elem_id="rt-fit-status")
    with gr.Row(elem_classes="rt-actions"):
        learn = gr.Button("Learn this style", variant="primary", min_width=160, elem_id="rt-learn")
        stop = gr.Button("Stop and keep it", variant="stop", interactive=False, min_width=140, elem_id="rt-fit-stop")
        download = gr.DownloadButton("Download the style", interactive=False, min_width=140, elem_id="rt-style-download")
        load = gr.UploadButton("Load a style file", file_types=[".safetensors"], min_width=140, elem_id="rt-style-load")
    JobButtons(start=learn, stop=stop, bar=bar).connect(
        handlers.jobs,
        handlers.learn,
        [painting, name, steps],
        [sheet, bar, learn, stop, download, fresh, learned],
        name="learn",
        stop_name="stop_learning",
        limit=1,
        pool="learn",
    )
    load.upload(handlers.load, load, [bar, fresh], show_progress="hidden", api_name="load_style")
    # A step of its own: what the visitor's styles are is known only now, since others may have come while this one was learned.
    fresh.change(
        handlers.offer,
        [fresh, panel.own],
        [panel.style, panel.second, panel.own],
        queue=False,
        show_progress="hidden",
        api_name="offer_style",
        api_visibility="undocumented",
    )
    return learned


@dataclass
class Watched:
    """What a fit has said of itself."""

    stop: threading.Event
    latest: Progress | None = None
    sheet: Path | None = None
    begun: float = field(default_factory=time.perf_counter)

    def __call__(self, progress: Progress) -> bool:
        self.latest = progress
        self.sheet = progress.sheet or self.sheet
        return not self.stop.is_set()

    def bar(self) -> str:
        """The bar as it is now."""
        if self.latest is None:
            return progress_bar(None, "Looking at the painting")
        step, steps = self.latest.step, self.latest.steps
        left = (time.perf_counter() - self.begun) / max(1, step) * (steps - step)
        parts = [f"{name} loss {self.latest.losses[name]:.3f}" for name in ("style", "content") if name in self.latest.losses]
        return progress_bar(step / steps, f"step {step} of {steps}", *parts, time_left(left))


class NewStyle:
    """What the tab's events do."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        self.jobs = studio.new_jobs()

    @readable
    def learn(
        self,
        painting: str | None,
        name: str = "",
        steps: int = USUAL_STEPS,
        request: gr.Request | None = None,
    ) -> Iterator[tuple[Any, ...]]:
        """Fit a style; yields the sheet, the bar, the buttons, the download, the new style's name and its painting."""
        title = tidy_title(name)
        path = self._keep_painting(painting)
        out = self.studio.folder.new_path(f"{slug(title, 'style')}.safetensors")
        heard: list[Watched] = []

        def work(stop: threading.Event) -> FitResult:
            heard.append(Watched(stop))
            return self._fit(path, out, title, steps, heard[0])

        job = Job(work)
        same, off, on = gr.update(), gr.update(interactive=False), gr.update(interactive=True)
        shown: Path | None = None
        for _ in self.jobs.follow(request, job):
            watched = heard[0] if heard else Watched(job.stop)
            fresh = watched.sheet if watched.sheet != shown else None
            shown = watched.sheet
            sheet = gr.update(value=self._sheet(fresh)) if fresh else same
            yield sheet, gr.update(value=watched.bar()), off, on, same, same, same
        result = job.result
        card = self.studio.add_own(load_style_file(result.path), title)
        facts = status_line(
            f"{'Learned' if result.finished else 'Stopped and kept'}: {title} is now first among the styles",
            f"style loss {result.style:.3f}",
            f"content loss {result.content:.3f}",
        )
        sheet = gr.update(value=self._sheet(heard[0].sheet)) if heard[0].sheet else same
        download = gr.update(value=str(result.path), interactive=True)
        yield sheet, gr.update(value=facts), on, off, download, card.name, str(path)

    @readable
    def load(self, file: str | None) -> tuple[Update, str]:
        """Take in a style file that was downloaded here before: the bar, and the style's name."""
        if not file:
            raise VisitorError("Choose a style file first.")
        path = Path(file)
        check_bytes(path, STYLE_FILE_BYTES, "style file")
        try:
            style = load_style_file(path, own_network=False)
            title = tidy_title(style.entry.title or style.entry.name)
            card = self.studio.add_own(style, title)
        except RTStyleError as error:
            raise VisitorError("That is not a style for this page's network. Styles that were downloaded here work.") from error
        return gr.update(value=status_line(f"{title} is now first among the styles")), card.name

    @readable
    def offer(self, fresh: str, own: list[str]) -> tuple[Update, Update, list[str]]:
        """Put a new style first among the visitor's own: the picker, the blend's choices, the names."""
        own = [fresh, *own]
        cards = self.studio.cards_for(own)
        return gr.update(value=fresh, styles=picker_styles(cards)), gr.update(choices=second_choices(cards)), own

    def _sheet(self, path: Path) -> str:
        """The trainer's contact sheet as the page shows it: photos above, paintings below, nothing in between."""
        flat, alpha = lay_flat(read_still(path)[0])
        return self.studio.write(flat, "sheet.webp", alpha)

    def _keep_painting(self, painting: str | None) -> Path:
        if not painting:
            raise VisitorError("Add a painting first: upload one, or paste one.")
        pixels, _ = open_photo(painting, self.studio.limits)
        size = pixels.shape[:2]
        if min(size) < SMALLEST_PAINTING:
            raise VisitorError(f"That painting is {size[1]}x{size[0]}; both sides need at least {SMALLEST_PAINTING} pixels.")
        return Path(self.studio.write(no_larger(pixels, long_side=PAINTING_SIDE, least=SMALLEST_PAINTING), "painting.png"))

    def _fit(self, painting: Path, out: Path, title: str, steps: int, watched: Watched) -> FitResult:
        config = self.studio.config
        try:
            return fit_style(
                painting,
                out,
                list_pictures(config.photos or EXAMPLES),
                name=title,
                recipe=replace(FIT_RECIPE, steps=steps),
                tier=self.studio.tier,
                weights=config.weights,
                run_folder=out.parent / "run",
                device=self.studio.device,
                loss_weights=config.loss_weights,
                sheet_every=SHEET_EVERY,
                listener=watched,
            )
        except WeightsError as error:
            raise VisitorError(NO_LOSS_NETWORK) from error


NO_LOSS_NETWORK = (
    "This server has no loss network (VGG-19), which is needed here. Whoever runs it can give one with --loss-weights FILE."
)


def lay_flat(sheet: Pixels) -> tuple[Pixels, Pixels]:
    """Turn a sheet of one row a photo (the photo, its painting) into one column a photo.

    ``sheet`` is uint8 (N S, 2 S, 3), where S counts a gap of ``GAP``; returns uint8 (2 S, N S, 3) and an alpha (2 S, N S) that
    leaves the gaps open.
    """
    cell = sheet.shape[1] // 2
    cells = sheet.reshape(-1, cell, 2, cell, 3)
    alpha = np.zeros((cell, cell), np.uint8)
    alpha[:-GAP, :-GAP] = 255
    flat = cells.transpose(2, 1, 0, 3, 4).reshape(2 * cell, -1, 3)
    return np.ascontiguousarray(flat), np.tile(alpha, (2, len(cells)))


def tidy_title(name: str) -> str:
    """What a visitor calls a style, in one short line."""
    return " ".join(re.sub(r"[^\w\s'().,&-]", "", str(name)).split())[:LONGEST_NAME] or "My style"
