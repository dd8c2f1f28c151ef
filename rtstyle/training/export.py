"""From a training run to files that the runtime loads, and the proof that they paint the same."""

from __future__ import annotations

import json
import math
import tempfile
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
from rtstyle.system.whole import whole_file
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
    :class:`TrainingError` where the files, loaded by the runtime, paint otherwise than the network in memory, and where they
    cannot be written; what was in the folder before stays then.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".export-", dir=folder) as draft:
            about = {
                "recipe": recipe_file.as_posix() if recipe_file else "",
                "recipe_sha256": sha256_of(recipe_file) if recipe_file else "",
                "steps": steps,
                "seed": recipe.seed,
            }
            table = _write_tier(network, vectors, recipe, Path(draft), about)
            write_manifest(Path(draft), {"format": FORMAT, "tiers": {recipe.tier: table}})
            bank = StyleBank.load(tier=recipe.tier, folder=Path(draft))
            _verify(network, vectors[0], bank.network, bank.vectors[recipe.styles[0].name])
            _move_tier(Path(draft), folder, table, recipe.tier)
    except (OSError, SafetensorError) as error:
        raise TrainingError(f"cannot write to {folder} ({error}); make room, then the same command with --resume") from error


def _write_tier(network: StyleNetwork, vectors: Tensor, recipe: Recipe, folder: Path, about: Mapping[str, Any]) -> dict[str, Any]:
    """Write network and styles below ``folder``; returns what the manifest says of them, ``about`` included."""
    tier = folder / recipe.tier
    (tier / "styles").mkdir(parents=True)
    file = tier / "network.safetensors"
    save_file({key: value.detach().half().contiguous().cpu() for key, value in network.state_dict().items()}, file)
    styles: dict[str, Any] = {}
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
        styles[source.name] = asdict(entry)
    return {
        "net": network_table(network),
        "file": file.relative_to(folder).as_posix(),
        "sha256": sha256_of(file),
        "bytes": file.stat().st_size,
        **about,
        "styles": styles,
    }


def _move_tier(draft: Path, folder: Path, table: dict[str, Any], tier: str) -> None:
    """Put a tier in the place of the one before; after the manifest, which vouches for the files, styles that it lacks go."""
    manifest: dict[str, Any] = read_manifest(folder) if (folder / MANIFEST).exists() else {"format": FORMAT, "tiers": {}}
    before: dict[str, Any] = manifest["tiers"].get(tier, {})
    manifest["tiers"][tier] = table
    for file in (table["file"], *(style["file"] for style in table["styles"].values())):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (draft / file).replace(folder / file)
    write_manifest(folder, manifest)
    for name in before.get("styles", {}).keys() - table["styles"].keys():
        (folder / before["styles"][name]["file"]).unlink(missing_ok=True)


def export_style(
    network: StyleNetwork, vector: Tensor, entry: StyleEntry, path: Path, *, tier: str, dedicated: bool, about: Mapping[str, Any]
) -> None:
    """Write one style file: the vector (D,), and with ``dedicated`` the network as well; verified like a tier.

    A file that was there before stays where that fails.
    """
    tensors = {"style": vector.detach().float().contiguous().cpu()}
    metadata: dict[str, Any] = {**asdict(entry), **about, "tier": tier, "network_sha256": network_sha256(network)}
    if dedicated:
        metadata["net"] = network_table(network)
        tensors |= {f"network.{key}": value.detach().half().contiguous().cpu() for key, value in network.state_dict().items()}
    try:
        with whole_file(path) as file:
            save_file(tensors, file, metadata={"rtstyle": json.dumps(metadata, ensure_ascii=False)})
            loaded = load_style_file(file)
            _verify(network, vector, loaded.network or network, loaded.vector)
    except (OSError, SafetensorError) as error:
        raise TrainingError(f"cannot write {path} ({error}); make room, then the same command with --resume") from error


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
    if not psnr >= LEAST_PSNR:  # nor where it is not a number
        raise TrainingError(
            f"the exported network paints otherwise than the trained one ({psnr:.1f} dB apart, {LEAST_PSNR} asked for)"
        )
