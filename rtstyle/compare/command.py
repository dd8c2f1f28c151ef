"""What ``rtstyle compare`` does: open everything, paint, measure, write the report."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import torch
from tqdm import tqdm

from rtstyle.compare.grid import picture_grid
from rtstyle.compare.logs import draw_logs
from rtstyle.compare.measure import Comparison, compare_style
from rtstyle.compare.methods import OPTIMIZE, FeedForward, Method, check_styles, open_method
from rtstyle.compare.page import SHOWN_PHOTOS, history_curves, render
from rtstyle.errors import UsageError
from rtstyle.evaluate.perceptual import find_painting, quoted_photos
from rtstyle.evaluate.report import write_report
from rtstyle.optimize import OptimizeConfig
from rtstyle.perceptual.config import LossConfig
from rtstyle.sinks.images import write_still
from rtstyle.sinks.staging import make_folder
from rtstyle.sources.images import read_still
from rtstyle.training.recipe import Recipe
from rtstyle.weightfiles import read_manifest, weights_folder

REPORT = "report.html"
GRID = "grid.png"
TRAINED_WITH = (
    "steps",
    "batch_size",
    "image_size",
    "photo_scale",
    "optimizer",
    "learning_rate",
    "vector_learning_rate",
    "temporal_weight",
    "lattice_weight",
    "strength_share",
    "seed",
)
"""What a recipe says beside its losses, which the report lists with every style."""


@dataclass(frozen=True, kw_only=True)
class CompareRequest:
    """The command's options; see ``rtstyle compare --help``."""

    photos: Sequence[Path]
    """Stills, or folders of them, of which ``limit`` photos are taken that no network was trained on."""
    limit: int = 20
    styles: Sequence[str]
    methods: Sequence[Method]
    paintings: Path
    out: Path
    sizes: Sequence[int]
    config: OptimizeConfig
    until_passed: bool = False
    recipe: Path | None = None
    """Whose losses count; by default the recipe of the first bundled network among the methods."""
    logs: dict[str, Path]
    noise: float | None = None
    device: torch.device
    weights: Path | None = None
    loss_weights: Path | None = None
    command: str = ""
    overwrite: bool = False


def compare(request: CompareRequest) -> list[Comparison]:
    """Carry out a request; writes ``report.html`` and the pictures into ``request.out``.

    Raises :class:`UsageError` for anything missing before any work is done.
    """
    request = replace(request, photos=gather_photos(request), recipe=request.recipe or bundled_recipe(request))
    _check(request)
    photos = {path.stem: read_still(path)[0] for path in request.photos}
    paintings = {style: read_still(find_painting(request.paintings, style))[0] for style in request.styles}
    configs = {style: style_config(request, style) for style in request.styles}
    painters = {style: _open(request, style) for style in request.styles}
    pairs = [(painter.method, style) for style, found in painters.items() for painter in found]
    check_styles(request.styles, request.methods, pairs, request.weights)
    curves = draw_logs(request.logs, request.config)
    reference = any(method.name == OPTIMIZE for method in request.methods)
    loss_network = next(iter(configs.values())).open_loss_network(request.device, request.loss_weights)
    make_folder(request.out)
    each = sum(len(found) + reference * request.config.iterations for found in painters.values())
    comparisons: list[Comparison] = []
    with tqdm(total=len(request.sizes) * len(photos) * each, unit="step", dynamic_ncols=True) as bar:
        for size in request.sizes:
            for style in request.styles:
                bar.set_description(f"{style} {size} px")
                found = compare_style(
                    style,
                    paintings[style],
                    photos,
                    painters[style],
                    replace(configs[style], size=size, scales=1),
                    with_reference=reference,
                    until_passed=request.until_passed,
                    loss_network=loss_network,
                    device=request.device,
                    progress=bar.update,
                )
                _write_pictures(found, request.out)
                comparisons.append(found)
    one_each = {painter.method: painter for found in painters.values() for painter in found}
    write_report(render(comparisons, one_each, _settings(request), curves), request.out / REPORT)
    return comparisons


def gather_photos(request: CompareRequest) -> list[Path]:
    """The stills, and for a folder the photos on which losses are quoted (``rtstyle evaluate quality``), ``limit`` at most."""
    photos: list[Path] = []
    for path in request.photos:
        photos += quoted_photos(path, limit=request.limit) if os.path.isdir(path) else [path]
    return photos


def bundled_recipe(request: CompareRequest) -> Path | None:
    """The recipe that the manifest names for the first tier among the methods; None where it is not at hand."""
    folder = request.weights or weights_folder()
    tiers = read_manifest(folder)["tiers"]
    for method in request.methods:
        recipe = "" if method.file else tiers.get(method.name, {}).get("recipe", "")
        if recipe:
            path = folder.parent / recipe
            return path if path.is_file() else None
    return None


def style_config(request: CompareRequest, style: str) -> OptimizeConfig:
    """The reference's settings; with a recipe, layers and weights are the recipe's."""
    if request.recipe is None:
        return request.config
    recipe = Recipe.load(request.recipe)
    factor = next((source.style_weight for source in recipe.styles if source.name == style), 1.0)
    losses = {field.name: getattr(recipe, field.name) for field in fields(LossConfig)}
    return replace(request.config, **{**losses, "style_weight": recipe.style_weight * factor})


def _check(request: CompareRequest) -> None:
    if not request.styles or not request.sizes:
        raise UsageError("name at least one style and one size")
    if min(request.sizes) < 32:
        raise UsageError(f"a size of {min(request.sizes)} is too small; it must be at least 32")
    stems = [path.stem for path in request.photos]
    if len(set(stems)) < len(stems):
        raise UsageError("two photos have the same name; rename one of them")
    if not os.path.isdir(request.out.parent):
        raise UsageError(f"the folder {request.out.parent} does not exist")
    if os.path.exists(request.out) and not os.path.isdir(request.out):
        raise UsageError(f"{request.out} is a file; the report needs a folder")
    written = [request.out / REPORT, *(_pictures(request.out, size, style) for size in request.sizes for style in request.styles)]
    for path in written:
        if os.path.exists(path) and not request.overwrite:
            raise UsageError(f"{path} exists; use --overwrite to replace it")


def _open(request: CompareRequest, style: str) -> list[FeedForward]:
    opened = (
        open_method(method, style, device=request.device, weights=request.weights, noise=request.noise)
        for method in request.methods
        if method.name != OPTIMIZE
    )
    return [painter for painter in opened if painter is not None]


def _settings(request: CompareRequest) -> dict[str, object]:
    name = (
        torch.cuda.get_device_name(request.device)
        if request.device.type == "cuda"
        else platform.processor() or platform.machine()
    )
    settings: dict[str, object] = {
        "photos": ", ".join(path.name for path in request.photos),
        "device": f"{request.device} ({name})",
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }
    if request.command:
        settings["command"] = request.command
    settings["losses as in the recipe"] = request.recipe.name if request.recipe is not None else "none at hand: the usual ones"
    if request.recipe is not None:
        recipe = Recipe.load(request.recipe)
        for name in TRAINED_WITH:
            settings[f"{request.recipe.name}: {name.replace('_', ' ')}"] = getattr(recipe, name)
    return settings


def _pictures(out: Path, size: int, style: str) -> Path:
    return out / f"{size}_{style}"


def _write_pictures(found: Comparison, out: Path) -> None:
    """``SIZE_STYLE/PHOTO_METHOD.png``, the curves and a grid of the first photos beside them."""
    folder = _pictures(out, found.size, found.style)
    make_folder(folder)
    for method, results in found.results.items():
        for photo, result in results.items():
            write_still(result.picture, folder / f"{photo}_{method}.png")
    for photo, curve in history_curves(found).items():
        write_still(curve, folder / f"{photo}_losses.png")
    write_still(picture_grid(found, SHOWN_PHOTOS), folder / GRID)
