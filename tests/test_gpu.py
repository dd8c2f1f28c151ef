"""What only a CUDA device can show; one command checks it all: ``RTSTYLE_REQUIRE_GPU=1 pytest -m gpu``."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rtstyle.engines import EagerEngine, open_engine
from rtstyle.styles import StyleBank
from rtstyle.stylizer import Stylizer
from rtstyle.tiling import paint_large

pytestmark = pytest.mark.gpu
EQUAL = 40.0


@pytest.fixture(scope="module")
def bank() -> StyleBank:
    return StyleBank.load()


def frames(count: int = 3) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).integers(0, 256, (count, 90, 122, 3), dtype=np.uint8))


def psnr(a: torch.Tensor, b: torch.Tensor) -> float:
    error = (a.double() - b.double()).square().mean().item()
    return float("inf") if error == 0 else float(10 * np.log10(255**2 / error))


@pytest.mark.parametrize("name", ["auto", "eager", "compiled"])
def test_every_engine_paints_as_the_cpu_does(bank: StyleBank, name: str) -> None:
    style = bank.vectors["wave"]
    engine = open_engine(name, bank.network, torch.device("cuda"), work="film")
    expected = EagerEngine(bank.network, torch.device("cpu"))(frames(), style)
    assert psnr(engine(frames(), style), expected) >= EQUAL
    assert psnr(engine(frames(), style), expected) >= EQUAL  # a replay, not the recording
    assert engine.name == {"auto": "cuda", "compiled": "cuda-fused"}.get(name, name)


def test_every_frame_of_a_batch_may_have_its_style(bank: StyleBank) -> None:
    styles = torch.stack([bank.vectors[name] for name in bank.names[:3]])
    engine = open_engine("auto", bank.network, torch.device("cuda"))
    alone = torch.cat([engine(frames()[i : i + 1], styles[i]) for i in range(3)])
    assert psnr(engine(frames(), styles), alone) >= EQUAL


def test_parts_that_share_slots_come_back_whole_and_in_order(bank: StyleBank) -> None:
    from rtstyle.engines.cuda import CudaEngine

    engine, style, many = CudaEngine(bank.network, torch.device("cuda")), bank.vectors["wave"], frames(11)
    expected = torch.cat([engine(many[i : i + 1], style) for i in range(11)])
    for part in (1, 2, 3, 16):
        engine.part = part
        assert psnr(engine(many, style), expected) >= EQUAL


def test_the_batch_is_chosen_by_measuring(bank: StyleBank) -> None:
    from rtstyle.engines.cuda import PARTS, SIZES, CudaEngine

    engine = CudaEngine(bank.network, torch.device("cuda"))
    assert engine.measure_batch(180, 320) in [PARTS * size for size in SIZES]
    assert engine.preferred_batch == PARTS * engine.part


def test_strips_on_the_device_match_one_piece(bank: StyleBank) -> None:
    picture, style = frames(1)[0].numpy(), bank.vectors["wave"]
    whole = Stylizer(bank, "wave", device=torch.device("cuda")).paint_one(picture)
    strips = paint_large(bank.network, picture, style, torch.device("cuda"))  # type: ignore[arg-type]
    assert psnr(torch.from_numpy(strips), torch.from_numpy(whole)) >= 45
