"""High dynamic range to standard: PQ (SMPTE ST 2084) and HLG (ARIB STD-B67) to BT.709.

Signal -> light (ITU-R BT.2100-2 tables 4 and 5) -> BT.709 primaries (BT.2407-0, the matrix of annex 2) -> highlights rolled off
above reference white, 203 cd/m2 (BT.2408-7) -> BT.1886 display signal, gamma 2.4.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rtstyle.pixels import Pixels

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

PQ, HLG = 16, 18
"""Transfer characteristics of ISO/IEC 23091-2."""
REFERENCE_WHITE = 203.0
PEAK = 1000.0
"""Brightest light that keeps detail, cd/m2: the nominal peak of HLG and of most PQ masters."""
KNEE = 0.75
"""Share of the display's range below which light passes unchanged."""

_BT2020_TO_BT709 = np.array(
    [[1.660491, -0.587641, -0.072850], [-0.124550, 1.132900, -0.008349], [-0.018151, -0.100579, 1.118730]], dtype=np.float32
)
_HLG_A, _HLG_B, _HLG_C = 0.17883277, 0.28466892, 0.55991073
_BT2020_LUMA = np.array([0.2627, 0.6780, 0.0593], dtype=np.float32)


def is_hdr(frame: VideoFrame) -> bool:
    """Whether the frame's transfer curve is PQ or HLG."""
    return frame.color_trc in (PQ, HLG)


def tone_map(signal: NDArray[np.uint16], frame: VideoFrame) -> Pixels:
    """uint16 (H, W, 3) R'G'B' of an HDR frame -> uint8 (H, W, 3) BT.709 R'G'B'."""
    light = _linear(frame.color_trc)[signal]
    if frame.color_trc == HLG:
        # The display's own gamma at 1000 cd/m2 (BT.2100-2 table 5): light = luma^0.2 * scene light.
        light *= (np.maximum(light @ _BT2020_LUMA, 1e-6) ** 0.2)[..., None] * (PEAK / REFERENCE_WHITE)
    if frame.color_primaries in (9, 2):
        light = light @ _BT2020_TO_BT709.T
    light = np.maximum(light, 0.0)
    # One factor for all three channels, from the brightest: hues stay.
    brightest = np.maximum(light.max(axis=-1, keepdims=True), 1e-6)
    light *= _rolled_off(brightest) / brightest
    return np.rint(np.clip(light, 0.0, 1.0) ** (1 / 2.4) * 255.0).astype(np.uint8)


def _rolled_off(light: NDArray[np.float32]) -> NDArray[np.float32]:
    """Light in units of reference white -> [0, 1]: straight up to the knee, then a curve that reaches 1 at ``PEAK``."""
    room = 1.0 - KNEE
    reach = (PEAK / REFERENCE_WHITE - KNEE) / room
    excess = np.clip((light - KNEE) / room, 0.0, reach)
    # y = x (1 + x / reach^2) / (1 + x), Reinhard et al. 2002 eq. 4: slope 1 at the knee, 1 at the peak.
    return np.where(light <= KNEE, light, KNEE + room * excess * (1 + excess / reach**2) / (1 + excess))


@lru_cache(maxsize=2)
def _linear(transfer: int) -> NDArray[np.float32]:
    """For each 16-bit signal value its light: PQ in units of reference white, HLG as scene light in [0, 1]."""
    signal = np.linspace(0.0, 1.0, 65536)
    if transfer == PQ:
        power = signal ** (32 / 2523)
        light = (np.maximum(power - 3424 / 4096, 0.0) / (2413 / 128 - 2392 / 128 * power)) ** (16384 / 2610)
        return (light * 10000.0 / REFERENCE_WHITE).astype(np.float32)
    light = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - _HLG_C) / _HLG_A) + _HLG_B) / 12)
    return light.astype(np.float32)
