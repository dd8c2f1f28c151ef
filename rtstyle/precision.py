"""In which number format a device computes fastest."""

from __future__ import annotations

import functools
import time

import torch

CHANNELS = 64
SIDE = 128
TURNS = 16
"""Enough that each format is met once undisturbed on a busy machine."""
WORTH = 1.1
"""How many times as fast bfloat16 has to be: it costs some of the picture's exactness."""


def painting_dtype(device: torch.device) -> torch.dtype:
    """For networks that paint: float16 on a GPU, bfloat16 on a CPU that is faster in it, else float32."""
    if device.type == "cuda":
        return torch.float16
    return _cpu_dtype() if device.type == "cpu" else torch.float32


def training_dtype(device: torch.device) -> torch.dtype:
    """For networks in training: bfloat16 where the device is faster in it, float16 on older GPUs, else float32."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    return _cpu_dtype() if device.type == "cpu" else torch.float32


def autocast(device: torch.device, precision: torch.dtype) -> torch.autocast:
    """A context in which networks run in ``precision``."""
    return torch.autocast(device.type, dtype=precision, enabled=precision is not torch.float32)


@functools.cache
def bfloat16_pays() -> bool:
    """Whether this machine's CPU convolves faster in bfloat16 than in float32: tried, in a fifth of a second, and remembered.

    That it has the instructions does not tell. Where a virtual machine shows an Intel Xeon's AVX-512 bf16 and hides its AMX,
    bfloat16 takes longer than float32; on an AMD EPYC it takes half as long.
    """
    if not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        return False
    seconds: dict[torch.dtype, list[float]] = {torch.float32: [], torch.bfloat16: []}
    for turn in range(1 + TURNS):  # the first warms up
        for dtype, found in seconds.items():
            taken = seconds_of_convolution(dtype)
            if turn:
                found.append(taken)
    return WORTH * min(seconds[torch.bfloat16]) < min(seconds[torch.float32])


@torch.inference_mode()
def seconds_of_convolution(dtype: torch.dtype) -> float:
    """How long one 3x3 convolution of the kind that networks are made of takes in ``dtype``."""
    maps = torch.ones(1, CHANNELS, SIDE, SIDE, dtype=dtype).to(memory_format=torch.channels_last)
    kernels = torch.ones(CHANNELS, CHANNELS, 3, 3, dtype=dtype).to(memory_format=torch.channels_last)
    begun = time.perf_counter()
    torch.nn.functional.conv2d(maps, kernels, padding=1)
    return time.perf_counter() - begun


def _cpu_dtype() -> torch.dtype:
    return torch.bfloat16 if bfloat16_pays() else torch.float32
