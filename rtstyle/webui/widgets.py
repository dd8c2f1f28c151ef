"""Small widgets of our own on top of Gradio's."""

from __future__ import annotations

import html
import re
from abc import ABCMeta
from collections.abc import Sequence
from typing import Any, Literal, TypeVar

import gradio as gr
from gradio.components import Component

W = TypeVar("W", bound=Component)


def untouched(widget: type[W]) -> type[W]:
    """A kind of widget that hands over the path of what was uploaded, without Gradio opening or converting it.

    A class and no attribute of an instance: Gradio builds a widget anew whenever its properties are updated.
    """

    def preprocess(_: W, payload: Any) -> str | None:
        return payload.path if payload is not None else None

    # Past Gradio's metaclass, which would write a stub file into the installed package.
    return ABCMeta.__new__(type(widget), widget.__name__, (widget,), {"preprocess": preprocess})


UntouchedImage = untouched(gr.Image)
UntouchedVideo = untouched(gr.Video)


def photo_input(
    value: str | None,
    *,
    label: str,
    height: int,
    elem_id: str,
    sources: Sequence[Literal["upload", "webcam", "clipboard"]] = ("upload", "clipboard", "webcam"),
    what: str = "photo",
) -> gr.Image:
    """An image input that hands over the uploaded file untouched: reading it, within limits, is ours."""
    return UntouchedImage(
        value,
        label=label,
        type="filepath",
        image_mode=None,
        sources=list(sources),
        height=height,
        buttons=[],
        placeholder=f"# Drop a {what} here\nor click to choose one",
        elem_id=elem_id,
        elem_classes="rt-photo",
    )


def status_line(*facts: str) -> str:
    """A quiet line of facts under a result."""
    return '<p class="rt-status">' + " <span>·</span> ".join(html.escape(fact) for fact in facts if fact) + "</p>"


def progress_bar(share: float | None, *facts: str) -> str:
    """A bar filled to ``share`` in [0, 1] (None: moving, the end is not known) over a line of facts."""
    text = " · ".join(html.escape(fact) for fact in facts if fact)
    if share is None:
        return f'<div class="rt-progress rt-progress-open" role="progressbar"><i></i></div><p class="rt-status">{text}</p>'
    percent = max(0.0, min(100.0, 100.0 * share))
    return (
        f'<div class="rt-progress" role="progressbar" aria-valuemin="0" aria-valuemax="100" aria-valuenow="{percent:.0f}">'
        f'<i style="width:{percent:.1f}%"></i></div><p class="rt-status">{text}</p>'
    )


def slug(title: str, otherwise: str) -> str:
    """A title as part of a file name: at most 40 letters and digits of ASCII; ``otherwise`` where none are left."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:40] or otherwise


def time_left(seconds: float) -> str:
    """How long something will still take, as a person would say it."""
    return f"{seconds:.0f} s to go" if seconds < 100 else f"about {seconds / 60:.0f} min to go"
