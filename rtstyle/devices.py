"""Which device and which tier a request means."""

from __future__ import annotations

from pathlib import Path

import torch

from rtstyle.errors import UsageError
from rtstyle.styles import NONE, StyleMix
from rtstyle.weightfiles import read_manifest, weights_folder


def resolve_device(name: str) -> torch.device:
    """``auto`` is the first accelerator there is, else the CPU; raises :class:`UsageError` for one that is not there."""
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise UsageError(f"unknown device '{name}'; legal: auto, cpu, cuda, cuda:1, mps") from None
    if device.type == "cuda" and not (torch.cuda.is_available() and (device.index or 0) < torch.cuda.device_count()):
        raise UsageError(
            f"device '{name}' asked for, but PyTorch sees {torch.cuda.device_count()} CUDA devices; use --device cpu or auto"
        )
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise UsageError("device 'mps' asked for, but this machine has none; use --device cpu or auto")
    if device.type not in ("cpu", "cuda", "mps"):
        raise UsageError(f"device '{name}' is not supported; legal: auto, cpu, cuda, cuda:1, mps")
    return device


def resolve_tier(tier: str, mix: StyleMix, device: torch.device, folder: Path | None = None) -> str:
    """``auto`` is studio where there is an accelerator and studio has all of the mix's styles, else live."""
    if tier != "auto":
        return tier
    if device.type == "cpu":
        return "live"
    tiers = read_manifest(folder or weights_folder())["tiers"]
    there = tiers.get("studio", {}).get("styles", {})
    return "studio" if there and all(name in there or name == NONE for name, _ in mix.parts) else "live"
