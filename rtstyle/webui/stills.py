"""The tab for stills: a photo in, the painting beside it, all styles in one click."""

from __future__ import annotations

import time
from typing import Any, cast

import gradio as gr

from rtstyle.pixels import Pixels
from rtstyle.webui.limits import no_larger, open_photo
from rtstyle.webui.messages import readable
from rtstyle.webui.panel import Panel
from rtstyle.webui.studio import EXAMPLES, SAMPLE, Studio
from rtstyle.webui.widgets import photo_input, slug, status_line

SHOWN_SIDE = 1280
"""Long side above which the comparison shows a smaller copy; the download never does."""
GRID_SIDE = 288
"""Short side of the pictures in the grid of all styles."""
SLIDER_HEIGHT = 460

Shown = tuple[tuple[str, str] | dict[str, Any], dict[str, Any], str]


def build_stills(studio: Studio, panel: Panel) -> None:
    """Lay the tab out in the current context and connect it."""
    handlers = Stills(studio)
    first = handlers.paint(str(SAMPLE), studio.first, paint_size=640)
    with gr.Row(equal_height=True, elem_classes="rt-pair"):
        photo = photo_input(str(SAMPLE), label="Your photo", height=SLIDER_HEIGHT, elem_id="rt-photo")
        result = gr.ImageSlider(
            cast("tuple[str, str]", first[0]),
            label="Before | after",
            type="filepath",
            max_height=SLIDER_HEIGHT,
            height=SLIDER_HEIGHT,
            buttons=["fullscreen"],
            interactive=False,
            elem_id="rt-result",
        )
    with gr.Row(elem_classes="rt-actions"):
        status = gr.HTML(first[2], elem_id="rt-still-status")
        every = gr.Button("All styles at once", variant="secondary", elem_id="rt-all", min_width=160)
        download = gr.DownloadButton(
            "Download in full size", value=first[1]["value"], variant="primary", elem_id="rt-download", min_width=160
        )
    pictured = gr.State([])
    grid = gr.Gallery(
        label="All styles: click one to choose it",
        columns=5,
        height="auto",
        object_fit="cover",
        allow_preview=False,
        interactive=False,
        buttons=[],
        visible=False,
        elem_id="rt-grid",
    )
    gr.Examples(
        [[str(path)] for path in sorted(EXAMPLES.glob("*.jpg"))],
        [photo],
        label="Try one of these",
        cache_examples=False,
        elem_id="rt-examples",
    )
    look = [photo, *panel.widgets]
    outputs = [result, download, status]
    gr.on(
        [photo.change, *panel.changes],
        handlers.paint,
        look,
        outputs,
        api_name="paint",
        show_progress="minimal",
        show_progress_on=[result],
        trigger_mode="always_last",
        concurrency_limit=studio.limits.painters,
        concurrency_id="paint",
    )
    every.click(
        handlers.paint_all,
        [photo, panel.strength, panel.keep_colors, panel.own],
        [grid, pictured],
        api_name="paint_all",
        concurrency_id="paint",
        concurrency_limit=studio.limits.painters,
    )
    grid.select(handlers.chosen, pictured, panel.style, queue=False, show_progress="hidden", api_visibility="private")


class Stills:
    """What the tab's events do."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio

    @readable
    def paint(
        self,
        photo: str | None,
        style: str,
        second: str = "",
        share: float = 0.5,
        strength: float = 1.0,
        keep_colors: bool = False,
        paint_size: int = 0,
    ) -> Shown:
        """Paint a photo: the pair to compare, the file to download, a line of facts."""
        if not photo:  # it was just taken away
            return (
                gr.update(value=None),
                gr.update(value=None, interactive=False),
                status_line("Add a photo, or click an example"),
            )
        look = self.studio.look(style, second, share, strength, keep_colors, paint_size)
        pixels, alpha = open_photo(photo, self.studio.limits)
        begun = time.perf_counter()
        painted = self.studio.paint(pixels, look)
        seconds = time.perf_counter() - begun
        name = f"rtstyle-{slug(self.studio.title(style), 'picture')}.{'jpg' if alpha is None else 'png'}"
        full = self.studio.write(painted, name, alpha)
        height, width = painted.shape[:2]
        facts = status_line(self._name(look), f"{width} x {height}", f"painted in {seconds:.2f} s")
        return (self._shown(pixels), self._shown(painted)), gr.update(value=full, interactive=True), facts

    @readable
    def paint_all(
        self, photo: str | None, strength: float = 1.0, keep_colors: bool = False, own: list[str] | None = None
    ) -> tuple[dict[str, Any], list[str]]:
        """Paint a small copy of a photo in every style: the grid, and the names of the styles in it."""
        pixels, _ = open_photo(photo, self.studio.limits)
        small = no_larger(pixels, short_side=GRID_SIDE)
        pictures = []
        cards = self.studio.cards_for(own or [])
        for card in cards:
            painted = self.studio.paint(small, self.studio.look(card.name, strength=strength, keep_colors=keep_colors))
            pictures.append((self._shown(painted), card.title))
        return gr.update(value=pictures, visible=True), [card.name for card in cards]

    @readable
    def chosen(self, pictured: list[str], event: gr.SelectData) -> str:
        """The name of the style whose picture in the grid was clicked."""
        return pictured[min(int(event.index), len(pictured) - 1)]

    def _shown(self, pixels: Pixels) -> str:
        return self.studio.write(no_larger(pixels, long_side=SHOWN_SIDE))

    def _name(self, look: Any) -> str:
        return " + ".join(
            f"{self.studio.title(name)} {share:.0%}" if len(look.mix.parts) > 1 else self.studio.title(name)
            for name, share in look.mix.parts
        )
