"""Styles: which there are, how they mix, and their weights, loaded safely.

A style is a vector (D,) that a network of its tier turns into a look (Dumoulin et al. 2017). The folder ``weights``
holds ``manifest.json`` and, per tier, one network and one small file a style. A file made by ``rtstyle train`` is a
style too: it names the network it belongs to, or brings a network of its own.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rtstyle.errors import MissingWeightsError, UnknownStyleError, UsageError, WeightsError
from rtstyle.nets import StyleNetwork, build_network
from rtstyle.weightfiles import network_sha256, read_manifest, read_tensors, weights_folder

NONE = "none"
"""The style that leaves every pixel as it is."""


@dataclass(frozen=True)
class StyleMix:
    """Styles and their shares: ``wave``, ``wave:0.7,scream:0.3``, ``none``, ``my.safetensors``."""

    parts: tuple[tuple[str, float], ...]

    @classmethod
    def parse(cls, text: str) -> StyleMix:
        """Read ``name[:share][,name[:share]...]``; shares are scaled to a sum of 1.

        Raises :class:`UsageError` for an empty name, a share that is no number from 0 up, and shares that are all 0.
        """
        shares: dict[str, float] = {}
        for item in text.split(","):
            name, colon, number = item.strip().rpartition(":")
            # A colon may belong to a file name (C:\my.safetensors): only a number after it is a share.
            if not colon:
                name, number = number, "1"
            try:
                share = float(number)
            except ValueError:
                if not name.endswith(".safetensors") and not item.strip().endswith(".safetensors"):
                    raise UsageError(
                        f"in style '{text}': '{number}' is not a share; write for example wave:0.7,scream:0.3"
                    ) from None
                name, share = item.strip(), 1.0
            if not name:
                raise UsageError(f"style '{text}' has an empty name; write for example wave or wave:0.7,scream:0.3")
            if not (math.isfinite(share) and share >= 0):
                raise UsageError(f"in style '{text}': the share of {name} is {number}; it must be a number from 0 up")
            shares[name] = shares.get(name, 0.0) + share
        total = sum(shares.values())
        if not 0 < total < math.inf:
            raise UsageError(f"style '{text}' has no share above 0, or none that can be added up")
        return cls(tuple((name, share / total) for name, share in shares.items() if share > 0))

    @classmethod
    def parse_list(cls, text: str) -> tuple[StyleMix, ...]:
        """Read a choice of looks: ``wave,scream`` is two, ``wave:0.7,scream:0.3`` (with shares) one blend."""
        mix = cls.parse(text)
        names = [item.strip() for item in text.split(",")]
        if all(name in dict(mix.parts) for name in names):
            return tuple(cls(((name, 1.0),)) for name in dict.fromkeys(names))
        return (mix,)

    @property
    def is_none(self) -> bool:
        """Whether pixels pass through untouched."""
        return all(name == NONE for name, _ in self.parts)

    def __str__(self) -> str:
        if len(self.parts) == 1:
            return self.parts[0][0]
        return ",".join(f"{name}:{share:.3g}" for name, share in self.parts)


def check_style_path(name: str, path: Path) -> None:
    """Raise :class:`UsageError` for a new style that no option could name afterwards, or that would land somewhere else."""
    if "/" in name or "\\" in name:
        raise UsageError(f"'{name}' is no name for a style: it cannot hold a slash; --out says where the file goes")
    if "," in f"{name}{path}":
        raise UsageError(f"a style cannot be called '{name}' or lie at {path}: a comma separates styles in --style")


@dataclass(frozen=True, kw_only=True)
class StyleEntry:
    """What the manifest says of one style."""

    name: str
    title: str = ""
    artist: str = ""
    year: str = ""
    terms: str = ""
    file: str = ""
    sha256: str = ""
    metrics: dict[str, float] = field(default_factory=dict)


class StyleBank:
    """One network and the vectors of the styles it paints."""

    def __init__(
        self, network: StyleNetwork, vectors: Mapping[str, Tensor], *, tier: str, entries: Mapping[str, StyleEntry] | None = None
    ) -> None:
        """``vectors``: per name a float32 vector (D,)."""
        self.network = network.eval().requires_grad_(False)
        self.tier = tier
        self.vectors = dict(vectors)
        self.entries = dict(entries or {name: StyleEntry(name=name) for name in vectors})
        for name, vector in self.vectors.items():
            self._check(name, vector)

    @property
    def names(self) -> list[str]:
        """The styles, in the manifest's order."""
        return list(self.vectors)

    def vector(self, mix: StyleMix) -> Tensor:
        """The vector (D,) of a mix: the weighted sum of its styles' vectors; ``none`` is the zero vector.

        Raises :class:`UnknownStyleError` naming the nearest styles.
        """
        total = torch.zeros(self.network.style_size)
        for name, share in mix.parts:
            if name != NONE:
                total += share * self.vectors[self.resolve(name)]
        return total

    def fingerprint(self, mix: StyleMix) -> str:
        """Hex digest of all that decides how ``mix`` is painted: the network's parameters and the vector."""
        vector = self.vector(mix).float().contiguous().numpy().tobytes()
        return hashlib.sha256(network_sha256(self.network).encode() + vector).hexdigest()

    def resolve(self, name: str) -> str:
        """The bank's name for a style or style file, which is loaded when first named."""
        if name in self.vectors or name == NONE:
            return name
        if name.endswith(".safetensors"):
            self.add(load_style_file(Path(name)), name)
            return name
        near = difflib.get_close_matches(name.lower(), self.names, n=3, cutoff=0.4)
        hint = f"did you mean {' or '.join(near)}?" if near else f"there are: {', '.join(self.names)}"
        raise UnknownStyleError(f"no style '{name}' in tier {self.tier}; {hint} (rtstyle styles lists all)")

    def add(self, style: StyleFile, name: str) -> None:
        """Take in a style fitted for this network; raises :class:`WeightsError` where it belongs to another."""
        if style.network is not None:
            raise WeightsError(f"{name} brings a network of its own: it can be painted alone, not mixed into tier {self.tier}")
        if style.network_sha256 and style.network_sha256 != network_sha256(self.network):
            raise WeightsError(
                f"{name} was fitted for another network than this tier '{self.tier}': fit it again with rtstyle train"
            )
        self._check(name, style.vector)
        self.vectors[name] = style.vector
        self.entries[name] = style.entry

    def set_noise(self, amount: float) -> None:
        """Make the noise of all styles ``amount`` times as loud; raises :class:`UsageError` where the network has none."""
        self.vectors = {name: self.network.with_noise(vector, amount) for name, vector in self.vectors.items()}

    def _check(self, name: str, vector: Tensor) -> None:
        if vector.shape != (self.network.style_size,):
            raise WeightsError(f"style {name} has {vector.numel()} numbers; this network takes {self.network.style_size}")

    @classmethod
    def load(cls, *, tier: str = "live", folder: Path | None = None) -> StyleBank:
        """Load a tier of the bundled collection (or of ``folder``), every file checked against the manifest's sha256.

        Raises :class:`UsageError` for a tier that is not there, :class:`WeightsError` for absent or altered files.
        """
        folder = folder or weights_folder()
        manifest = read_manifest(folder)
        tiers = manifest["tiers"]
        if tier not in tiers:
            raise UsageError(f"no tier '{tier}' in {folder}; there are: {', '.join(tiers)}")
        table = tiers[tier]
        tensors, _ = read_tensors(folder / table["file"], table["sha256"])
        network = _network_from(table["net"], tensors, folder / table["file"])
        vectors: dict[str, Tensor] = {}
        entries: dict[str, StyleEntry] = {}
        for name, style in table["styles"].items():
            tensors, _ = read_tensors(folder / style["file"], style["sha256"])
            vectors[name] = _only_vector(tensors, folder / style["file"])
            entries[name] = _entry(style, name)
        return cls(network, vectors, tier=tier, entries=entries)

    @classmethod
    def open(cls, mix: StyleMix, *, tier: str = "live", folder: Path | None = None) -> StyleBank:
        """The bank that paints ``mix``: a tier, or the network that a single style file brings along."""
        if len(mix.parts) == 1 and mix.parts[0][0].endswith(".safetensors"):
            name = mix.parts[0][0]
            style = load_style_file(Path(name))
            if style.network is not None:
                return cls(style.network, {name: style.vector}, tier=style.tier, entries={name: style.entry})
            tier = style.tier or tier
        bank = cls.load(tier=tier, folder=folder)
        for name, _ in mix.parts:
            bank.resolve(name)
        return bank


@dataclass(frozen=True, kw_only=True)
class StyleFile:
    """A style as ``rtstyle train`` writes it: a vector, and the network where it has one of its own."""

    entry: StyleEntry
    vector: Tensor
    tier: str
    network_sha256: str = ""
    network: StyleNetwork | None = None


def load_style_file(path: Path, *, own_network: bool = True) -> StyleFile:
    """Read a style file.

    Without ``own_network`` a file that brings a network along is refused before that is built, which for a hostile file could
    take all memory. Raises :class:`MissingWeightsError` where the file is absent, :class:`WeightsError` where it is not one of
    ours or not to be had.
    """
    if not os.path.isfile(path):
        raise MissingWeightsError(f"no style file at {path}")
    tensors, metadata = read_tensors(path, None)
    try:
        about: Any = json.loads(metadata["rtstyle"])
    except (KeyError, ValueError, RecursionError):
        about = None
    if not isinstance(about, dict):
        raise WeightsError(f"{path} is not a style file of rtstyle (no 'rtstyle' metadata)")
    network = None
    if about.get("net"):
        if not own_network:
            raise WeightsError(f"{path} brings a network of its own, which is not taken here")
        network = _network_from(
            about["net"], {k.removeprefix("network."): v for k, v in tensors.items() if k.startswith("network.")}, path
        )
        tensors = {"style": tensors["style"]} if "style" in tensors else {}
    return StyleFile(
        entry=_entry(about, path.stem),
        vector=_only_vector(tensors, path),
        tier=str(about.get("tier", "live")),
        network_sha256=str(about.get("network_sha256", "")),
        network=network,
    )


def _entry(table: Mapping[str, Any], name: str) -> StyleEntry:
    """The entry in a manifest's or file's table; fields of newer versions are passed over."""
    known = {key: str(table.get(key, "")) for key in ("title", "artist", "year", "terms", "file", "sha256")}
    metrics = table.get("metrics")
    return StyleEntry(name=str(table.get("name", name)), **known, metrics=dict(metrics) if isinstance(metrics, dict) else {})


def _network_from(table: Mapping[str, Any], tensors: dict[str, Tensor], path: Path) -> StyleNetwork:
    try:
        network = build_network(table)
        network.load_state_dict(tensors)
    except (UsageError, RuntimeError, ValueError, TypeError) as error:
        raise WeightsError(f"{path} does not fit the network it names: {str(error).splitlines()[0]}") from error
    return network


def _only_vector(tensors: Mapping[str, Tensor], path: Path) -> Tensor:
    if set(tensors) != {"style"} or tensors["style"].dim() != 1:
        raise WeightsError(f"{path} holds no style vector")
    if not tensors["style"].isfinite().all():
        raise WeightsError(f"{path} is damaged: its style vector has numbers that are not finite")
    return tensors["style"]
