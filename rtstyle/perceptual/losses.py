"""Content, style, total variation and temporal losses; the same code trains, optimises and evaluates.

Content and style losses are *relative*: squared error over the squared norm of the target. They then mean
the same at every layer, picture size and painting (1 is "as wrong as black"), so weights carry over.
Style can be measured otherwise too, see :data:`StyleMeasure`, for comparison with published methods.
All return one value per picture, (N,), so that callers can weight pictures differently.

``layers`` everywhere: names, all counting the same, or a mapping of names to their shares of the mean.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Literal

import torch
from torch import Tensor, nn

from rtstyle.errors import UsageError
from rtstyle.pixels import LUMA_WEIGHTS

Features = Mapping[str, Tensor]
Layers = Iterable[str] | Mapping[str, float]

StyleMeasure = Literal["relative", "frobenius", "feature"]
"""``relative``: relative error of the gram matrices. ``frobenius``: their squared Frobenius distance (Johnson et al.
2016, eq. 4), whose size depends on the layer. ``feature``: relative error of the painting's own features, place by
place: the painting is copied, not its style; what Gatys' gram matrices are there to avoid."""
STYLE_MEASURES: tuple[StyleMeasure, ...] = ("relative", "frobenius", "feature")

GramNormalisation = Literal["pixels", "elements"]
"""What a gram matrix is divided by: the number of pixels M, or N * M with the channels N (Johnson et al. 2016, eq. 3).
It matters to ``frobenius`` only."""
GRAM_NORMALISATIONS: tuple[GramNormalisation, ...] = ("pixels", "elements")


def layer_weights(layers: Layers | str) -> dict[str, float]:
    """Layers as a mapping; text is read as ``relu1_1,relu2_1:0.5``.

    Raises :class:`UsageError` for a weight that is no positive number.
    """
    if isinstance(layers, str):
        parts = [part.strip().partition(":") for part in layers.split(",") if part.strip()]
        layers = {name: _number(weight, name) if colon else 1.0 for name, colon, weight in parts}
    weights = {str(k): float(v) for k, v in layers.items()} if isinstance(layers, Mapping) else dict.fromkeys(layers, 1.0)
    for name, weight in weights.items():
        if not (math.isfinite(weight) and weight > 0):
            raise UsageError(f"the weight of layer {name} is {weight}; it must be above 0")
    return weights


def _number(text: str, layer: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"'{text}' is not a weight for layer {layer}; write for example relu1_1,relu2_1:0.5") from None


def gram_matrix(features: Tensor, normalisation: GramNormalisation = "pixels") -> Tensor:
    """(N, C, H, W) -> (N, C, C) float32: channel correlations (Gatys et al. 2016, eq. 3), a mean over the pixels."""
    flat = features.flatten(2).float()
    elements = flat.shape[2] if normalisation == "pixels" else flat.shape[1] * flat.shape[2]
    # A sum over all pixels is too large for float16 and too long for bfloat16, in which autocast would take it.
    with torch.autocast(features.device.type, enabled=False):
        return flat @ flat.transpose(1, 2) / elements


def gram_matrices(features: Features, layers: Layers, normalisation: GramNormalisation = "pixels") -> dict[str, Tensor]:
    """The gram matrix of each of ``layers``."""
    return {layer: gram_matrix(features[layer], normalisation) for layer in layers}


def relative_error(value: Tensor, target: Tensor) -> Tensor:
    """``|value - target|^2 / |target|^2`` per picture: (N, ...) -> (N,)."""
    value, target = value.flatten(1).float(), target.flatten(1).float()
    return (value - target).square().sum(1) / target.square().sum(1).clamp_min(1e-8)


def content_loss(features: Features, target: Features, layers: Layers) -> Tensor:
    """Feature reconstruction (Johnson et al. 2016, eq. 2), relative, weighted mean over ``layers``: (N,)."""
    return _mean({layer: relative_error(features[layer], target[layer]) for layer in layers}, layers)


def style_loss(
    features: Features,
    target: Mapping[str, Tensor],
    layers: Layers,
    *,
    measure: StyleMeasure = "relative",
    normalisation: GramNormalisation = "pixels",
) -> Tensor:
    """Style reconstruction (Johnson et al. 2016, eq. 4), weighted mean over ``layers``: (N,).

    ``target``: what :func:`style_target` makes of the painting, gram matrices (C, C) or (N, C, C), one for all pictures
    or one for each; for the measure ``feature`` features of the pictures' size.
    """
    losses: dict[str, Tensor] = {}
    for layer in layers:
        value = features[layer] if measure == "feature" else gram_matrix(features[layer], normalisation)
        wanted = target[layer].expand_as(value)
        losses[layer] = (value - wanted).flatten(1).square().sum(1) if measure == "frobenius" else relative_error(value, wanted)
    return _mean(losses, layers)


def style_target(
    features: Features, layers: Layers, *, measure: StyleMeasure = "relative", normalisation: GramNormalisation = "pixels"
) -> dict[str, Tensor]:
    """What :func:`style_loss` compares with, from the painting's features."""
    if measure == "feature":
        return {layer: features[layer].float() for layer in layers}
    return gram_matrices(features, layers, normalisation)


def _mean(losses: Mapping[str, Tensor], layers: Layers) -> Tensor:
    if not isinstance(layers, Mapping):
        return torch.stack(list(losses.values())).mean(0)
    return torch.stack([weight * losses[layer] for layer, weight in layers.items()]).sum(0) / sum(layers.values())


def total_variation(x: Tensor) -> Tensor:
    """Mean squared difference of neighbouring pixels of (N, C, H, W): (N,)."""
    vertical = (x[:, :, 1:] - x[:, :, :-1]).float().square().mean((1, 2, 3))
    horizontal = (x[:, :, :, 1:] - x[:, :, :, :-1]).float().square().mean((1, 2, 3))
    return vertical + horizontal


def lattice_loss(x: Tensor, period: int) -> Tensor:
    """How far (N, C, H, W) repeats itself with the network's own ``period``, in pixels: (N,).

    A network that upsamples can leave a faint grid, always at the same pixels (Odena et al. 2016, "Deconvolution and
    Checkerboard Artifacts"). What a photo or a painting holds falls on all pixels of a ``period`` x ``period`` cell alike, so
    the mean over all cells of a picture is the grid alone. This is its mean square. H and W are at least twice ``period``.
    """
    x = x.float()
    # A box of just one period takes the grid out and leaves slopes, such as a sky's.
    smooth = nn.functional.avg_pool2d(x, period, stride=1)
    height, width = (side // period * period for side in smooth.shape[-2:])
    top = left = period // 2
    detail = x[:, :, top : top + height, left : left + width] - smooth[:, :, :height, :width]
    grid = detail.unflatten(3, (-1, period)).unflatten(2, (-1, period)).mean((2, 4))
    return (grid - grid.mean((2, 3), keepdim=True)).square().mean((1, 2, 3))


def temporal_loss(second: Tensor, first_warped: Tensor, mask: Tensor, luminance_change: Tensor) -> Tensor:
    """Output-level temporal loss with the luminance term (Gao et al. 2018, ReCoNet, eq. 5): (N,).

    ``second`` and ``first_warped``: (N, 3, H, W), the painted second frame and the painted first one moved onto it.
    ``mask`` (N, 1, H, W): 1 where both show the same point. ``luminance_change`` (N, 1, H, W): how much brighter the
    input became there; the painting may follow it.
    """
    error = (second.float() - first_warped.float() - luminance_change).square() * mask
    return error.sum((1, 2, 3)) / (3.0 * mask.sum((1, 2, 3))).clamp_min(1.0)


def feature_temporal_loss(second: Tensor, first_warped: Tensor, mask: Tensor) -> Tensor:
    """Feature-level temporal loss (ReCoNet, eq. 4), relative to the features' energy: (N,)."""
    error = ((second.float() - first_warped.float()).square() * mask).sum((1, 2, 3))
    energy = (first_warped.detach().float().square() * mask).sum((1, 2, 3))
    return error / energy.clamp_min(1e-6)


def luminance(x: Tensor) -> Tensor:
    """Relative luminance of (N, 3, H, W) RGB: (N, 1, H, W)."""
    weights = torch.tensor(LUMA_WEIGHTS, device=x.device, dtype=x.dtype).view(1, 3, 1, 1)
    return (x * weights).sum(1, keepdim=True)
