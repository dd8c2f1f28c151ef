"""The report as one HTML file that needs nothing beside it: pictures and curves are inside."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from html import escape

from PIL import Image

from rtstyle.compare.facts import EQUIVALENT, FACTS
from rtstyle.compare.figures import cost_rows, equivalent_text, speedup, summary_rows
from rtstyle.compare.measure import Comparison
from rtstyle.compare.methods import OPTIMIZE, FeedForward
from rtstyle.compare.papers import NETWORKS, REFERENCE, About
from rtstyle.compare.stylesheet import STYLESHEET
from rtstyle.optimize.curves import plot, weighted
from rtstyle.pixels import Pixels, resize, scaled_size

SHOWN_PHOTOS = 4
CURVE_PHOTOS = 2
SHOWN_SIDE = 256
TITLE = "Style transfer: slow and fast"
INTRODUCTION = (
    "A picture can be painted by optimising its pixels, hundreds of passes through a classifier and back, or in one pass of a "
    "small network that was trained on the same kind of loss. This page sets them side by side."
)


def render(
    comparisons: Sequence[Comparison],
    painters: Mapping[str, FeedForward],
    settings: Mapping[str, object],
    training_curves: Mapping[str, Pixels],
) -> str:
    """The whole page. ``painters``: a painter of each method, for what it is; ``training_curves``: pictures by name."""
    parts = [_costs(comparisons)]
    parts += [_section(comparison) for comparison in comparisons]
    parts.append(_methods(painters, reference=any(comparison.histories for comparison in comparisons)))
    parts.append(_published())
    if training_curves:
        parts.append("<h2>Training</h2>")
        parts += [f"<h3>{escape(name)}</h3>{_curve(picture, f'losses of {name}')}" for name, picture in training_curves.items()]
    parts.append(_settings(comparisons, painters, settings))
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{TITLE}</title>'
    body = f"<header><h1>{TITLE}</h1><p>{escape(INTRODUCTION)}</p></header><main>{''.join(parts)}</main>"
    return f"<!doctype html><html lang=en><head>{head}<style>{STYLESHEET}</style></head><body>{body}</body></html>\n"


def table(header: Sequence[str], rows: Sequence[Sequence[str]], *, text: bool = False) -> str:
    """An HTML table of plain text, figures to the right unless ``text``."""
    kind = ' class="text"' if text else ""
    head = "".join(f"<th{kind}>{escape(cell)}</th>" for cell in header)
    lines = ["".join(f"<td{kind}>{escape(cell)}</td>" for cell in row) for row in rows]
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _costs(comparisons: Sequence[Comparison]) -> str:
    cards = "".join(
        _figures(comparison, method) for comparison in comparisons for method in comparison.results if method != OPTIMIZE
    )
    header = ["measured here", "method", "slow reference", "this method", "faster by", "iterations-equivalent", "which take"]
    rows = [row for comparison in comparisons for row in cost_rows(comparison)]
    return f'<h2>What it costs</h2><div class="cards">{cards}</div>{table(header, rows)}'


def _figures(comparison: Comparison, method: str) -> str:
    """The figures that count, large."""
    seconds = comparison.mean(method, lambda result: result.seconds)
    said = [(f"{1000 * seconds:,.0f} ms", "a picture")]
    if OPTIMIZE in comparison.results:
        said.append((speedup(comparison, method), f"as fast as {comparison.config.iterations} iterations of the reference"))
        said.append((equivalent_text(comparison, method), "of its iterations for the same loss"))
    lines = "".join(f"<b>{escape(figure)}</b><span>{escape(text)}</span>" for figure, text in said)
    title = f"{method}, {comparison.style}, {comparison.size} px"
    return f'<div class="card figures"><h3>{escape(title)}</h3><p>{lines}</p></div>'


def _published() -> str:
    rows = [[fact.setting, fact.slow, fact.fast, fact.ratio, fact.source] for fact in FACTS]
    header = ["setting", "slow", "fast", "faster by", "source"]
    return f'<h2>Published, for comparison</h2>{table(header, rows, text=True)}<p class="note">{escape(EQUIVALENT)}</p>'


def _section(comparison: Comparison) -> str:
    header = [
        "method",
        "ms a picture",
        "faster by",
        "content loss",
        "style loss",
        "total",
        "content share",
        "style share",
        "its.-equiv.",
    ]
    config = comparison.config
    start = "the photo" if config.start == "content" else "noise"
    note = (
        "Losses are relative errors (0: none, 1: as wrong as black), means over the photos. All methods are measured by the same "
        "losses, whatever their networks were trained on; the settings below say whose they are. The total weighs content "
        f"{config.content_weight:g}, style {config.style_weight:g} and total variation {config.total_variation_weight:g}. "
        f"Iterations-equivalent: the iteration of the slow reference, started from {start}, that reaches the "
        "method's total, a mean over the photos; one iteration is one pass through the loss network and back."
    )
    curves = "".join(_curve(picture, f"losses over iterations, {name}") for name, picture in history_curves(comparison).items())
    return (
        f"<h2>{escape(comparison.style)} at {comparison.size} px</h2>{_grid(comparison)}"
        f'{table(header, summary_rows(comparison))}<p class="note">{escape(note)}</p>{curves}'
    )


def history_curves(comparison: Comparison) -> dict[str, Pixels]:
    """The reference's losses for the first photos, and across them the totals of the other methods."""
    curves: dict[str, Pixels] = {}
    for photo, history in list(comparison.histories.items())[:CURVE_PHOTOS]:
        levels = {method: results[photo].losses.total for method, results in comparison.results.items() if method != OPTIMIZE}
        steps = [point.iteration for point in history]
        curves[photo] = plot(steps, weighted(history, comparison.config), "iteration", levels=levels)
    return curves


def _grid(comparison: Comparison) -> str:
    lines = ["".join(f"<th>{escape(name)}</th>" for name in ("photo", *comparison.results))]
    for photo in list(comparison.photos)[:SHOWN_PHOTOS]:
        cells: list[tuple[Pixels, str]] = [(comparison.photos[photo], photo)]
        cells += [(results[photo].picture, f"{photo}, {method}") for method, results in comparison.results.items()]
        lines.append("".join(f"<td>{_image(pixels, alt)}</td>" for pixels, alt in cells))
    rows = "".join(f"<tr>{line}</tr>" for line in lines)
    painting = _image(_small(comparison.painting), f"the painting: {comparison.style}")
    caption = f"<figcaption>the painting, {escape(comparison.style)}</figcaption>"
    return f'<figure>{painting}{caption}</figure><div class="wide"><table class="grid">{rows}</table></div>'


def _small(pixels: Pixels) -> Pixels:
    return resize(pixels, scaled_size((pixels.shape[0], pixels.shape[1]), min(SHOWN_SIDE, *pixels.shape[:2])))


def _image(pixels: Pixels, alt: str) -> str:
    return f'<img src="{data_uri(pixels, "JPEG")}" alt="{escape(alt)}" width="{pixels.shape[1]}">'


def _curve(pixels: Pixels, alt: str) -> str:
    image = f'<img class="curve" src="{data_uri(pixels, "PNG")}" alt="{escape(alt)}">'
    return f"<figure>{image}<figcaption>{escape(alt)}</figcaption></figure>"


def data_uri(pixels: Pixels, kind: str) -> str:
    """A picture inside an address: ``data:image/png;base64,...``."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format=kind, **({"quality": 90} if kind == "JPEG" else {}))
    return f"data:image/{kind.lower()};base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def _methods(painters: Mapping[str, FeedForward], *, reference: bool) -> str:
    cards = _method(OPTIMIZE, REFERENCE, "") if reference else ""
    cards += "".join(_method(name, NETWORKS[painter.arch], painter.description) for name, painter in painters.items())
    return f'<h2>The methods and their papers</h2><div class="cards">{cards}</div>'


def _method(name: str, about: About, shape: str) -> str:
    papers = "".join(f'<li><a href="{escape(paper.address)}">{escape(paper.citation)}</a></li>' for paper in about.papers)
    code = f"<code>{escape(shape)}</code>" if shape else ""
    return (
        f'<div class="card"><h3>{escape(name)}</h3><p><b>{escape(about.title)}.</b> {escape(about.text)}</p>'
        f"{code}<ul>{papers}</ul></div>"
    )


def _settings(comparisons: Sequence[Comparison], painters: Mapping[str, FeedForward], settings: Mapping[str, object]) -> str:
    rows = [[name, str(value)] for name, value in settings.items()]
    rows += [[f"network {name}", painter.description] for name, painter in painters.items()]
    for style, config in {comparison.style: comparison.config for comparison in comparisons}.items():
        table_of = {**asdict(config), "size": ", ".join(str(c.size) for c in comparisons if c.style == style)}
        rows += [[f"{style}: {name.replace('_', ' ')}", _plain(value)] for name, value in table_of.items()]
    listed = table(["setting", "value"], rows, text=True)
    return f"<h2>Settings</h2><details open><summary>Everything that decides the figures above</summary>{listed}</details>"


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} ({weight:g})" for name, weight in value.items())
    return "default" if value is None else str(value)
