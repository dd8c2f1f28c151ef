"""What can be compared: the slow reference, the tiers, and networks in style files of their own."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from rtstyle.config import TIERS
from rtstyle.errors import UsageError
from rtstyle.nets import ARCHITECTURES
from rtstyle.pixels import Pixels
from rtstyle.styles import StyleBank, StyleMix
from rtstyle.stylizer import Look, Stylizer
from rtstyle.weightfiles import read_manifest, weights_folder

OPTIMIZE = "optimize"
PLACEHOLDER = "{style}"


@dataclass(frozen=True)
class Method:
    """A name, and the style file behind it where it is neither the reference nor a tier."""

    name: str
    file: str = ""
    """May hold ``{style}``."""


def parse_methods(text: str, networks: Path) -> list[Method]:
    """Read ``optimize,live,johnson,mine=my_{style}.safetensors``.

    The name of an architecture alone means ``NETWORKS/NAME_{style}.safetensors``. Raises :class:`UsageError`.
    """
    methods: list[Method] = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, file = part.partition("=")
        plain = name.replace("-", "_")
        if equals and not file:
            raise UsageError(f"method '{part}' names no file; write for example {name}=my_{PLACEHOLDER}.safetensors")
        if equals and not re.fullmatch(r"[\w-]+", name):
            raise UsageError(f"'{name}' cannot name a method: letters, digits, - and _ only")
        if equals:
            methods.append(Method(name, file))
        elif name == OPTIMIZE or name in TIERS:
            methods.append(Method(name))
        elif plain in ARCHITECTURES:
            methods.append(Method(plain, str(networks / f"{plain}_{PLACEHOLDER}.safetensors")))
        else:
            legal = ", ".join((OPTIMIZE, *TIERS, *ARCHITECTURES))
            raise UsageError(f"unknown method '{name}'; legal: {legal}, or NAME=FILE.safetensors")
    names = [method.name for method in methods]
    if not names or len(set(names)) < len(names):
        raise UsageError(f"'{text}' should name one or more methods, each once")
    return methods


@dataclass(frozen=True)
class FeedForward:
    """A feed-forward method, ready to paint one style."""

    method: str
    stylizer: Stylizer
    arch: str
    """The kind of network."""
    description: str
    """The network in a few words: its kind, size and shape."""

    def __call__(self, photo: Pixels) -> Pixels:
        """Paint uint8 (H, W, 3)."""
        return self.stylizer.paint_one(photo)


def open_method(
    method: Method, style: str, *, device: torch.device, weights: Path | None = None, noise: float | None = None
) -> FeedForward | None:
    """The painter of a method for a style; None where the method does not have the style.

    ``noise``: how loud the noise of texture networks is, relative to training; None leaves it as trained.
    """
    if method.file:
        path = Path(method.file.replace(PLACEHOLDER, style))
        if not os.path.isfile(path):
            if PLACEHOLDER in method.file:
                return None
            raise UsageError(f"no style file at {path} for method {method.name}")
        mix = StyleMix(((str(path), 1.0),))
        bank = StyleBank.open(mix, folder=weights)
    else:
        tiers = read_manifest(weights or weights_folder())["tiers"]
        if style not in tiers.get(method.name, {}).get("styles", {}):
            return None
        mix = StyleMix(((style, 1.0),))
        bank = StyleBank.load(tier=method.name, folder=weights)
    if noise is not None and bank.network.arch == "texture":
        bank.set_noise(noise)
    return FeedForward(method.name, Stylizer(bank, Look(mix=mix), device=device), bank.network.arch, describe(bank))


def describe(bank: StyleBank) -> str:
    """``johnson, 1,679,235 parameters: width 32, blocks 5, ...``."""
    network = bank.network
    settings = ", ".join(f"{name} {value}" for name, value in vars(network.config).items())
    return f"{network.arch}, {sum(p.numel() for p in network.parameters()):,} parameters: {settings}"


def check_styles(
    styles: Sequence[str], methods: Sequence[Method], found: Sequence[tuple[str, str]], weights: Path | None = None
) -> None:
    """Raise :class:`UsageError` where a method has none of the styles; ``found``: the pairs (method, style) there are."""
    for method in methods:
        if method.name == OPTIMIZE or any(name == method.name for name, _ in found):
            continue
        missing = f"method {method.name} has none of the styles {', '.join(styles)}"
        if method.file:
            files = ", ".join(method.file.replace(PLACEHOLDER, style) for style in styles)
            raise UsageError(f"{missing}: no {files}; train one (train/README.md) or name its folder with --networks")
        folder = weights or weights_folder()
        tier = read_manifest(folder)["tiers"].get(method.name)
        if tier is None:
            raise UsageError(
                f"the weights in {folder} have no tier {method.name}; legal: {', '.join(read_manifest(folder)['tiers'])}"
            )
        raise UsageError(f"{missing}; legal: {', '.join(tier['styles'])}")
