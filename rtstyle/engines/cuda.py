"""CUDA graphs in half precision: what a GPU does per frame, recorded once per shape and replayed.

Bytes travel over the bus, and both pixel crossings run on the device. A call is cut into parts that take turns in two
slots, each with its own graph, its own device buffers and its own locked host memory. Uploads, replays and downloads have
a stream each: while one part is painted, the next is sent and the one before comes back.
"""

from __future__ import annotations

import copy
import threading
from collections import OrderedDict

import torch
from torch import Tensor

from rtstyle.engines.base import FrameNetwork
from rtstyle.engines.folding import fold_upsampling
from rtstyle.nets import StyleNetwork

SHAPES_KEPT = 4
"""Shapes whose graphs are kept, the latest used; each holds the memory of two forward passes."""
SLOTS = 2
PARTS = 4
"""Parts of a preferred batch: with four of them three quarters of the copying is hidden."""
SIZES = (1, 2, 4, 8, 16)
"""Frames of a part, of which the fastest is chosen."""
FUSED_SIZE = 4
WORTHWHILE = 0.97
"""A larger part must take less than this share of the time a frame to be worth its memory and latency."""
WARM_UPS = 3


class _Slot:
    """A recorded forward pass and the memory on both ends of its bus."""

    def __init__(self, module: torch.nn.Module, shape: tuple[int, ...], style_size: int, stream: torch.cuda.Stream) -> None:
        device = stream.device
        self.frames = torch.zeros(shape, dtype=torch.uint8, device=device)
        self.style = torch.zeros(shape[0], style_size, device=device)
        with torch.cuda.stream(stream):
            for _ in range(WARM_UPS):  # libraries choose their kernels before anything is recorded
                module(self.frames, self.style)
        stream.synchronize()
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph, stream=stream):
            self.painted = module(self.frames, self.style).contiguous()
        # The bus reads at full speed from locked memory only.
        self.sent = torch.empty(shape, dtype=torch.uint8, pin_memory=True)
        self.sent_style = torch.empty(self.style.shape, pin_memory=True)
        self.received = torch.empty(shape, dtype=torch.uint8, pin_memory=True)
        self.uploaded, self.replayed, self.downloaded = torch.cuda.Event(), torch.cuda.Event(), torch.cuda.Event()
        self.into: Tensor | None = None
        """Where the result is wanted; None while the slot is free."""


class CudaEngine:
    """Replays CUDA graphs of the network in float16, channels_last.

    ``fused``: the graph is of what torch.compile made of the network, norms and their neighbours in one Triton kernel each;
    a new shape then takes up to a minute at its first call. Calls from several threads take turns. Raises RuntimeError
    (no Triton and out of memory included) where a graph cannot be recorded.
    """

    def __init__(
        self, network: StyleNetwork, device: torch.device, dtype: torch.dtype = torch.float16, *, fused: bool = False
    ) -> None:
        self.device = device
        self.name = "cuda-fused" if fused else "cuda"
        module = FrameNetwork(fold_upsampling(copy.deepcopy(network).float()), dtype).eval().to(device, dtype)
        module = module.to(memory_format=torch.channels_last)
        self.module: torch.nn.Module = torch.compile(module, dynamic=False) if fused else module  # pyright: ignore[reportAttributeAccessIssue]
        self.part = 2
        # Every size is a compilation of its own; a few frames at once fill the device at most sizes.
        self._sizes = (FUSED_SIZE,) if fused else SIZES
        self._style_size = network.style_size
        self._upload, self._compute, self._download = (torch.cuda.Stream(device) for _ in range(3))
        self._slots: OrderedDict[tuple[int, ...], list[_Slot]] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def preferred_batch(self) -> int:
        """Frames that keep all three streams busy."""
        return PARTS * self.part

    def __call__(self, frames: Tensor, style: Tensor) -> Tensor:
        styles, painted = style.expand(len(frames), -1), torch.empty_like(frames)
        size = min(self.part, len(frames))
        with self._lock, torch.cuda.device(self.device), torch.inference_mode(False), torch.no_grad():
            used: list[_Slot] = []
            for turn, first in enumerate(range(0, len(frames), size)):
                part = slice(first, first + size)
                slot = self._slot(tuple(frames[part].shape), turn % SLOTS)
                self._finish(slot)
                self._start(slot, frames[part], styles[part], painted[part])
                used.append(slot)
            for slot in used:
                self._finish(slot)
        return painted

    def _start(self, slot: _Slot, frames: Tensor, styles: Tensor, into: Tensor) -> None:
        slot.sent.copy_(frames)
        slot.sent_style.copy_(styles)
        with torch.cuda.stream(self._upload):
            slot.frames.copy_(slot.sent, non_blocking=True)
            slot.style.copy_(slot.sent_style, non_blocking=True)
            slot.uploaded.record()
        with torch.cuda.stream(self._compute):
            self._compute.wait_event(slot.uploaded)
            slot.graph.replay()
            slot.replayed.record()
        with torch.cuda.stream(self._download):
            self._download.wait_event(slot.replayed)
            slot.received.copy_(slot.painted, non_blocking=True)
            slot.downloaded.record()
        slot.into = into

    @staticmethod
    def _finish(slot: _Slot) -> None:
        if slot.into is not None:
            into, slot.into = slot.into, None
            slot.downloaded.synchronize()
            into.copy_(slot.received)

    def measure_batch(self, height: int, width: int) -> int:
        """Set :attr:`part` to the fastest that fits the memory, for frames of this size; returns :attr:`preferred_batch`."""
        best, best_seconds = 1, float("inf")
        for size in self._sizes:
            try:
                seconds = self._seconds(size, height, width) / size
            except torch.OutOfMemoryError:
                self._slots.pop((size, height, width, 3), None)
                torch.cuda.empty_cache()
                break
            if seconds > WORTHWHILE * best_seconds:
                break
            best, best_seconds = size, seconds
        self.part = best
        return self.preferred_batch

    def _seconds(self, size: int, height: int, width: int) -> float:
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        with self._lock, torch.cuda.device(self.device), torch.inference_mode(False), torch.no_grad():
            # Both slots, or the memory that painting takes would be counted by half.
            slots = [self._slot((size, height, width, 3), turn) for turn in range(SLOTS)]
            with torch.cuda.stream(self._compute):
                begin.record()
                for _ in range(WARM_UPS):
                    slots[0].graph.replay()
                end.record()
        end.synchronize()
        return begin.elapsed_time(end) / 1e3 / WARM_UPS

    def _slot(self, shape: tuple[int, ...], turn: int) -> _Slot:
        slots = self._slots.setdefault(shape, [])
        self._slots.move_to_end(shape)
        while len(self._slots) > SHAPES_KEPT:
            _, old = self._slots.popitem(last=False)
            for slot in old:
                self._finish(slot)
        while len(slots) <= turn:
            slots.append(_Slot(self.module, shape, self._style_size, self._compute))
        return slots[turn]
