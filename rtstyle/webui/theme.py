"""How the page looks: a neutral gallery wall, dark or light, and the red of a painter's seal."""

from __future__ import annotations

from pathlib import Path

from gradio.themes import Base
from gradio.themes.utils import colors, sizes

ASSETS = Path(__file__).resolve().parent / "assets"
SEAL = colors.Color(
    name="seal",
    c50="#fff3f0",
    c100="#ffe2dc",
    c200="#ffc6bb",
    c300="#ff9f8d",
    c400="#f8705a",
    c500="#e24a33",
    c600="#c93a25",
    c700="#a62d1b",
    c800="#7f2417",
    c900="#5e1d14",
    c950="#350d08",
)
WALL = colors.Color(
    name="wall",
    c50="#fafafa",
    c100="#f2f2f3",
    c200="#e4e4e7",
    c300="#d0d1d6",
    c400="#9c9ea8",
    c500="#6f717c",
    c600="#50525c",
    c700="#363841",
    c800="#212329",
    c900="#17181d",
    c950="#0e0f12",
)
SANS = ("Inter", "ui-sans-serif", "system-ui", "Segoe UI", "Helvetica Neue", "Arial", "sans-serif")
MONO = ("ui-monospace", "SF Mono", "Menlo", "Consolas", "monospace")


def page_theme() -> Base:
    """The theme; only fonts of the visitor's machine are used, so nothing is fetched from elsewhere."""
    theme = Base(
        primary_hue=SEAL,
        secondary_hue=WALL,
        neutral_hue=WALL,
        radius_size=sizes.radius_md,
        text_size=sizes.text_md,
        font=SANS,
        font_mono=MONO,
    )
    return theme.set(
        body_background_fill="*neutral_100",
        body_background_fill_dark="*neutral_950",
        body_text_color_dark="*neutral_200",
        body_text_color_subdued="*neutral_500",
        body_text_color_subdued_dark="*neutral_400",
        background_fill_primary="white",
        background_fill_primary_dark="*neutral_900",
        background_fill_secondary="*neutral_50",
        background_fill_secondary_dark="*neutral_950",
        block_background_fill="white",
        block_background_fill_dark="*neutral_900",
        block_border_width="1px",
        block_border_color="*neutral_200",
        block_border_color_dark="*neutral_800",
        block_label_background_fill="transparent",
        block_label_background_fill_dark="transparent",
        block_label_border_width="0px",
        block_label_text_color="*neutral_500",
        block_label_text_color_dark="*neutral_400",
        block_label_text_size="*text_xs",
        block_label_text_weight="600",
        block_title_text_color="*neutral_700",
        block_title_text_color_dark="*neutral_300",
        block_title_text_size="*text_sm",
        block_title_text_weight="500",
        block_info_text_color="*neutral_500",
        block_info_text_color_dark="*neutral_400",
        block_shadow="none",
        block_radius="12px",
        input_background_fill="*neutral_100",
        input_background_fill_dark="*neutral_800",
        input_border_color="*neutral_200",
        input_border_color_dark="*neutral_700",
        input_border_color_focus="*primary_500",
        input_border_color_focus_dark="*primary_400",
        border_color_primary="*neutral_200",
        border_color_primary_dark="*neutral_800",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
        button_primary_background_fill_dark="*primary_600",
        button_primary_background_fill_hover_dark="*primary_500",
        button_primary_text_color="white",
        button_primary_text_color_dark="white",
        button_secondary_background_fill="white",
        button_secondary_background_fill_hover="*neutral_100",
        button_secondary_background_fill_dark="*neutral_800",
        button_secondary_background_fill_hover_dark="*neutral_700",
        button_secondary_border_color="*neutral_300",
        button_secondary_border_color_dark="*neutral_700",
        button_cancel_background_fill="transparent",
        button_cancel_background_fill_dark="transparent",
        button_cancel_border_color="*primary_600",
        button_cancel_border_color_dark="*primary_400",
        button_cancel_text_color="*primary_700",
        button_cancel_text_color_dark="*primary_300",
        button_border_width="1px",
        button_large_radius="10px",
        button_medium_radius="8px",
        button_small_radius="8px",
        button_large_text_weight="600",
        button_medium_text_weight="600",
        slider_color="*primary_600",
        slider_color_dark="*primary_500",
        checkbox_background_color_selected="*primary_600",
        checkbox_background_color_selected_dark="*primary_500",
        checkbox_border_color_selected="*primary_600",
        checkbox_border_color_selected_dark="*primary_500",
        color_accent="*primary_600",
        color_accent_soft="*primary_50",
        color_accent_soft_dark="*neutral_800",
        link_text_color="*primary_700",
        link_text_color_dark="*primary_300",
    )


def page_css() -> str:
    """Our own style sheet."""
    return (ASSETS / "page.css").read_text(encoding="utf-8")


def page_head() -> str:
    """What goes into the document's head: the visitor's choice of dark or light, applied before anything is drawn."""
    script = (ASSETS / "scheme.js").read_text(encoding="utf-8")
    return f'<meta name="color-scheme" content="dark light"><script>{script}</script>'
