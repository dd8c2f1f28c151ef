"""torch.compile: fused kernels for the machine at hand; needs a C++ compiler on a CPU, Triton on a GPU."""

from __future__ import annotations

import copy
import threading

import torch
from torch import Tensor

from rtstyle.engines.base import FrameNetwork
from rtstyle.engines.folding import fold_upsampling
from rtstyle.engines.stages import Lap
from rtstyle.nets import StyleNetwork
from rtstyle.precision import painting_dtype

SHAPES = 64


def allow_shapes() -> None:
    """Let the compiler make a version of a network for each of many shapes: after eight, its own limit, it goes on in eager."""
    import torch._dynamo.config as dynamo

    dynamo.recompile_limit = max(dynamo.recompile_limit, SHAPES)  # pyright: ignore[reportPrivateImportUsage]


class CompiledEngine:
    """Runs the network through TorchInductor in ``dtype``: by default the one in which the device is fastest.

    Every new shape compiles when first painted, which takes from seconds to a minute; a compiler that is not there shows then,
    as a RuntimeError.
    """

    name = "compiled"
    preferred_batch = 1

    def __init__(self, network: StyleNetwork, device: torch.device, dtype: torch.dtype | None = None) -> None:
        self.device = device
        self.dtype = dtype or painting_dtype(device)
        module = FrameNetwork(fold_upsampling(copy.deepcopy(network).float()), self.dtype).eval().to(device, self.dtype)
        self.module = module.to(memory_format=torch.channels_last)
        allow_shapes()
        self._compiled = torch.compile(self.module, dynamic=False)
        self._lock = threading.Lock()

    def __call__(self, frames: Tensor, style: Tensor) -> Tensor:
        return self.staged(frames, style, lambda _stage: None)

    def staged(self, frames: Tensor, style: Tensor, lap: Lap) -> Tensor:
        """Paint, and tell of each stage; see :mod:`rtstyle.engines.stages`."""
        # One call at a time: two threads must not trace the same graph at once. no_grad and not inference_mode, because
        # the compiler guards on inference tensors and would compile again for a caller that has it on.
        with self._lock, torch.inference_mode(False), torch.no_grad():
            sent, style = frames.to(self.device), style.to(self.device)
            lap("upload")
            painted = self._compiled(sent, style)
            lap("net")
            painted = painted.cpu()
            lap("download")
            return painted
