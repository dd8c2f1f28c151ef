"""What a device can do at the most, and what a GPU is to reach."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from bench_parts import CPU, TINY, weights_with
from typer.testing import CliRunner

from rtstyle.bench import roofline, targets
from rtstyle.bench.cost import cost
from rtstyle.bench.roofline import Roof, measure_roof
from rtstyle.bench.targets import Target, check_targets
from rtstyle.errors import UsageError
from rtstyle.nets.transformer import TransformerNet


def test_a_roof_bounds_by_arithmetic_or_by_memory() -> None:
    counted = cost(TransformerNet(TINY), 64, 64)
    assert Roof(flop=100 * counted.flop, bytes=1e30).share(counted, 50) == pytest.approx(0.5)
    assert Roof(flop=1e30, bytes=100 * counted.bytes).share(counted, 25) == pytest.approx(0.25)
    measured = measure_roof(CPU)
    assert measured.flop > 1e8
    assert measured.bytes > 1e8


def test_a_roof_is_measured_with_random_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    results: list[torch.Tensor] = []
    monkeypatch.setattr(roofline, "_best_seconds", lambda work, _device: results.append(work()) or 1.0)
    measure_roof(CPU)
    assert len(results) == 2
    assert all(len(result.flatten()[:1000].unique()) > 500 for result in results)


def test_a_roof_is_that_of_a_warm_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    taken: list[float] = []

    def work() -> None:
        nonlocal now
        taken.append(0.02 if now < 0.4 else 0.01)
        now += taken[-1]

    monkeypatch.setattr(roofline, "synchronize", lambda _device: None)
    monkeypatch.setattr(roofline.time, "perf_counter", lambda: now)
    assert roofline._best_seconds(work, torch.device("cuda")) == pytest.approx(0.01)
    taken.clear()
    roofline._best_seconds(work, CPU)
    assert len(taken) == roofline.TURNS


def test_targets_are_set_beside_what_is_reached(tmp_path: Path) -> None:
    """On the CPU and small: what they are computed from, not what a GPU reaches."""
    live, studio = check_targets(CPU, weights_with(tmp_path, "live", "studio"), size=(32, 48), engines=("eager",), turns=3)
    assert (live.tier, studio.tier) == ("live", "studio")
    reference, ours = live.timings
    assert reference.case == "reference"
    assert [(t.wanted, t.reached) for t in live.targets[:2]] == [
        (1500, pytest.approx(ours.net_fps)),
        (10, pytest.approx(ours.net_fps / reference.net_fps)),
    ]
    assert [target.wanted for target in studio.targets] == [350, 10, 0.5]
    assert "GFLOP" in live.costs
    assert "measured peaks" in live.costs
    assert len([line for line in live.lines() if line.startswith(("met", "MISSED"))]) == 3
    missed = Target(what="frames/s", wanted=10, reached=9.994)
    assert not missed.met
    assert missed.line() == "MISSED frames/s: 9.99 (target 10)"
    assert replace(missed, reached=10).met


def test_targets_need_a_gpu() -> None:
    from rtstyle.cli.app import app

    result = CliRunner().invoke(app, ["bench", "--targets", "--device", "cpu"])
    assert isinstance(result.exception, UsageError)
    assert "--targets are those of a GPU" in str(result.exception)


def test_targets_take_as_many_turns_as_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    from rtstyle.cli.app import app

    asked: list[int] = []
    monkeypatch.setattr("rtstyle.cli.bench.open_device", torch.device)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _device: "a GPU")
    monkeypatch.setattr(targets, "check_targets", lambda *_, turns: asked.append(turns) or [])
    done = CliRunner().invoke(app, ["bench", "--targets", "--turns", "7", "--device", "cuda"])
    assert (done.exit_code, done.output, asked) == (0, "a GPU\n", [7])
