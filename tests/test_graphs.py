"""How CUDA graphs are recorded and kept; a toy stands where the GPU is (tests/test_gpu.py has a real one)."""

from __future__ import annotations

import threading

import pytest
import torch
from engine_parts import ToyGpu, frames

from rtstyle.engines.cuda import CudaEngine
from rtstyle.engines.parts import PARTS, SHAPES_KEPT
from rtstyle.nets.transformer import NetConfig, TransformerNet

CPU = torch.device("cpu")


def graphs() -> CudaEngine:
    return CudaEngine(TransformerNet(NetConfig(width=2, blocks=0, deep_blocks=0)), CPU, torch.float32, kind="plain")


def test_graphs_are_recorded_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu, benchmark = ToyGpu(monkeypatch), torch.backends.cudnn.benchmark
    threads = [threading.Thread(target=graphs().measure_batch, args=(16, 16)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert gpu.graphs >= 4
    assert gpu.most_recording == 1
    assert torch.backends.cudnn.benchmark == benchmark


def test_a_recording_that_fails_leaves_the_caller_its_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = ToyGpu(monkeypatch)
    before, gpu.fails = gpu.current, True
    with pytest.raises(RuntimeError, match="during capture"):
        graphs()(frames(1, 16, 16), torch.zeros(1))
    assert gpu.current == before


def test_graphs_tell_which_shapes_they_have_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    ToyGpu(monkeypatch)
    engine = graphs()
    assert not engine.remembers((1, 16, 16, 3))
    for height in range(16, 17 + SHAPES_KEPT):
        engine(frames(1, height, 16), torch.zeros(1))
        assert engine.remembers((1, height, 16, 3))
    assert not engine.remembers((1, 16, 16, 3))


def test_the_batch_does_not_hang_on_a_cold_or_disturbed_replay(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = ToyGpu(monkeypatch)

    def replay_ms(graph: int, replay: int) -> float:
        size = 2 ** (graph // 2)  # two graphs for each of the sizes 1, 2, 4, 8 and 16
        return size * (0.8 if size == 4 else 1.1 - 0.1 * min(size, 2)) + (20 if replay in (0, 2) else 0)

    monkeypatch.setattr(gpu, "replay_ms", replay_ms)
    assert graphs().measure_batch(16, 16) == PARTS * 4
