"""The pretrained classifiers whose features define content and style, and where their weights come from.

VGG-16 and VGG-19: Simonyan & Zisserman 2014 (arXiv 1409.1556). ResNet-18: He et al. 2015 (arXiv 1512.03385).
Layers are numbered as in torchvision's models, whose weight files (``.pth`` or ``.safetensors``) fit.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from rtstyle.errors import MissingWeightsError, UsageError, WeightsError


@dataclass(frozen=True)
class Backbone:
    """A classifier without its classifying end."""

    name: str
    title: str
    layers: Mapping[str, int]
    """Name of every layer that can be asked for -> its index in the module of :func:`build_backbone`."""
    content_layers: tuple[str, ...]
    """What represents content where nothing else is asked for."""
    style_layers: tuple[str, ...]

    @property
    def variable(self) -> str:
        """The environment variable that names a weights file."""
        return f"RTSTYLE_{self.name.upper()}"


def _vgg_layers(stages: tuple[int, ...]) -> dict[str, int]:
    """Index in torchvision's ``vgg.features`` of every ``relu{stage}_{n}``."""
    indices: dict[str, int] = {}
    index = 0
    for stage, convolutions in enumerate(stages, start=1):
        for n in range(1, convolutions + 1):
            indices[f"relu{stage}_{n}"] = index + 1
            index += 2
        index += 1  # max-pool
    return indices


VGG_STAGES = {"vgg16": (2, 2, 3, 3, 3), "vgg19": (2, 2, 4, 4, 4)}
"""Convolutions of each of the five stages."""
VGG_CHANNELS = (64, 128, 256, 512, 512)
RESNET_STEM = ("conv1", "bn1", "relu", "maxpool")

BACKBONES = {
    backbone.name: backbone
    for backbone in (
        Backbone("vgg19", "VGG-19", _vgg_layers(VGG_STAGES["vgg19"]), ("relu4_1",), ("relu1_1", "relu2_1", "relu3_1", "relu4_1")),
        Backbone("vgg16", "VGG-16", _vgg_layers(VGG_STAGES["vgg16"]), ("relu3_3",), ("relu1_2", "relu2_2", "relu3_3", "relu4_3")),
        Backbone(
            "resnet18",
            "ResNet-18",
            {"relu1": 2, **{f"block{stage}_{n}": 1 + 2 * stage + n for stage in (1, 2, 3, 4) for n in (1, 2)}},
            ("block2_2",),
            ("relu1", "block1_2", "block2_2", "block3_2"),
        ),
    )
}


def find_backbone(name: str) -> Backbone:
    """Look one up; raises :class:`UsageError`."""
    if name not in BACKBONES:
        raise UsageError(f"unknown loss network '{name}'; legal: {', '.join(BACKBONES)}")
    return BACKBONES[name]


def build_backbone(name: str, last: int) -> nn.Sequential:
    """The layers up to index ``last``, frozen and not yet initialised; keys of the state dict as in torchvision's files."""
    find_backbone(name)
    if name == "resnet18":
        return _resnet18(last)
    layers: list[nn.Module] = []
    channels = 3
    for convolutions, wide in zip(VGG_STAGES[name], VGG_CHANNELS, strict=True):
        for _ in range(convolutions):
            layers += [nn.Conv2d(channels, wide, 3, padding=1), nn.ReLU(inplace=True)]
            channels = wide
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers[: last + 1]).eval().requires_grad_(False)


def _resnet18(last: int) -> nn.Sequential:
    from torchvision.models import resnet18  # slow to import, and few need it

    model = resnet18(weights=None)
    parts: OrderedDict[str, nn.Module] = OrderedDict((name, model.get_submodule(name)) for name in RESNET_STEM)
    for stage in (1, 2, 3, 4):
        # Without the dot: torch allows none in a name. `load_backbone` puts it back.
        parts.update((f"layer{stage}_{n}", model.get_submodule(f"layer{stage}.{n}")) for n in (0, 1))
    return nn.Sequential(OrderedDict(list(parts.items())[: last + 1])).eval().requires_grad_(False)


def load_backbone(name: str, last: int, weights: Path | None = None) -> nn.Sequential:
    """The layers up to index ``last`` with the weights of a file, of ``$RTSTYLE_<NAME>`` or of torchvision's own download.

    Raises :class:`MissingWeightsError` where there is no such file, :class:`WeightsError` where it is damaged or of another
    network and where nothing can be downloaded.
    """
    backbone = find_backbone(name)
    module = build_backbone(name, last)
    if weights is None and os.environ.get(backbone.variable):
        weights = Path(os.environ[backbone.variable])
    state = _download(backbone) if weights is None else _read(weights, backbone)
    wanted = module.state_dict()
    fitted: dict[str, Tensor] = {}
    for key, value in wanted.items():
        stored = f"features.{key}" if name.startswith("vgg") else key.replace("_0.", ".0.", 1).replace("_1.", ".1.", 1)
        if stored.endswith("num_batches_tracked"):
            fitted[key] = value
            continue
        found = state.get(stored) if isinstance(state, Mapping) else None
        if not isinstance(found, Tensor) or found.shape != value.shape:
            origin = weights or "the download"
            raise WeightsError(f"{origin} is not a {backbone.title} in torchvision's naming: {stored} is missing or misshapen")
        fitted[key] = found.float()
    module.load_state_dict(fitted)
    return module


def _read(path: Path, backbone: Backbone) -> Any:
    """Whatever the file holds."""
    if not os.path.isfile(path):
        raise MissingWeightsError(
            f"no loss network at {path}; give a {backbone.title} file with --loss-weights or ${backbone.variable}"
        )
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        # torch explains itself over a page; what helps is which file would do.
        raise WeightsError(
            f"{path} is not a readable weights file ({type(error).__name__}); "
            f"give a {backbone.title} of torchvision's, .pth or .safetensors"
        ) from error


def _download(backbone: Backbone) -> Any:
    from torchvision.models import get_model_weights

    try:
        return get_model_weights(backbone.name).IMAGENET1K_V1.get_state_dict(progress=True, check_hash=True)  # type: ignore[attr-defined]
    except Exception as error:
        raise WeightsError(
            f"could not download {backbone.title} ({error}); fetch it once by hand and give it with --loss-weights FILE "
            f"or ${backbone.variable}"
        ) from error
