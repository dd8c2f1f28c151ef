"""From a training run to files that the runtime loads, and the proof that they paint the same."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from rtstyle.errors import TrainingError
from rtstyle.nets import StyleNetwork, network_table
from rtstyle.styles import StyleBank, StyleEntry, load_style_file
from rtstyle.training.recipe import Recipe
from rtstyle.weightfiles import FORMAT, MANIFEST, network_sha256, read_manifest, sha256_of, write_manifest

LEAST_PSNR = 45.0
"""In dB: what rounding the exported network to float16 may cost."""


def export_tier(
    network: StyleNetwork,
    vectors: Tensor,
    recipe: Recipe,
    folder: Path,
    *,
    steps: int,
    recipe_file: Path | None = None,
) -> None:
    """Write a tier of a weights folder: the network, a file a style and the tier's part of the manifest.

    ``vectors`` (S, D) in the recipe's order. The network is stored in float16, the vectors in float32. Raises
    :class:`TrainingError` where the files, loaded by the runtime, paint otherwise than the network in memory.
    """
    tier = folder / recipe.tier
    (tier / "styles").mkdir(parents=True, exist_ok=True)
    file = tier / "network.safetensors"
    save_file({key: value.detach().half().contiguous().cpu() for key, value in network.state_dict().items()}, file)
    table: dict[str, Any] = {
        "net": network_table(network),
        "file": file.relative_to(folder).as_posix(),
        "sha256": sha256_of(file),
        "bytes": file.stat().st_size,
        "recipe": recipe_file.as_posix() if recipe_file else "",
        "recipe_sha256": sha256_of(recipe_file) if recipe_file else "",
        "steps": steps,
        "seed": recipe.seed,
        "styles": {},
    }
    for source, vector in zip(recipe.styles, vectors, strict=True):
        style = tier / "styles" / f"{source.name}.safetensors"
        save_file({"style": vector.detach().float().contiguous().cpu()}, style)
        entry = StyleEntry(
            name=source.name,
            title=source.title,
            artist=source.artist,
            year=source.year,
            terms=source.terms,
            file=style.relative_to(folder).as_posix(),
            sha256=sha256_of(style),
        )
        table["styles"][source.name] = asdict(entry)
    manifest: dict[str, Any] = read_manifest(folder) if (folder / MANIFEST).exists() else {"format": FORMAT, "tiers": {}}
    manifest["tiers"][recipe.tier] = table
    write_manifest(folder, manifest)
    bank = StyleBank.load(tier=recipe.tier, folder=folder)
    _verify(network, vectors[0], bank.network, bank.vectors[recipe.styles[0].name])


def export_style(
    network: StyleNetwork, vector: Tensor, entry: StyleEntry, path: Path, *, tier: str, dedicated: bool, about: Mapping[str, Any]
) -> None:
    """Write one style file: the vector (D,), and with ``dedicated`` the network as well; verified like a tier."""
    tensors = {"style": vector.detach().float().contiguous().cpu()}
    metadata: dict[str, Any] = {**asdict(entry), **about, "tier": tier, "network_sha256": network_sha256(network)}
    if dedicated:
        metadata["net"] = network_table(network)
        tensors |= {f"network.{key}": value.detach().half().contiguous().cpu() for key, value in network.state_dict().items()}
    partial = path.with_name(f".{path.name}.partial")
    try:
        save_file(tensors, partial, metadata={"rtstyle": json.dumps(metadata, ensure_ascii=False)})
        partial.replace(path)
    except (OSError, SafetensorError) as error:
        raise TrainingError(f"cannot write {path} ({error}); make room, then the same command with --resume") from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()
    loaded = load_style_file(path)
    _verify(network, vector, loaded.network or network, loaded.vector)


def _verify(network: StyleNetwork, vector: Tensor, loaded: StyleNetwork, loaded_vector: Tensor) -> None:
    """Paint one picture with both and compare."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(1, 3, 8, 8, generator=generator)
    picture = torch.nn.functional.interpolate(coarse, size=(96, 128), mode="bicubic").clamp(0, 1)
    with torch.inference_mode():
        wanted = network.cpu().float().eval()(picture, vector.cpu().float())
        found = loaded.cpu().float().eval()(picture, loaded_vector.cpu().float())
    error = float((wanted - found).square().mean())
    psnr = -10 * math.log10(max(error, 1e-12))
    if psnr < LEAST_PSNR:
        raise TrainingError(
            f"the exported network paints otherwise than the trained one ({psnr:.1f} dB apart, {LEAST_PSNR} asked for)"
        )
