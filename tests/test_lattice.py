"""The grid that upsampling leaves in a picture is measured apart from the picture."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from rtstyle.perceptual.losses import lattice_loss
from rtstyle.styles import StyleBank, StyleMix
from rtstyle.stylizer import Look, Stylizer
from rtstyle.training.data import load_picture

LEVEL = 1 / 255


def scene(seed: int = 0) -> Tensor:
    """(1, 3, 128, 160): noise over a slope, no grid."""
    noise = torch.randn(1, 3, 128, 160, generator=torch.Generator().manual_seed(seed))
    return torch.linspace(0.1, 0.8, 160) + 10 * LEVEL * noise


def grid(period: int) -> Tensor:
    """(1, 1, 128, 160): every ``period``-th column by itself, its mean 0."""
    columns = (torch.arange(160) % period == 1).float()
    return (columns - columns.mean()).expand(1, 1, 128, 160)


def test_a_slope_is_no_grid() -> None:
    slope = torch.linspace(0, 1, 160).expand(1, 3, 128, 160)
    assert lattice_loss(slope, 8).item() == pytest.approx(0, abs=1e-10)


@pytest.mark.parametrize("period", [2, 4, 8])
def test_a_grid_is_found_whole_in_a_scene(period: int) -> None:
    pattern = 4 * LEVEL * grid(period)
    found = lattice_loss(scene() + pattern, 8) - lattice_loss(scene(), 8)
    assert found.item() == pytest.approx(pattern.square().mean().item(), rel=0.3)


@pytest.mark.parametrize("period", [3, 5, 7])
def test_what_repeats_otherwise_is_the_painting_s(period: int) -> None:
    pattern = 4 * LEVEL * grid(period)
    assert lattice_loss(scene() + pattern, 8).item() < 0.05 * pattern.square().mean().item() + 2 * lattice_loss(scene(), 8).item()


def test_every_picture_has_its_own() -> None:
    both = torch.cat((scene(), scene() + 4 * LEVEL * grid(4)))
    plain, gridded = lattice_loss(both, 8)
    assert gridded > 4 * plain


def test_following_its_slope_takes_the_grid_away() -> None:
    picture = (scene() + 4 * LEVEL * grid(4)).requires_grad_()
    before = lattice_loss(picture, 8)
    (slope,) = torch.autograd.grad(before.sum(), picture)
    # Newton's step for a mean of squares over 3 channels, 8 x 8 places in a cell and the cells it looks at.
    values = 3 * 8 * 8 * (128 // 8 - 1) * (160 // 8 - 1)
    assert lattice_loss(picture - slope * values / 2, 8).item() < 0.05 * before.item()


@pytest.mark.parametrize(("tier", "styles"), [("live", None), ("studio", ["wave", "udnie", "mona_lisa"])])
def test_the_bundled_styles_leave_no_grid(tier: str, styles: list[str] | None, repository: Path) -> None:
    photo = load_picture(repository / "demos" / "still.jpg")
    bank = StyleBank.load(tier=tier)
    for name in styles or bank.names:
        painted = Stylizer(bank, Look(mix=StyleMix.parse(name))).paint_one(photo)
        found = lattice_loss(torch.from_numpy(painted).permute(2, 0, 1)[None] / 255, 8)
        # A photo has 0.1 to 0.3 of 255 levels, and so have the paintings themselves.
        assert found.sqrt().item() < 0.5 * LEVEL, name
