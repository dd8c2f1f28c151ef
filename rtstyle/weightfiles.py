"""The folder of weights and the files in it: where it is, what its manifest says, and that nothing was changed."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from rtstyle.errors import MissingWeightsError, WeightsError
from rtstyle.system.whole import whole_file

MANIFEST = "manifest.json"
FORMAT = 1


def weights_folder() -> Path:
    """Where the bundled weights are: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parent
    candidates = (package / "weights", package.parent / "weights")
    for folder in candidates:
        if (folder / MANIFEST).is_file():
            return folder
    raise WeightsError(f"no weights at {' or '.join(map(str, candidates))}; install rtstyle again, or give --weights FOLDER")


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a weights folder; raises :class:`WeightsError` where it is absent or of another format."""
    path = folder / MANIFEST
    try:
        manifest: Any = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise MissingWeightsError(f"no {MANIFEST} in {folder}") from None
    except (OSError, ValueError, RecursionError) as error:
        raise WeightsError(f"{path} cannot be read: {error}") from error
    if not isinstance(manifest, dict):
        raise WeightsError(f"{path} is no manifest of weights")
    if manifest.get("format") != FORMAT or "tiers" not in manifest:
        raise WeightsError(f"{path} has format {manifest.get('format')}; this rtstyle reads format {FORMAT}")
    if not _is_whole(manifest):
        raise WeightsError(f"{path} is incomplete; install rtstyle again, or rebuild the weights (train/README.md)")
    return manifest


def _is_whole(manifest: Mapping[str, Any]) -> bool:
    """Whether all that is read of a manifest is there, and of its kind."""
    tiers = manifest["tiers"]
    if not (isinstance(tiers, dict) and all(isinstance(tier, dict) for tier in tiers.values())):
        return False
    if not all(isinstance(tier.get("net"), dict) and isinstance(tier.get("styles"), dict) for tier in tiers.values()):
        return False
    files = [*tiers.values(), *(style for tier in tiers.values() for style in tier["styles"].values())]
    return all(isinstance(file, dict) and isinstance(file.get(key), str) for file in files for key in ("file", "sha256"))


def write_manifest(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Put a manifest in place of the one there, whole or not at all."""
    with whole_file(folder / MANIFEST) as file:
        file.write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def record_metrics(folder: Path, tier: str, metrics: Mapping[str, Mapping[str, float]]) -> None:
    """Write figures beside the styles they are of, in the manifest; raises :class:`WeightsError` where it cannot be written."""
    manifest = read_manifest(folder)
    for name, figures in metrics.items():
        manifest["tiers"][tier]["styles"][name]["metrics"] = dict(figures)
    try:
        write_manifest(folder, manifest)
    except OSError as error:
        raise WeightsError(f"cannot write to {folder} ({error}); give --weights a folder of your own") from error


def sha256_of(path: Path) -> str:
    """Hex digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def network_sha256(network: torch.nn.Module) -> str:
    """Hex digest of a network's parameters, independent of the file they came in."""
    digest = hashlib.sha256()
    for name, value in sorted(network.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.detach().to(torch.float16).contiguous().cpu().numpy().tobytes())
    return digest.hexdigest()


def read_tensors(path: Path, sha256: str | None) -> tuple[dict[str, Tensor], dict[str, str]]:
    """All tensors (as float32) and the metadata of a safetensors file, checked against ``sha256``."""
    if not os.path.isfile(path):
        raise WeightsError(f"{path} is missing; install rtstyle again, or rebuild the weights (train/README.md)")
    try:
        if sha256 is not None and sha256_of(path) != sha256:
            raise WeightsError(
                f"{path} was changed since it was exported (its sha256 differs from the manifest's); install rtstyle again"
            )
        with safe_open(path, framework="pt") as file:
            return {key: file.get_tensor(key).float() for key in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path} is not a readable safetensors file: {error}") from error
