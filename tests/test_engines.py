"""Every engine paints what eager float32 paints, and which one is chosen."""

from __future__ import annotations

import gc
import importlib.util
import logging
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from engine_parts import Toy, frames, maker
from torch import Tensor

from rtstyle.engines import EagerEngine, auto, open_engine, openvino
from rtstyle.engines.auto import Choices
from rtstyle.engines.folding import FoldedUpsampledConv, fold_upsampling
from rtstyle.engines.openvino import OpenVinoEngine
from rtstyle.engines.warming import WarmingEngine
from rtstyle.errors import MissingDependencyError, UsageError
from rtstyle.nets.layers import UpsampledConv
from rtstyle.nets.transformer import NetConfig, TransformerNet
from rtstyle.styles import StyleBank

CPU = torch.device("cpu")
EQUAL = 40.0
"""Decibels of PSNR to eager float32 that every engine must reach."""

needs_openvino = pytest.mark.skipif(importlib.util.find_spec("openvino") is None, reason="openvino is not installed")


@pytest.fixture(scope="module")
def bank() -> StyleBank:
    network = TransformerNet(NetConfig(width=8, deep_blocks=2))
    styles = {name: network.neutral_style() + 0.3 * torch.randn(network.style_size) for name in ("wave", "scream", "udnie")}
    for style in styles.values():
        style[-1] = 1.0
    return StyleBank(network, styles, tier="test")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def psnr(a: Tensor, b: Tensor) -> float:
    error = (a.double() - b.double()).square().mean().item()
    return float("inf") if error == 0 else float(10 * np.log10(255**2 / error))


@needs_openvino
@pytest.mark.parametrize("precision", ["f32", "bf16"])
@pytest.mark.parametrize("size", [(48, 72), (45, 61)])
def test_openvino_paints_as_eager_does(bank: StyleBank, precision: str, size: tuple[int, int]) -> None:
    engine = OpenVinoEngine(bank.network, precision=precision)  # type: ignore[arg-type]
    eager = EagerEngine(bank.network, CPU)
    batch = frames(3, *size)
    for style in (bank.vectors["wave"], 0.5 * bank.vectors["scream"], torch.stack([bank.vectors[n] for n in bank.names[:3]])):
        assert psnr(engine(batch, style), eager(batch, style)) >= EQUAL


@needs_openvino
def test_openvino_runs_networks_that_read_whole_pixels() -> None:
    network = TransformerNet(NetConfig(stem="conv", width=4, deep_blocks=0))
    batch, style = frames(3, 45, 61), network.neutral_style()
    assert psnr(OpenVinoEngine(network)(batch, style), EagerEngine(network, CPU)(batch, style)) >= EQUAL


@needs_openvino
def test_openvino_gives_the_same_bytes_alone_and_in_a_batch(bank: StyleBank) -> None:
    engine, batch = OpenVinoEngine(bank.network), frames(3)
    style = bank.vectors["wave"]
    alone = torch.cat([engine(batch[i : i + 1], style) for i in range(3)])
    assert torch.equal(engine(batch, style), alone)


@needs_openvino
def test_a_named_engine_keeps_no_live_frame_waiting(bank: StyleBank) -> None:
    engine, batch, style = open_engine("openvino", bank.network, CPU, work="live"), frames(1), bank.vectors["wave"]
    assert isinstance(engine, WarmingEngine)
    assert torch.equal(engine(batch, style), EagerEngine(bank.network, CPU)(batch, style))
    assert engine.wait(60)
    engine(batch, style)
    assert engine.name == "openvino"


@needs_openvino
def test_single_pictures_keep_their_graph_and_a_short_last_batch_gets_none(bank: StyleBank) -> None:
    style = bank.vectors["wave"]
    for counts, graphs in (((1, 3, 1), 2), ((3, 1), 1)):
        engine = OpenVinoEngine(bank.network)
        for count in counts:
            engine(frames(count), style)
        assert len(engine._plans) == graphs
        (_, _, many), _ = next(reversed(engine._plans.items()))  # the latest used
        assert many is (graphs == 1)


@needs_openvino
def test_a_signal_comes_through_after_engines_have_come_and_gone(bank: StyleBank) -> None:
    seen: list[int] = []
    previous = signal.signal(signal.SIGINT, lambda number, _: seen.append(number))
    try:
        engine = OpenVinoEngine(bank.network)
        for _ in range(2):  # each one is there before the last one goes
            engine = OpenVinoEngine(bank.network)
        del engine
        gc.collect()
        signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, previous)
    assert seen == [signal.SIGINT]


@needs_openvino
def test_openvino_serves_several_threads_and_forgets_old_sizes(bank: StyleBank, monkeypatch: pytest.MonkeyPatch) -> None:
    engine, style = OpenVinoEngine(bank.network), bank.vectors["wave"]
    expected = engine(frames(), style)
    results: list[bool] = []
    threads = [threading.Thread(target=lambda: results.append(torch.equal(engine(frames(), style), expected))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 4
    monkeypatch.setattr(openvino, "SIZES_KEPT", 2)
    for width in (16, 24, 32):
        engine(frames(1, 16, width), style)
    assert len(engine._plans) == 2
    assert torch.equal(engine(frames(), style), expected)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_compiled_paints_as_eager_does() -> None:
    network = TransformerNet(NetConfig(width=4, blocks=0, deep_blocks=0))
    engine = open_engine("compiled", network, CPU)
    batch, style = frames(1, 16, 24), network.neutral_style()
    assert psnr(engine(batch, style), EagerEngine(network, CPU)(batch, style)) >= EQUAL
    assert engine.name in ("compiled", "eager")


def test_a_missing_compiler_is_survived(
    monkeypatch: pytest.MonkeyPatch, bank: StyleBank, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object, **__: object) -> Callable[..., Tensor]:
        def call(*_: object) -> Tensor:
            raise RuntimeError("No working C++ compiler found")

        return call

    monkeypatch.setattr(torch, "compile", refuse)
    engine, batch, style = open_engine("compiled", bank.network, CPU), frames(), bank.vectors["wave"]
    with caplog.at_level(logging.WARNING):
        assert torch.equal(engine(batch, style), EagerEngine(bank.network, CPU)(batch, style))
        engine(batch, style)
    assert [record.message for record in caplog.records] == [
        "engine 'compiled' failed (No working C++ compiler found); going on with 'eager'"
    ]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_eager_in_half_the_bits_stays_close(bank: StyleBank, dtype: torch.dtype) -> None:
    batch, style = frames(), bank.vectors["wave"]
    assert psnr(EagerEngine(bank.network, CPU, dtype)(batch, style), EagerEngine(bank.network, CPU)(batch, style)) >= EQUAL


@pytest.mark.parametrize("config", [NetConfig(width=4, deep_blocks=1), NetConfig(stem="conv", width=4)])
def test_folding_keeps_the_picture(config: NetConfig) -> None:
    network = TransformerNet(config).eval()
    picture, style = torch.rand(1, 3, 32, 48), network.neutral_style()
    with torch.no_grad():
        plain = network(picture, style)
        folded = fold_upsampling(network)(picture, style)
    kinds = [type(module) for module in network.modules()]
    assert FoldedUpsampledConv in kinds
    assert UpsampledConv not in kinds
    assert torch.allclose(plain, folded, atol=1e-5)


def test_every_name_opens(bank: StyleBank) -> None:
    assert open_engine("eager", bank.network, CPU).name == "eager"
    assert open_engine("auto", bank.network, CPU).name == "eager"  # stills do not wait for a compiler
    with pytest.raises(UsageError, match=r"unknown engine 'warp'.*auto, eager"):
        open_engine("warp", bank.network, CPU)


def test_openvino_by_name_says_what_to_install(bank: StyleBank, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auto.importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(MissingDependencyError, match=r"rtstyle\[openvino\]"):
        open_engine("openvino", bank.network, CPU)
    assert open_engine("auto", bank.network, CPU, work="film").name == "eager"


@needs_openvino
def test_openvino_tells_which_sizes_it_has_forgotten(bank: StyleBank, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rtstyle.engines.openvino.SIZES_KEPT", 1)
    engine, style = OpenVinoEngine(bank.network), bank.vectors["wave"]
    for height, other in ((32, 48), (48, 32)):
        engine(frames(1, height, 32), style)
        assert engine.remembers((1, height, 32, 3))
        assert not engine.remembers((1, other, 32, 3))


@needs_openvino
def test_films_measure_once_and_remember(bank: StyleBank, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(auto, "TRIAL_SHAPE", (2, 64, 64, 3))
    chosen = open_engine("auto", bank.network, CPU, work="film").name
    assert chosen in ("eager", "openvino")
    assert f'"{chosen}"' in (tmp_path / "rtstyle" / "engines.json").read_text()

    def refuse(*_: object) -> float:
        raise AssertionError("measured again")

    monkeypatch.setattr(auto, "best_seconds", refuse)
    assert open_engine("auto", bank.network, CPU, work="film").name == chosen


def test_a_gpu_s_films_get_the_faster_graphs_and_go_on_without_triton(
    bank: StyleBank, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """How auto chooses; toys stand where the graphs are, which need a GPU."""
    lean, plain = Toy(1, name="cuda-lean", seconds=0.001), Toy(2, name="cuda", seconds=0.02)
    monkeypatch.setattr(auto, "_graphs", lambda _network, _device, kind: maker({"lean": lean, "plain": plain}[kind]))
    monkeypatch.setattr(auto, "_machine", lambda *_: "this GPU")
    monkeypatch.setattr(auto, "TRIAL_SHAPE", (2, 16, 16, 3))
    device = torch.device("cuda")
    assert open_engine("auto", bank.network, device, work="film").name == "cuda-lean"
    assert Choices("this GPU").read() == "cuda-lean"
    lean.error = RuntimeError("Failed to find C compiler")
    engine, batch = open_engine("auto", bank.network, device, work="film"), frames()
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            assert torch.equal(engine(batch, torch.zeros(1)), batch + 2)
    assert [record.message for record in caplog.records] == [
        "engine 'cuda-lean' failed (Failed to find C compiler); going on with 'cuda'"
    ]
    Choices("this GPU").write("cuda")
    assert open_engine("auto", bank.network, device, work="film").name == "cuda"


@pytest.mark.parametrize(("eager_s", "remembered"), [(0.0, None), (0.05, "cuda-lean")])
def test_a_gpu_s_live_run_gives_up_the_graphs_for_itself_alone(
    bank: StyleBank, monkeypatch: pytest.MonkeyPatch, eager_s: float, remembered: str | None
) -> None:
    class Eager(Toy):
        name = "eager"

        def __init__(self, *_: object) -> None:
            super().__init__(1, name="eager", seconds=eager_s)

    monkeypatch.setattr(auto, "EagerEngine", Eager)
    monkeypatch.setattr(auto, "_graphs", lambda *_: maker(Toy(2, name="cuda-lean", seconds=0.02)))
    monkeypatch.setattr(auto, "_machine", lambda *_: "this GPU")
    engine = open_engine("auto", bank.network, torch.device("cuda"), work="live")
    assert isinstance(engine, WarmingEngine)
    engine(frames(1), torch.zeros(1))
    assert engine.wait(30)
    assert engine.name == (remembered or "eager")
    assert Choices("this GPU").read() == remembered


def test_a_cache_that_cannot_be_used_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "engines.json").write_text("{damaged")
    choices = Choices("key", tmp_path)
    assert choices.read() is None
    choices.write("openvino")
    assert choices.read() == "openvino"
    Choices("key", tmp_path / "missing").write("eager")
