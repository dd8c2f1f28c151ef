"""What is minimised: one photo's content, one painting's style, smoothness."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from rtstyle.optimize.config import OptimizeConfig
from rtstyle.perceptual.losses import content_loss, style_loss, style_target, total_variation
from rtstyle.pixels import Pixels, Size, resize, scaled_size, to_float


@dataclass(frozen=True)
class Losses:
    """Weighted sum and unweighted parts."""

    total: float
    content: float
    style: float
    variation: float


class PictureLoss:
    """The loss of pictures of one size for one photo and one painting."""

    def __init__(
        self, config: OptimizeConfig, loss_network: nn.Module, photo: Pixels, painting: Pixels, device: torch.device
    ) -> None:
        """``photo``: uint8 (H, W, 3), as large as the pictures will be; ``painting`` likewise, see :func:`fit_painting`."""
        self.config = config
        self.loss_network = loss_network
        self.device = device
        with torch.no_grad():
            features = loss_network(as_picture(photo, device))
            self.content = {layer: features[layer] for layer in config.content_layers}
            self.style = style_target(
                loss_network(as_picture(painting, device)),
                config.style_layers,
                measure=config.style_measure,
                normalisation=config.gram_normalisation,
            )

    def __call__(self, picture: Tensor) -> tuple[Tensor, Losses]:
        """The total of a picture (1, 3, H, W) in [0, 1], to differentiate, and all parts as numbers."""
        config = self.config
        features = self.loss_network(picture)
        content = content_loss(features, self.content, config.content_layers)[0]
        style = style_loss(
            features,
            self.style,
            config.style_layers,
            measure=config.style_measure,
            normalisation=config.gram_normalisation,
        )[0]
        variation = total_variation(picture)[0]
        total = config.content_weight * content + config.style_weight * style + config.total_variation_weight * variation
        numbers = torch.stack((total, content, style, variation)).tolist()
        return total, Losses(*numbers)

    @torch.no_grad()
    def measure(self, picture: Pixels) -> Losses:
        """The losses of a finished picture, uint8 (H, W, 3) of the photo's size."""
        return self(as_picture(picture, self.device))[1]


def as_picture(pixels: Pixels, device: torch.device) -> Tensor:
    """uint8 (H, W, 3) -> float (1, 3, H, W) in [0, 1]."""
    return to_float(torch.from_numpy(pixels.copy())[None].to(device))


def fit_painting(painting: Pixels, config: OptimizeConfig, size: Size, finest: Size) -> Pixels:
    """The painting as it is compared with pictures of ``size``, where ``finest`` is the size of the result."""
    if config.style_measure == "feature":  # place by place, so of the same size
        return resize(painting, size)
    # As large in proportion as at the finest scale: strokes keep their place in the picture.
    side = max(32, round(config.painting_size * min(size) / min(finest)))
    height, width = painting.shape[:2]
    return resize(painting, scaled_size((height, width), side))
