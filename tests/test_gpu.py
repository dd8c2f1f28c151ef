"""What only a CUDA device can show; one command checks it all: ``RTSTYLE_REQUIRE_GPU=1 pytest -m gpu -s``.

It ends with the targets for a GPU beside what this one reaches (``rtstyle bench --targets``).
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from rtstyle.engines import EagerEngine, open_engine
from rtstyle.engines.cuda import NAMES, SIZES, CudaEngine, Kind
from rtstyle.engines.parts import PARTS
from rtstyle.engines.stages import stage_seconds
from rtstyle.engines.warming import WarmingEngine
from rtstyle.styles import StyleBank
from rtstyle.stylizer import Stylizer
from rtstyle.tiling import paint_large

pytestmark = pytest.mark.gpu
EQUAL = 40.0
GPU, CPU = torch.device("cuda"), torch.device("cpu")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


@pytest.fixture(scope="module")
def bank() -> StyleBank:
    return StyleBank.load()


def frames(count: int = 3) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).integers(0, 256, (count, 90, 122, 3), dtype=np.uint8))


def psnr(a: torch.Tensor, b: torch.Tensor) -> float:
    error = (a.double() - b.double()).square().mean().item()
    return float("inf") if error == 0 else float(10 * np.log10(255**2 / error))


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", ["auto", "eager", "compiled"])
def test_every_engine_paints_as_the_cpu_does(bank: StyleBank, name: str) -> None:
    style = bank.vectors["wave"]
    engine = open_engine(name, bank.network, GPU, work="film")
    expected = EagerEngine(bank.network, CPU)(frames(), style)
    assert psnr(engine(frames(), style), expected) >= EQUAL
    assert psnr(engine(frames(), style), expected) >= EQUAL  # a replay, not the recording
    assert engine.name in {"auto": ("cuda-lean", "cuda"), "compiled": ("cuda-fused",)}.get(name, (name,))


@pytest.mark.parametrize("kind", ["lean", "plain"])
def test_both_kinds_of_graphs_paint_as_the_cpu_does(bank: StyleBank, kind: Kind) -> None:
    """Another style and strength for each frame, more frames than a part, and a film's short end."""
    styles = torch.stack([bank.vectors[name] for name in bank.names[:11]])
    styles[3] *= 0.6
    engine, many = CudaEngine(bank.network, GPU, kind=kind), frames(11)
    expected = EagerEngine(bank.network, CPU)(many, styles)
    for size in (1, 2, 3, 16):
        engine.parts.size = size
        for painted in (engine(many, styles), stage_seconds(engine, many, styles)[0]):
            assert min(psnr(*pair) for pair in zip(painted, expected, strict=True)) >= EQUAL
    assert engine.name == NAMES[kind]


def test_the_batch_is_chosen_by_measuring(bank: StyleBank) -> None:
    engine = CudaEngine(bank.network, GPU, kind="plain")
    assert engine.measure_batch(180, 320) in [PARTS * size for size in SIZES]


def test_live_frames_do_not_wait_while_graphs_are_recorded(bank: StyleBank) -> None:
    style = bank.vectors["wave"]
    engine = open_engine("auto", bank.network, GPU, work="live")
    assert isinstance(engine, WarmingEngine)
    expected = engine(frames(1), style)
    assert engine.name == "eager"
    while not engine.wait(0.001):
        assert psnr(engine(frames(1), style), expected) >= EQUAL
    assert psnr(engine(frames(1), style), expected) >= EQUAL


def test_way_and_network_are_timed_apart(bank: StyleBank) -> None:
    _, seconds = stage_seconds(CudaEngine(bank.network, GPU, kind="plain"), frames(), bank.vectors["wave"])
    assert min(seconds.values()) > 0


def test_strips_on_the_device_match_one_piece(bank: StyleBank) -> None:
    picture, style = frames(1)[0].numpy(), bank.vectors["wave"]
    whole = Stylizer(bank, "wave", device=GPU).paint_one(picture)
    strips = paint_large(bank.network, picture, style, GPU)  # type: ignore[arg-type]
    assert psnr(torch.from_numpy(strips), torch.from_numpy(whole)) >= 45


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.usefixtures("all_threads")
def test_targets_are_printed() -> None:
    """With ``-s``; whether they are met depends on the GPU, so it is for the reader to judge."""
    from rtstyle.cli.app import app

    done = CliRunner().invoke(app, ["bench", "--targets"])
    assert done.exit_code == 0, done.output
    sys.stdout.write(f"\n{done.output}")
    assert sum(line.startswith(("met", "MISSED")) for line in done.output.splitlines()) == 6
    _, *tiers = done.output.split("\ntier ")
    assert len(tiers) == 2
    for tier in tiers:
        painted = {line.split()[1] for line in tier.splitlines() if line.startswith("1080p")}
        assert NAMES["fused"] in painted
        assert {NAMES["lean"], NAMES["plain"]} & painted
