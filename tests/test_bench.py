"""The benchmark: what it reports, and what it does without."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from bench_parts import CPU, TINY, weights_with
from clips import write_clip
from engine_parts import Toy, maker
from typer.testing import CliRunner

from rtstyle.bench import stages
from rtstyle.bench.cost import cost
from rtstyle.bench.network import RANDOM, STUDIO, bank_to_time, bench_network, parse_sizes
from rtstyle.bench.reference import CONFIG, ReferenceEngine
from rtstyle.bench.timing import Case, Spread, as_data, table, take_turns
from rtstyle.engines import EagerEngine
from rtstyle.engines.fallback import FallbackEngine
from rtstyle.engines.stages import STAGES, stage_seconds
from rtstyle.errors import UsageError
from rtstyle.nets.johnson import JohnsonNet
from rtstyle.nets.layers import ConditionalInstanceNorm
from rtstyle.nets.transformer import NetConfig, TransformerNet


def test_cases_take_turns_and_are_warmed_up() -> None:
    order: list[str] = []
    cases = [Case(lambda: "reference", 1, lambda: order.append("a")), Case(lambda: "ours", 2, lambda: order.append("b"))]
    timings = take_turns("360p", cases, 3)
    assert order == ["a", "b"] + ["a", "a", "b", "b"] * 3, "the first of two finds the other's traces"
    assert [(t.case, t.batch, t.turns) for t in timings] == [("reference", 1, 3), ("ours", 2, 3)]
    assert timings[0].times_reference == pytest.approx(1.0)
    assert all(0 < t.median_ms <= t.p95_ms for t in timings)


def test_engines_and_reference_are_timed_at_every_size() -> None:
    network = TransformerNet(NetConfig(width=4, deep_blocks=0))
    engine = EagerEngine(network, torch.device("cpu"))
    sizes = {"small": (32, 48), "large": (48, 64)}
    timings = bench_network([engine], network.neutral_style(), sizes, reference=ReferenceEngine(torch.device("cpu")), turns=3)
    assert [(t.size, t.case) for t in timings] == [(s, c) for s in sizes for c in ("reference", "eager")]
    assert json.loads(json.dumps(as_data(timings)))[1]["times_reference"] > 0
    assert len(table(timings).splitlines()) == 5


def test_the_reference_is_the_published_network_with_plain_norms() -> None:
    """As anyone would write it down, and what it paints is what our own paints in the neutral style."""
    torch.manual_seed(0)
    ours = JohnsonNet(CONFIG).eval()
    torch.manual_seed(0)
    reference = ReferenceEngine(CPU)
    norms = [module for module in reference.network.modules() if isinstance(module, torch.nn.InstanceNorm2d)]
    assert len(norms) == 15
    assert not any(isinstance(module, ConditionalInstanceNorm) for module in reference.network.modules())
    assert sum(p.numel() for p in reference.network.parameters()) == 1_679_235  # as in several public ports
    frames = torch.randint(0, 256, (1, 32, 48, 3), dtype=torch.uint8)
    painted = reference(frames, torch.full((7,), torch.nan))
    assert (painted.int() - EagerEngine(ours, CPU)(frames, ours.neutral_style()).int()).abs().max() <= 1


def test_all_are_timed_on_the_same_frames() -> None:
    seen: list[torch.Tensor] = []

    class Watching(Toy):
        def __call__(self, frames: torch.Tensor, style: torch.Tensor) -> torch.Tensor:
            seen.append(frames)
            return frames

    bench_network([Watching(0, name="ours")], torch.zeros(1), {"s": (32, 48)}, reference=Watching(0, name="reference"), turns=3)
    assert {len(frames) for frames in seen} == {1, 4}
    assert all(torch.equal(frames[0], seen[0][0]) for frames in seen)


def test_what_is_timed_has_the_name_of_the_engine_that_painted() -> None:
    engine = FallbackEngine([maker(Toy(0, name="graphs", error=RuntimeError("no such kernel"))), maker(Toy(0, name="plain"))])
    timings = bench_network([engine], torch.zeros(1), {"small": (32, 48)}, turns=3)
    assert [(t.case, t.batch) for t in timings] == [("plain", 1), ("plain", 4)]


def test_costs_are_counted_per_frame() -> None:
    reference = JohnsonNet(CONFIG)
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


def test_a_tier_that_is_not_bundled_is_timed_with_random_weights(tmp_path: Path) -> None:
    folder = weights_with(tmp_path, "live")
    assert bank_to_time("live", folder).names == ["wave"]
    studio = bank_to_time("studio", folder)
    assert (studio.tier, studio.names, studio.network.config) == ("studio", [RANDOM], STUDIO)
    with pytest.raises(UsageError, match="no tier"):
        bank_to_time("attic", folder)
    weights_with(tmp_path, "studio")
    studio = bank_to_time("studio", folder)
    assert (studio.tier, studio.names, studio.network.config) == ("studio", ["wave"], TINY)


def test_the_stages_of_a_call_are_told_apart() -> None:
    network = TransformerNet(TINY)
    frames, style = torch.randint(0, 256, (2, 32, 48, 3), dtype=torch.uint8), network.neutral_style()
    eager = EagerEngine(network, CPU)
    painted, seconds = stage_seconds(FallbackEngine([lambda: eager]), frames, style)
    assert torch.equal(painted, eager(frames, style))
    assert tuple(seconds) == STAGES
    assert seconds["net"] > max(seconds["upload"], seconds["download"])

    class Bare:
        name, preferred_batch = "bare", 1

        def __call__(self, frames: torch.Tensor, style: torch.Tensor) -> torch.Tensor:
            return frames

    _, seconds = stage_seconds(Bare(), frames, style)
    assert seconds["net"] > seconds["upload"] == seconds["download"] == 0


def test_stages_are_reported_where_there_is_a_bus() -> None:
    case = Case(lambda: "ours", 2, lambda: None, lambda: {"upload": 2e-3, "net": 8e-3, "download": 4e-3})
    (timing,) = take_turns("360p", [case], 3)
    assert timing.stages["net"] == Spread(median_ms=4.0, p95_ms=4.0)
    assert timing.net_fps == pytest.approx(250)
    assert "upload 1.000, net 4.000, download 2.000" in table([timing])
    assert as_data([timing])[0]["stages"]["download"]["p95_ms"] == pytest.approx(2.0)


def test_a_film_s_stages_are_timed_at_every_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = TransformerNet(TINY)
    monkeypatch.setattr(stages, "FRAMES", 9)
    monkeypatch.setattr(stages, "WARM_UP_FRAMES", 2)
    clip = write_clip(tmp_path / "in.mp4", 12)
    sizes = {"small": (32, 48), "large": (64, 96)}
    times = stages.time_stages(clip, [EagerEngine(network, CPU)], network.neutral_style(), sizes)
    assert [(it.size, it.engine, it.frames) for it in times] == [("small", "eager", 7), ("large", "eager", 7)]
    for it in times:
        assert tuple(it.stages) == stages.FILM_STAGES
        assert all(0 < it.stages[name].median_ms <= it.stages[name].p95_ms for name in ("decode", "convert", "net", "encode"))
    assert len(stages.stages_table(times).splitlines()) == 3


def test_the_command_prints_everything_as_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rtstyle.cli.app import app

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(stages, "FRAMES", 4)
    clip = write_clip(tmp_path / "in.mp4", 4)
    folder = weights_with(tmp_path, "live", "studio")
    arguments = ["--sizes", "360p", "--engine", "eager", "--tier", "studio", "--turns", "3", "--weights", str(folder)]
    done = CliRunner().invoke(app, ["bench", *arguments, "--end-to-end", str(clip), "--device", "cpu", "--json"])
    assert done.exit_code == 0, done.output
    report = json.loads(done.output)
    assert (report["tier"], report["style"], report["film"]["frames"]) == ("studio", "wave", 4)
    assert [(it["case"], it["turns"]) for it in report["network"]] == [("eager", 3)]
    assert set(report["stages"][0]["stages"]) == set(stages.FILM_STAGES)
    assert report["cost"]["360p"]["flop"] > 0


def test_sizes_by_name() -> None:
    assert parse_sizes("360p, 4K") == {"360p": (360, 640), "4k": (2160, 3840)}
    with pytest.raises(UsageError, match="unknown size '5k'; legal: 360p, 720p, 1080p, 4k"):
        parse_sizes("5k")


def test_the_network_s_benchmark_needs_no_video_and_no_web_packages() -> None:
    code = (
        "import sys, rtstyle.bench.report, rtstyle.bench.targets; print([m for m in ('av', 'cv2', 'gradio') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_wrong_size_is_refused_by_the_command() -> None:
    from rtstyle.cli.app import app

    result = CliRunner().invoke(app, ["bench", "--sizes", "5k"])
    assert isinstance(result.exception, UsageError)
