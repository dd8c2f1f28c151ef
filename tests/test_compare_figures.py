"""The figures of the comparing report, and how its options are read."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from rtstyle.compare.figures import cost_rows, equivalent_text, summary_rows
from rtstyle.compare.grid import LABEL, picture_grid
from rtstyle.compare.logs import draw_logs, parse_logs, trained_weights
from rtstyle.compare.measure import Comparison, Result, iterations_equivalent, timed
from rtstyle.compare.methods import Method, parse_methods
from rtstyle.errors import UsageError
from rtstyle.optimize import Losses, OptimizeConfig, Point
from rtstyle.pixels import Pixels
from rtstyle.training.checkpoint import save_checkpoint
from rtstyle.training.recipe import Recipe, StyleSource

BLACK = np.zeros((32, 32, 3), dtype=np.uint8)


def history(*totals: float) -> list[Point]:
    return [Point(i, len(totals) - 1, 32, Losses(total, 0, total / 10, 0)) for i, total in enumerate(totals)]


@pytest.mark.parametrize(
    ("total", "iterations", "reached"),
    [
        (9.0, 0.0, True),  # no better than the start
        (8.0, 0.0, True),
        (6.0, 0.5, True),  # half-way from 8 to 4
        (4.0, 1.0, True),
        (3.0, 2.5, True),  # between iterations 2 and 3: the climb to 6 does not count
        (2.0, 3.0, True),
        (1.0, 3.0, False),
    ],
)
def test_iterations_equivalent(total: float, iterations: float, reached: bool) -> None:
    found = iterations_equivalent(history(8.0, 4.0, 6.0, 2.0), total)
    assert found.iterations == pytest.approx(iterations)
    assert found.reached is reached


def comparison(fast_totals: dict[str, float]) -> Comparison:
    config = OptimizeConfig(size=32, iterations=3)
    found = Comparison("wave", 32, config, BLACK, dict.fromkeys(fast_totals, BLACK))
    found.unpainted = {name: Losses(8, 0, 0.8, 0) for name in fast_totals}
    found.histories = {name: history(8.0, 4.0, 3.0, 2.0) for name in fast_totals}
    found.results["optimize"] = {name: Result(BLACK, 6.0, Losses(2, 1, 0.1, 0)) for name in fast_totals}
    found.results["live"] = {name: Result(BLACK, 0.01, Losses(t, t / 2, t / 20, 0)) for name, t in fast_totals.items()}
    return found


def test_figures_are_means_over_the_photos() -> None:
    found = comparison({"a": 4.0, "b": 2.0})
    assert equivalent_text(found, "live") == "2"
    rows = {row[0]: row[1:] for row in summary_rows(found)}
    assert rows["live"] == ["10", "600 times", "1.500", "0.150", "3.000", "50%", "50%", "2"]
    assert rows["optimize"][:2] == ["6,000", ""]
    assert rows["optimize"][-1] == "3"
    assert rows["the photo itself"][2:5] == ["0.000", "0.800", "8.000"]


def test_a_reference_that_ended_early_is_timed_by_the_iteration() -> None:
    found = comparison({"a": 4.0, "b": 3.5})
    found.histories = {"a": history(8.0, 4.0), "b": history(8.0, 4.0, 3.0)}
    found.results["optimize"] = {"a": Result(BLACK, 2.0, Losses(4, 1, 0.1, 0)), "b": Result(BLACK, 4.0, Losses(3, 1, 0.1, 0))}
    assert found.seconds_an_iteration == 2.0
    rows = {row[0]: row[1:] for row in summary_rows(found)}
    assert rows["live"][1] == "600 times"  # of all three iterations
    assert rows["optimize"][-1] == "2"
    assert cost_rows(found) == [
        ["wave, 32 px, 2 photos", "live", "6.0 s (3 iterations of 2.00 s)", "0.010 s", "600 times", "1", "2.5 s"]
    ]


def test_better_than_the_reference_is_said_so() -> None:
    assert equivalent_text(comparison({"a": 4.0, "b": 1.0}), "live") == "over 2"


def test_the_grid_shows_what_each_method_made() -> None:
    wide, tall = (np.full((*size, 3), value, dtype=np.uint8) for size, value in (((8, 12), 10), ((12, 8), 20)))
    found = Comparison("wave", 8, OptimizeConfig(size=32), BLACK, {"wide": wide, "tall": tall})
    found.results["live"] = {"wide": Result(wide + 100, 1, Losses(1, 1, 1, 1)), "tall": Result(tall + 100, 1, Losses(1, 1, 1, 1))}
    grid = picture_grid(found, rows=2)
    assert grid.shape == (LABEL + 8 + 6 + 12, 12 + 6 + 12, 3)
    names, rows = grid[:LABEL], grid[LABEL:]
    # Each column's name is above it, the longer one drawn small enough to end there.
    assert names[:, :12].min() < 200
    assert names[:, 18:].min() < 200
    assert (names[:, 13:18] == 255).all()
    assert (rows[:8, :12] == 10).all()
    assert (rows[:8, 18:] == 110).all()
    assert (rows[14:, :8] == 20).all()
    assert (rows[14:, 18:26] == 120).all()
    assert (rows[14:, 26:] == 255).all()


def test_timing_runs_warm_and_more_than_once() -> None:
    calls: list[int] = []

    def paint() -> Pixels:
        calls.append(1)
        return BLACK

    picture, seconds = timed(paint)
    assert picture is BLACK
    assert seconds >= 0
    assert len(calls) >= 4


def test_methods() -> None:
    assert parse_methods("optimize, live,vgg-decoder,mine=a_{style}.safetensors", Path("runs")) == [
        Method("optimize"),
        Method("live"),
        Method("vgg_decoder", str(Path("runs") / "vgg_decoder_{style}.safetensors")),
        Method("mine", "a_{style}.safetensors"),
    ]
    for text, said in (
        ("live,slow", "unknown method 'slow'; legal: optimize, live, studio, transformer, johnson"),
        ("live,live", "each once"),
        ("", "one or more"),
        ("mine=", "names no file"),
        ("../x=a.safetensors", "cannot name a method"),
    ):
        with pytest.raises(UsageError, match=re.escape(said)):
            parse_methods(text, Path("runs"))


def test_logs(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    rows = [f"{i},{1 / (i + 1):.4f},{0.5 / (i + 1):.4f},0.1" for i in range(60)]
    log.write_text("\n".join(["step,content,style,variation", *rows, "60,,,"]) + "\n")
    curves = draw_logs(parse_logs([f"live={log}"]), OptimizeConfig())
    assert curves["live"].shape[2] == 3
    assert curves["live"].std() > 0
    assert trained_weights(log) is None
    whole = log.read_text()
    log.write_text(whole + "61,0.0")  # a run that is being written, or was killed
    assert np.array_equal(draw_logs({"live": log}, OptimizeConfig())["live"], curves["live"])
    log.write_text(whole)
    styles = (StyleSource(name="a", image="a.jpg", style_weight=2.0), StyleSource(name="b", image="b.jpg", share=3.0))
    save_checkpoint({"recipe": Recipe(style_weight=4.0, styles=styles).to_table()}, tmp_path)
    trained = trained_weights(log)
    assert trained is not None
    assert trained.style_weight == pytest.approx(4 * (2 + 3) / 4)
    assert not np.array_equal(draw_logs({"live": log}, OptimizeConfig())["live"], curves["live"])
    with pytest.raises(UsageError, match="not NAME=LOG"):
        parse_logs([str(log)])
    with pytest.raises(UsageError, match="no training log at"):
        parse_logs(["a=absent.csv"])
    log.write_text("a,b\n1,2\n")
    with pytest.raises(UsageError, match="holds no losses"):
        draw_logs({"a": log}, OptimizeConfig())
    log.write_text("step,content\n" + 200_000 * "x")
    with pytest.raises(UsageError, match="is not a training log"):
        draw_logs({"a": log}, OptimizeConfig())
    save_checkpoint({"features.0.weight": 1}, tmp_path)
    with pytest.raises(UsageError, match="not the checkpoint of a training run"):
        trained_weights(log)
