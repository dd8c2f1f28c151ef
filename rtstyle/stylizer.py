"""The Stylizer: uint8 pictures in, painted uint8 pictures out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from rtstyle.engines import EagerEngine, Engine
from rtstyle.errors import UsageError
from rtstyle.nets.transformer import TransformerNet
from rtstyle.pixels import Pixels, resize, scaled_size, transfer_luma, upsample_guided
from rtstyle.styles import StyleBank, StyleMix
from rtstyle.tiling import needs_strips, paint_large

SMALLEST_SIDE = 16
STRONGEST = 1.5


@dataclass(frozen=True, kw_only=True)
class Look:
    """Everything of a painting that can be changed from one frame to the next."""

    mix: StyleMix
    strength: float = 1.0
    """0 gives the picture back, 1 is the style as trained, up to 1.5 overdoes it; see :func:`at_strength`."""
    keep_colors: bool = False
    """Take only the brightness from the painting and the colours from the picture."""
    paint_height: int | None = None
    """Paint at this height and bring the input's resolution back; None paints at full size."""

    def __post_init__(self) -> None:
        if not 0 <= self.strength <= STRONGEST:
            raise UsageError(f"strength {self.strength} is outside 0..{STRONGEST}")
        if self.paint_height is not None and self.paint_height < SMALLEST_SIDE:
            raise UsageError(f"paint height {self.paint_height} is below {SMALLEST_SIDE}")

    def changed(self, **values: object) -> Look:
        """The same look with some fields replaced."""
        return replace(self, **values)  # type: ignore[arg-type]


def at_strength(style: torch.Tensor, strength: float) -> torch.Tensor:
    """A style vector (D,) at a strength: up to 1 on the straight way from the picture to the style, above 1 beyond it.

    Beyond 1 scales and shifts go on growing while the mix, the last number, stays where it leaves nothing of the photo:
    networks have never met a negative share of it, which turned pictures into grey contours.
    """
    style = style * strength
    style[-1:].clamp_(max=1.0)
    return style


class Stylizer:
    """Paints pictures with a bank's network. ``look`` may be replaced at any time, from any thread.

    Same input, same look, same engine: same bytes. Several callers may share one Stylizer and pass looks of their own.
    """

    def __init__(
        self, bank: StyleBank, look: Look | str, *, engine: Engine | None = None, device: torch.device | None = None
    ) -> None:
        self.bank = bank
        self.look = look if isinstance(look, Look) else Look(mix=StyleMix.parse(look))
        self.device = device or torch.device("cpu")
        self.engine: Engine = engine or EagerEngine(bank.network, self.device)
        bank.vector(self.look.mix)  # an unknown name is refused here, not in the middle of a film

    @classmethod
    def open(
        cls, style: str = "wave", *, tier: str = "live", weights: Path | None = None, device: torch.device | None = None
    ) -> Stylizer:
        """A Stylizer for a style's name, mix or file; see :class:`StyleMix` and :meth:`StyleBank.open` for the errors."""
        mix = StyleMix.parse(style)
        return cls(StyleBank.open(mix, tier=tier, folder=weights), Look(mix=mix), device=device)

    def paint(self, frames: Pixels, look: Look | None = None) -> Pixels:
        """Paint a batch: uint8 (N, H, W, 3) RGB -> uint8 (N, H, W, 3); H and W at least 16.

        Raises :class:`UsageError` for smaller pictures.
        """
        look = look or self.look
        if frames.ndim != 4 or frames.shape[3] != 3 or frames.dtype != np.uint8:
            raise ValueError(f"paint takes uint8 (N, H, W, 3), not {frames.dtype} {frames.shape}")
        if look.mix.is_none:
            return frames
        if min(frames.shape[1:3]) < SMALLEST_SIDE:
            raise UsageError(
                f"a picture of {frames.shape[2]}x{frames.shape[1]} is too small: both sides need at least {SMALLEST_SIDE} pixels"
            )
        painted = self._painted(frames, look)
        return transfer_luma(painted, frames) if look.keep_colors else painted

    def paint_one(self, picture: Pixels, look: Look | None = None) -> Pixels:
        """Paint one uint8 (H, W, 3) picture."""
        return self.paint(picture[None], look)[0]

    def _painted(self, frames: Pixels, look: Look) -> Pixels:
        height, width = frames.shape[1:3]
        if look.paint_height is not None and look.paint_height < height:
            small_size = scaled_size((height, width), max(SMALLEST_SIDE, round(look.paint_height * min(height, width) / height)))
            small = np.stack([resize(frame, small_size) for frame in frames])
            painted = self._run(small, look)
            return np.stack([upsample_guided(*triple) for triple in zip(painted, small, frames, strict=True)])
        return self._run(frames, look)

    def _run(self, frames: Pixels, look: Look) -> Pixels:
        style = at_strength(self.bank.vector(look.mix), look.strength)
        network, (height, width) = self.bank.network, frames.shape[1:3]
        if isinstance(network, TransformerNet) and needs_strips(network, height, width, self.device):
            painted = np.empty_like(frames)
            for frame, into in zip(frames, painted, strict=True):
                paint_large(network, frame, style, self.device, into=into)
            return painted
        return self.engine(torch.from_numpy(np.require(frames, requirements=("C", "W"))), style).numpy()
