"""Synthetic camera motion: a photo and the same photo moved, so that steadiness can be learned without video.

fast-artistic-videos (Ruder et al. 2017) trains two fifths of its temporal loss on moved stills; Element AI's
noise resilience adds sensor noise. Here both, with zoom, rotation, a smooth elastic field and exposure.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True, kw_only=True)
class MotionConfig:
    """How far a second frame may be from the first; all ranges are symmetric and uniform."""

    shift: float = 0.06
    """Fraction of the picture's side."""
    zoom: float = 0.06
    """Relative change of scale."""
    rotation: float = 0.07
    """Radians."""
    elastic: float = 0.02
    """Amplitude of the smooth field, as a fraction of the side."""
    noise: float = 0.03
    """Largest standard deviation of sensor noise, in [0, 1]."""
    exposure: float = 0.08
    """Relative change of brightness."""
    still: float = 0.3
    """Share of pairs without motion: a fixed camera sees noise and exposure only."""


@dataclass(frozen=True)
class Motion:
    """A dense motion of a batch of pictures."""

    grid: Tensor
    """(N, H, W, 2) sampling positions in [-1, 1], (x, y)."""
    mask: Tensor
    """(N, 1, H, W), 1 where the position lies inside the picture."""

    @classmethod
    def random(cls, count: int, size: tuple[int, int], config: MotionConfig, generator: torch.Generator) -> Motion:
        """One random smooth motion per picture."""

        def uniform(*shape: int) -> Tensor:
            return torch.rand(shape, generator=generator) * 2 - 1

        moving = (torch.rand(count, generator=generator) >= config.still).float()
        angle = uniform(count) * config.rotation * moving
        scale = 1 + uniform(count) * config.zoom * moving
        offset = uniform(count, 2) * (2 * config.shift) * moving[:, None]
        cos, sin = torch.cos(angle) * scale, torch.sin(angle) * scale
        aspect = size[1] / size[0]
        affine = torch.stack(
            (torch.stack((cos, -sin / aspect, offset[:, 0]), 1), torch.stack((sin * aspect, cos, offset[:, 1]), 1)), 1
        )
        grid = F.affine_grid(affine, [count, 3, *size], align_corners=False)
        coarse = uniform(count, 2, 4, 4) * (2 * config.elastic) * moving.view(-1, 1, 1, 1)
        field = F.interpolate(coarse, size=size, mode="bicubic", align_corners=True)
        grid = grid + field.permute(0, 2, 3, 1)
        mask = (grid.abs() <= 1).all(-1, keepdim=True).permute(0, 3, 1, 2).float()
        return cls(grid, mask)

    def to(self, device: torch.device) -> Motion:
        """The same motion on another device."""
        return Motion(self.grid.to(device), self.mask.to(device))

    def warp(self, x: Tensor) -> Tensor:
        """Move (N, C, H, W); any H and W, the motion is scaled to them."""
        grid = self.grid
        if x.shape[-2:] != grid.shape[1:3]:
            grid = F.interpolate(grid.permute(0, 3, 1, 2), size=x.shape[-2:], mode="bilinear").permute(0, 2, 3, 1)
        return F.grid_sample(x.float(), grid, mode="bilinear", padding_mode="reflection", align_corners=False)


def expose(x: Tensor, config: MotionConfig, generator: torch.Generator) -> Tensor:
    """Change the brightness of each picture by a random factor, clamped to [0, 1]."""
    gain = 1 + (torch.rand(x.shape[0], 1, 1, 1, generator=generator) * 2 - 1) * config.exposure
    return (x * gain.to(x.device)).clamp(0, 1)


def add_noise(x: Tensor, config: MotionConfig, generator: torch.Generator) -> Tensor:
    """Add sensor noise of a random strength per picture, clamped to [0, 1]."""
    sigma = torch.rand(x.shape[0], 1, 1, 1, generator=generator) * config.noise
    noise = torch.randn(x.shape, generator=generator)
    return (x + (sigma * noise).to(x.device)).clamp(0, 1)
