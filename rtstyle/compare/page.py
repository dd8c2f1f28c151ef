"""The report as one HTML file that needs nothing beside it: pictures and curves are inside."""

from __future__ import annotations

import base64
import io
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from html import escape

from PIL import Image

from rtstyle.compare.facts import EQUIVALENT, FACTS
from rtstyle.compare.measure import Comparison, Result
from rtstyle.compare.methods import OPTIMIZE
from rtstyle.optimize.curves import plot, weighted
from rtstyle.pixels import Pixels, resize, scaled_size

SHOWN_PHOTOS = 4
CURVE_PHOTOS = 2
SHOWN_SIDE = 256

STYLESHEET = """
body { font: 16px/1.5 system-ui, sans-serif; color: #222; background: #fbfaf8; max-width: 76rem; margin: auto; padding: 1rem }
h1, h2, h3 { line-height: 1.2; font-weight: 600 } h2 { margin-top: 2.5rem }
.wide { overflow-x: auto }
table { border-collapse: collapse; font-size: 0.9rem; margin: 1rem 0 }
th, td { padding: 0.3rem 0.7rem; text-align: right; border-bottom: 1px solid #ddd8d0; vertical-align: top }
th:first-child, td:first-child { text-align: left } td.text { text-align: left }
.grid td { padding: 0.15rem; border: 0; text-align: center; font-size: 0.8rem } .grid img { display: block; max-width: 16rem }
img.curve { max-width: 100%; display: block; margin: 0.5rem 0 } p.note { color: #666; font-size: 0.9rem }
"""


def render(
    comparisons: Sequence[Comparison],
    descriptions: Mapping[str, str],
    settings: Mapping[str, object],
    training_curves: Mapping[str, Pixels],
) -> str:
    """The whole page. ``descriptions``: each network in words; ``training_curves``: pictures by name."""
    parts = [_facts_of_ours(comparisons), _published()]
    for comparison in comparisons:
        parts.append(_section(comparison))
    if training_curves:
        parts.append("<h2>Training</h2>")
        parts += [f"<h3>{escape(name)}</h3>{_curve(picture, f'losses of {name}')}" for name, picture in training_curves.items()]
    parts.append(_settings(comparisons, descriptions, settings))
    title = "Style transfer: slow and fast"
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>'
    body = f"<h1>{title}</h1>{''.join(parts)}"
    return f"<!doctype html><html lang=en><head>{head}<style>{STYLESHEET}</style></head><body>{body}</body></html>\n"


def table(header: Sequence[str], rows: Iterable[Sequence[str]], *, text: bool = False) -> str:
    """An HTML table of plain text, figures to the right unless ``text``."""
    kind = ' class="text"' if text else ""
    lines = ["".join(f"<th{kind}>{escape(cell)}</th>" for cell in header)]
    lines += ["".join(f"<td{kind}>{escape(cell)}</td>" for cell in row) for row in rows]
    return f'<div class="wide"><table>{"".join(f"<tr>{line}</tr>" for line in lines)}</table></div>'


def summary_rows(comparison: Comparison) -> list[list[str]]:
    """Per method: milliseconds, speed-up over the reference, losses, shares of the total and iterations-equivalent."""
    config = comparison.config
    unpainted = comparison.unpainted.values()
    means = [statistics.fmean(value) for value in zip(*((u.total, u.content, u.style) for u in unpainted), strict=True)]
    rows = [["the photo itself", "", "", *(f"{mean:.3f}" for mean in means[1:]), f"{means[0]:.3f}", "", "", ""]]
    for method in comparison.results:
        seconds = comparison.mean(method, lambda result: result.seconds)
        content = comparison.mean(method, lambda result: result.losses.content)
        style = comparison.mean(method, lambda result: result.losses.style)
        total = comparison.mean(method, lambda result: result.losses.total)
        rows.append(
            [
                method,
                f"{1000 * seconds:,.0f}",
                _speedup(comparison, method, seconds),
                f"{content:.3f}",
                f"{style:.3f}",
                f"{total:.3f}",
                f"{config.content_weight * content / total:.0%}",
                f"{config.style_weight * style / total:.0%}",
                equivalent_text(comparison, method),
            ]
        )
    return rows


def equivalent_text(comparison: Comparison, method: str) -> str:
    """The mean over the photos; with a sign where the reference never came down to some of the pictures."""
    if method == OPTIMIZE or not comparison.histories:
        return ""
    found = comparison.equivalents(method)
    mean = statistics.fmean(equivalent.iterations for equivalent in found)
    return f"{'' if all(equivalent.reached for equivalent in found) else 'over '}{mean:.0f}"


def _speedup(comparison: Comparison, method: str, seconds: float) -> str:
    if method == OPTIMIZE or OPTIMIZE not in comparison.results:
        return ""
    return f"{comparison.mean(OPTIMIZE, lambda result: result.seconds) / seconds:,.0f} times"


def _facts_of_ours(comparisons: Sequence[Comparison]) -> str:
    rows = [
        [
            f"{comparison.style}, {comparison.size} px, {len(comparison.photos)} photos",
            method,
            _reference_seconds(comparison),
            f"{comparison.mean(method, lambda result: result.seconds):.3f} s",
            _speedup(comparison, method, comparison.mean(method, lambda result: result.seconds)),
            equivalent_text(comparison, method),
            _seconds_to_equal(comparison, method),
        ]
        for comparison in comparisons
        for method in comparison.results
        if method != OPTIMIZE
    ]
    header = ["measured here", "method", "slow reference", "this method", "faster by", "iterations-equivalent", "which take"]
    return "<h2>What it costs</h2>" + table(header, rows)


def _reference_seconds(comparison: Comparison) -> str:
    if OPTIMIZE not in comparison.results:
        return "not run"
    seconds = comparison.mean(OPTIMIZE, lambda result: result.seconds)
    return f"{seconds:.1f} s ({comparison.config.iterations} iterations)"


def _seconds_to_equal(comparison: Comparison, method: str) -> str:
    if not comparison.histories:
        return ""
    each = comparison.mean(OPTIMIZE, lambda result: result.seconds) / comparison.config.iterations
    mean = statistics.fmean(equivalent.iterations for equivalent in comparison.equivalents(method))
    return f"{each * mean:.1f} s"


def _published() -> str:
    rows = [[fact.setting, fact.slow, fact.fast, fact.ratio, fact.source] for fact in FACTS]
    note = f'<p class="note">{escape(EQUIVALENT)}</p>'
    return (
        "<h3>Published, for comparison</h3>" + table(["setting", "slow", "fast", "faster by", "source"], rows, text=True) + note
    )


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
    title = f"<h2>{escape(comparison.style)} at {comparison.size} px</h2>"
    note = (
        '<p class="note">Losses are relative errors (0: none, 1: as wrong as black), means over the photos; the total weighs '
        f"content {comparison.config.content_weight:g}, style {comparison.config.style_weight:g} and total variation "
        f"{comparison.config.total_variation_weight:g}. Iterations-equivalent: the iteration of the slow reference, started from "
        f"{'the photo' if comparison.config.start == 'content' else 'noise'}, that reaches the method's total.</p>"
    )
    curves = "".join(_curve(picture, f"losses over iterations, {name}") for name, picture in history_curves(comparison).items())
    return title + table(header, summary_rows(comparison)) + note + _grid(comparison) + curves


def history_curves(comparison: Comparison) -> dict[str, Pixels]:
    """The reference's losses for the first photos, and across them the totals of the other methods."""
    curves: dict[str, Pixels] = {}
    for photo, history in list(comparison.histories.items())[:CURVE_PHOTOS]:
        levels = {method: results[photo].losses.total for method, results in comparison.results.items() if method != OPTIMIZE}
        steps = [point.iteration for point in history]
        curves[photo] = plot(steps, weighted(history, comparison.config), "iteration", levels=levels)
    return curves


def _grid(comparison: Comparison) -> str:
    painting = _small(comparison.painting)
    lines = ["".join(f"<td>{escape(name)}</td>" for name in ("photo", *comparison.results))]
    for photo in list(comparison.photos)[:SHOWN_PHOTOS]:
        cells: list[tuple[Pixels, str]] = [(comparison.photos[photo], photo)]
        cells += [(_picture(results[photo]), f"{photo}, {method}") for method, results in comparison.results.items()]
        lines.append("".join(f"<td>{_image(pixels, alt)}</td>" for pixels, alt in cells))
    rows = "".join(f"<tr>{line}</tr>" for line in lines)
    shown = _image(painting, f"the painting: {comparison.style}")
    return f'<p>{shown}</p><div class="wide"><table class="grid">{rows}</table></div>'


def _picture(result: Result) -> Pixels:
    return result.picture


def _small(pixels: Pixels) -> Pixels:
    return resize(pixels, scaled_size((pixels.shape[0], pixels.shape[1]), min(SHOWN_SIDE, *pixels.shape[:2])))


def _image(pixels: Pixels, alt: str) -> str:
    return f'<img src="{data_uri(pixels, "JPEG")}" alt="{escape(alt)}" width="{pixels.shape[1]}">'


def _curve(pixels: Pixels, alt: str) -> str:
    return f'<img class="curve" src="{data_uri(pixels, "PNG")}" alt="{escape(alt)}">'


def data_uri(pixels: Pixels, kind: str) -> str:
    """A picture inside an address: ``data:image/png;base64,...``."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format=kind, **({"quality": 90} if kind == "JPEG" else {}))
    return f"data:image/{kind.lower()};base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def _settings(comparisons: Sequence[Comparison], descriptions: Mapping[str, str], settings: Mapping[str, object]) -> str:
    rows = [[name, str(value)] for name, value in settings.items()]
    rows += [[f"network {name}", text] for name, text in descriptions.items()]
    for style, config in {comparison.style: comparison.config for comparison in comparisons}.items():
        table_of = {**asdict(config), "size": ", ".join(str(c.size) for c in comparisons if c.style == style)}
        rows += [[f"{style}: {name.replace('_', ' ')}", _plain(value)] for name, value in table_of.items()]
    return "<h2>Settings</h2>" + table(["setting", "value"], rows, text=True)


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} ({weight:g})" for name, weight in value.items())
    return "default" if value is None else str(value)
