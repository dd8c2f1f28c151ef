"""The page's layout: the style panel on one side, the tabs on the other."""

from __future__ import annotations

import gradio as gr

from rtstyle.webui.clips import build_clips
from rtstyle.webui.compare import build_compare
from rtstyle.webui.guard import GuardedBlocks
from rtstyle.webui.live import build_live
from rtstyle.webui.newstyle import build_newstyle
from rtstyle.webui.panel import Panel, build_panel
from rtstyle.webui.stills import build_stills
from rtstyle.webui.studio import Studio
from rtstyle.webui.theme import ASSETS

TITLE = "rtstyle"


def build_page(studio: Studio) -> gr.Blocks:
    """The whole page; ``studio`` is what all its visitors share."""
    with GuardedBlocks(studio.folder.uploads, title=TITLE, analytics_enabled=False, fill_width=True) as page:
        gr.HTML(
            (ASSETS / "header.html").read_text(encoding="utf-8"),
            apply_default_css=False,
            js_on_load="element.querySelector('.rt-scheme').addEventListener('click', () => window.rtstyleToggleScheme());",
            elem_classes="rt-bare",
        )
        with gr.Row(elem_id="rt-page"):
            with gr.Column(scale=0, min_width=300, elem_id="rt-panel"):
                panel = build_panel(studio)
            with gr.Column(scale=1, min_width=320, elem_id="rt-work"):
                _build_tabs(studio, panel)

        def left(request: gr.Request) -> None:
            studio.left(request.session_hash)

        page.unload(left)
    page.queue(max_size=studio.limits.waiting, default_concurrency_limit=studio.limits.painters)
    return page


def _build_tabs(studio: Studio, panel: Panel) -> None:
    with gr.Tabs(elem_id="rt-tabs"):
        with gr.Tab("Stills", id="stills"):
            build_stills(studio, panel)
        with gr.Tab("Clips", id="clips"):
            build_clips(studio, panel)
        with gr.Tab("Live", id="live"):
            build_live(studio, panel)
        with gr.Tab("New style", id="new"):
            learned = build_newstyle(studio, panel)
        with gr.Tab("How it compares", id="compare"):
            build_compare(studio, panel, learned)
