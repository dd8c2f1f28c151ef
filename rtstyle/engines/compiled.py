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


class CompiledEngine:
    """Runs the network through TorchInductor in ``dtype``: by default bfloat16 where the processor has it, else float32.

    Every new shape compiles when first painted, which takes from seconds to a minute; a compiler that is not there shows then,
    as a RuntimeError.
    """

    name = "compiled"
    preferred_batch = 1

    def __init__(self, network: StyleNetwork, device: torch.device, dtype: torch.dtype | None = None) -> None:
        self.device = device
        self.dtype = dtype or fast_dtype(device)
        module = FrameNetwork(fold_upsampling(copy.deepcopy(network).float()), self.dtype).eval().to(device, self.dtype)
        self.module = module.to(memory_format=torch.channels_last)
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


def fast_dtype(device: torch.device) -> torch.dtype:
    """The fastest dtype that ``device`` computes in hardware."""
    if device.type == "cuda":
        return torch.float16
    if device.type == "cpu" and torch.ops.mkldnn._is_mkldnn_bf16_supported() and torch.cpu._is_avx512_bf16_supported():  # pyright: ignore[reportPrivateUsage]
        return torch.bfloat16
    return torch.float32
