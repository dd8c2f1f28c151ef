"""Painting in strips gives what painting in one piece gives."""

from __future__ import annotations

import errno
import os

import numpy as np
import pytest
import torch
from PIL import Image

from rtstyle import tiling
from rtstyle.errors import RTStyleError
from rtstyle.nets.transformer import NetConfig, TransformerNet
from rtstyle.pixels import Pixels
from rtstyle.styles import StyleBank
from rtstyle.stylizer import Stylizer
from rtstyle.tiling import needs_strips, paint_large

CPU = torch.device("cpu")


def psnr(a: Pixels, b: Pixels) -> float:
    error = np.mean((a.astype(np.float64) - b) ** 2)
    return float("inf") if error == 0 else float(10 * np.log10(255**2 / error))


def picture(height: int, width: int) -> Pixels:
    """Soft shapes whose statistics change from top to bottom, so that statistics of a strip are not those of the whole."""
    coarse = np.random.default_rng(0).integers(0, 256, (6, 5, 3), dtype=np.uint8)
    coarse[:3] //= 4
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


def bank_of(config: NetConfig, mix: float = 1.0) -> StyleBank:
    network = TransformerNet(config)
    style = network.neutral_style()
    style = style + 0.3 * torch.randn(style.shape)
    style[-1] = mix
    return StyleBank(network, {"some": style}, tier="test")


@pytest.mark.parametrize("stem", ["space_to_depth", "conv"])
@pytest.mark.parametrize("mix", [1.0, 0.6])
@pytest.mark.parametrize("size", [(208, 88), (107, 61), (16, 16)])
def test_strips_match_one_piece(monkeypatch: pytest.MonkeyPatch, stem: str, size: tuple[int, int], mix: float) -> None:
    bank = bank_of(NetConfig(stem=stem, width=4, blocks=1, deep_blocks=2), mix)  # type: ignore[arg-type]
    image = picture(*size)
    whole = Stylizer(bank, "some").paint_one(image)
    monkeypatch.setattr(tiling, "STRIP_VALUES", 1)  # the smallest strips there are: 16 rows
    assert psnr(paint_large(bank.network, image, bank.vectors["some"]), whole) >= 45  # type: ignore[arg-type]


def test_bundled_styles_match_one_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    bank = StyleBank.load()
    image = picture(192, 256)
    stylizer = Stylizer(bank, "wave")
    monkeypatch.setattr(tiling, "STRIP_VALUES", 1)
    for name in bank.names[:3]:
        whole = stylizer.paint_one(image, stylizer.look.changed(mix=stylizer.look.mix.parse(name)))
        assert psnr(paint_large(bank.network, image, bank.vectors[name]), whole) >= 45  # type: ignore[arg-type]


def test_features_on_disk_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    bank = bank_of(NetConfig(width=4, deep_blocks=1))
    image, style = picture(80, 64), bank.vectors["some"]
    in_memory = paint_large(bank.network, image, style)  # type: ignore[arg-type]
    monkeypatch.setattr(tiling, "RAM_VALUES", 0)
    assert np.array_equal(paint_large(bank.network, image, style), in_memory)  # type: ignore[arg-type]

    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
    with pytest.raises(RTStyleError, match=r"no room for .* GB in .*No space left.*TMPDIR"):
        paint_large(bank.network, image, style)  # type: ignore[arg-type]


def test_the_stylizer_paints_large_pictures_in_strips_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    bank = bank_of(NetConfig(width=4))
    image = picture(96, 80)

    def refuse(*_: object) -> torch.Tensor:
        raise AssertionError("painted in one piece")

    stylizer = Stylizer(bank, "some")
    whole = stylizer.paint_one(image)
    monkeypatch.setattr(tiling, "BYTES_IN_ONE_PIECE", 0)
    stylizer.engine = refuse  # type: ignore[assignment]
    assert psnr(stylizer.paint_one(image), whole) >= 45


def test_which_pictures_are_large() -> None:
    live, studio = TransformerNet(NetConfig()), TransformerNet(NetConfig(stem="conv", width=32))
    assert not needs_strips(live, 2160, 3840, CPU)
    assert needs_strips(live, 8000, 12000, CPU)
    assert needs_strips(studio, 2160, 3840, CPU)
    assert not needs_strips(studio, 1080, 1920 // 2, CPU)


def test_a_gpu_s_memory_that_pytorch_holds_unused_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    live, gpu, held = TransformerNet(NetConfig()), torch.device("cuda"), 10**10
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _device: (10**8, 2 * 10**10))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda _device: held)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda _device: 10**8)
    assert not needs_strips(live, 1080, 1920, gpu)
    held = 10**8
    assert needs_strips(live, 1080, 1920, gpu)
