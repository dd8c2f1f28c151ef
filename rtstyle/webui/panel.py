"""The panel that all tabs share: which style, and how much of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import gradio as gr

from rtstyle.stylizer import STRONGEST
from rtstyle.webui.studio import Studio, StyleCard
from rtstyle.webui.theme import ASSETS

PAINT_SIZES = [("360", 360), ("480", 480), ("640", 640), ("1080", 1080), ("full", 0)]
USUAL_SIZE = 640


@dataclass(frozen=True, kw_only=True)
class Panel:
    """The widgets, in the order in which :meth:`Studio.look` takes their values."""

    style: gr.HTML
    second: gr.Dropdown
    share: gr.Slider
    strength: gr.Slider
    keep_colors: gr.Checkbox
    paint_size: gr.Radio
    own: gr.State
    """Names of the visitor's own styles, newest first."""

    @property
    def widgets(self) -> list[Any]:
        """What a handler takes to know the look."""
        return [self.style, self.second, self.share, self.strength, self.keep_colors, self.paint_size]

    @property
    def changes(self) -> list[Callable[..., Any]]:
        """The events after which the look is another."""
        return [
            self.style.change,
            self.second.input,
            self.share.release,
            self.strength.release,
            self.keep_colors.input,
            self.paint_size.input,
        ]


def build_panel(studio: Studio) -> Panel:
    """Lay the panel out in the current context."""
    cards = studio.cards_for([])
    gr.HTML('<h2 class="rt-heading">Style</h2>', elem_classes="rt-bare")
    style = gr.HTML(
        studio.first,
        html_template='<div class="rt-styles" role="radiogroup" aria-label="Style"></div>',
        js_on_load=(ASSETS / "picker.js").read_text(encoding="utf-8"),
        apply_default_css=False,
        label="style",
        elem_id="rt-picker",
        styles=picker_styles(cards),
    )
    with gr.Group(elem_classes="rt-controls"):
        strength = gr.Slider(0, STRONGEST, value=1.0, step=0.05, label="Strength", buttons=[])
        second = gr.Dropdown(second_choices(cards), value="", label="Blend with", filterable=False)
        share = gr.Slider(0, 1, value=0.5, step=0.05, label="Share of the second style", visible=False, buttons=[])
        paint_size = gr.Radio(
            PAINT_SIZES, value=USUAL_SIZE, label="Paint at height", info="Smaller paints broader strokes, and faster."
        )
        keep_colors = gr.Checkbox(False, label="Keep the picture's own colours")
    second.input(
        lambda name: gr.update(visible=bool(name)), second, share, queue=False, show_progress="hidden", api_visibility="private"
    )
    return Panel(
        style=style,
        second=second,
        share=share,
        strength=strength,
        keep_colors=keep_colors,
        paint_size=paint_size,
        own=gr.State([]),
    )


def picker_styles(cards: Sequence[StyleCard]) -> list[dict[str, str]]:
    """The cards as the picker's script takes them."""
    return [asdict(card) for card in cards]


def second_choices(cards: Sequence[StyleCard]) -> list[tuple[str, str]]:
    """The choices of the second style, nothing first."""
    return [("Nothing", ""), *((card.title, card.name) for card in cards)]
