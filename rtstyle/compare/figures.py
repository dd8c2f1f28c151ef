"""The figures of a comparison, as rows of text."""

from __future__ import annotations

import statistics

from rtstyle.compare.measure import Comparison
from rtstyle.compare.methods import OPTIMIZE


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
                speedup(comparison, method),
                f"{content:.3f}",
                f"{style:.3f}",
                f"{total:.3f}",
                f"{config.content_weight * content / total:.0%}",
                f"{config.style_weight * style / total:.0%}",
                equivalent_text(comparison, method),
            ]
        )
    return rows


def cost_rows(comparison: Comparison) -> list[list[str]]:
    """Per fast method: what the reference costs, what the method, and how far the reference gets in that light."""
    return [
        [
            f"{comparison.style}, {comparison.size} px, {len(comparison.photos)} photos",
            method,
            _reference_seconds(comparison),
            f"{comparison.mean(method, lambda result: result.seconds):.3f} s",
            speedup(comparison, method),
            equivalent_text(comparison, method),
            _seconds_to_equal(comparison, method),
        ]
        for method in comparison.results
        if method != OPTIMIZE
    ]


def equivalent_text(comparison: Comparison, method: str) -> str:
    """The mean over the photos; with a sign where the reference never came down to some of the pictures.

    For the reference itself, how many iterations it made.
    """
    if not comparison.histories:
        return ""
    if method == OPTIMIZE:
        return f"{statistics.fmean(history[-1].iteration for history in comparison.histories.values()):.0f}"
    found = comparison.equivalents(method)
    mean = statistics.fmean(equivalent.iterations for equivalent in found)
    return f"{'' if all(equivalent.reached for equivalent in found) else 'over '}{mean:.0f}"


def speedup(comparison: Comparison, method: str) -> str:
    """Over all the iterations that the reference is configured for, whether or not it was ended before."""
    if method == OPTIMIZE or OPTIMIZE not in comparison.results:
        return ""
    slow = comparison.seconds_an_iteration * comparison.config.iterations
    return f"{slow / comparison.mean(method, lambda result: result.seconds):,.0f} times"


def _reference_seconds(comparison: Comparison) -> str:
    if OPTIMIZE not in comparison.results:
        return "not run"
    each, iterations = comparison.seconds_an_iteration, comparison.config.iterations
    return f"{each * iterations:.1f} s ({iterations} iterations of {each:.2f} s)"


def _seconds_to_equal(comparison: Comparison, method: str) -> str:
    if not comparison.histories:
        return ""
    mean = statistics.fmean(equivalent.iterations for equivalent in comparison.equivalents(method))
    return f"{comparison.seconds_an_iteration * mean:.1f} s"
