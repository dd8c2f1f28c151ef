"""The benchmark: what it reports, and what it does without."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import torch
from typer.testing import CliRunner

from rtstyle.bench import (
    RANDOM,
    REFERENCE,
    Case,
    as_data,
    bank_to_time,
    bench_network,
    parse_sizes,
    reference_runner,
    table,
    take_turns,
)
from rtstyle.cost import cost
from rtstyle.engines import EagerEngine
from rtstyle.errors import UsageError
from rtstyle.nets.transformer import NetConfig, TransformerNet


def test_cases_take_turns_and_are_warmed_up() -> None:
    order: list[str] = []
    cases = [Case("reference", 1, lambda: order.append("a")), Case("ours", 2, lambda: order.append("b"))]
    timings = take_turns("360p", cases, 3)
    assert order == ["a", "b"] * 4
    assert [(t.case, t.batch, t.turns) for t in timings] == [("reference", 1, 3), ("ours", 2, 3)]
    assert timings[0].times_reference == pytest.approx(1.0)
    assert all(0 < t.median_ms <= t.p95_ms for t in timings)


def test_engines_and_reference_are_timed_at_every_size() -> None:
    network = TransformerNet(NetConfig(width=4, deep_blocks=0))
    engine = EagerEngine(network, torch.device("cpu"))
    sizes = {"small": (32, 48), "large": (48, 64)}
    timings = bench_network([engine], network.neutral_style(), sizes, reference=reference_runner(torch.device("cpu")), turns=3)
    assert [(t.size, t.case) for t in timings] == [(s, c) for s in sizes for c in ("reference", "eager")]
    assert json.loads(json.dumps(as_data(timings)))[1]["times_reference"] > 0
    assert len(table(timings).splitlines()) == 5


def test_costs_are_counted_per_frame() -> None:
    reference = TransformerNet(REFERENCE)
    small, large = cost(reference, 64, 64), cost(reference, 128, 128)
    assert (large.flop, large.bytes) == pytest.approx((4 * small.flop, 4 * small.bytes))
    assert cost(reference, 64, 64, value_bytes=4).bytes > 1.9 * small.bytes
    assert "GFLOP" in small.line(100)


def test_costs_by_hand() -> None:
    """One layer in, one up, one out: 3x3 kernels, doubling folded to four taps; every number counted on paper."""
    network = TransformerNet(NetConfig(width=4, blocks=0, deep_blocks=0))
    pixels = 64 * 64
    half, quarter = pixels / 4, pixels / 16
    products = half * 12 * 9 * 8 + quarter * 8 * 9 * 16 + half * 16 * 4 * 8 + half * 8 * 9 * 12
    values = half * (12 + 8) + (half * 8 + quarter * 16) + (quarter * 16 + half * 8) + half * (8 + 12)
    norms = 3 * (half * 8 + quarter * 16 + half * 8)
    counted = cost(network, 64, 64)
    assert counted.flop == pytest.approx(2 * products)
    assert counted.bytes == pytest.approx(2 * (values + norms) + 6 * pixels)


def test_a_tier_that_is_not_bundled_is_timed_with_random_weights() -> None:
    assert bank_to_time("live").names[0] != RANDOM
    studio = bank_to_time("studio")
    assert studio.tier == "studio"
    assert studio.network.config == REFERENCE or studio.names[0] != RANDOM
    with pytest.raises(UsageError, match="no tier"):
        bank_to_time("attic")


def test_sizes_by_name() -> None:
    assert parse_sizes("360p, 4K") == {"360p": (360, 640), "4k": (2160, 3840)}
    with pytest.raises(UsageError, match="unknown size '5k'; legal: 360p, 720p, 1080p, 4k"):
        parse_sizes("5k")


def test_the_network_s_benchmark_needs_no_video_and_no_web_packages() -> None:
    code = "import sys, rtstyle.bench, rtstyle.engines; print([m for m in ('av', 'cv2', 'gradio') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_wrong_size_is_refused_by_the_command() -> None:
    from rtstyle.cli.main import app

    result = CliRunner().invoke(app, ["bench", "--sizes", "5k"])
    assert isinstance(result.exception, UsageError)
