"""CUDA graphs in half precision: what a GPU does per frame, recorded once per shape and replayed."""

from __future__ import annotations

import copy
import threading
from collections import OrderedDict
from dataclasses import dataclass

import torch
from torch import Tensor

from rtstyle.engines.base import FrameNetwork
from rtstyle.nets import StyleNetwork

SHAPES_KEPT = 4
"""Recorded graphs kept, the latest used; each holds the memory of one forward pass."""
BATCHES = (1, 2, 4, 8, 16)
WORTHWHILE = 0.97
"""A larger batch must take less than this share of the time a frame to be worth its memory and latency."""
WARM_UPS = 3


@dataclass
class _Graph:
    graph: torch.cuda.CUDAGraph
    frames: Tensor
    style: Tensor
    painted: Tensor
    sent: tuple[Tensor, Tensor]
    """Pinned host copies of frames and style: the bus reads from locked memory only at full speed."""
    received: Tensor


class CudaEngine:
    """Replays CUDA graphs of the network in float16, channels_last, with uint8 pictures over the bus.

    Calls from several threads take turns. Raises RuntimeError (out of memory included) where a graph cannot be recorded.
    """

    name = "cuda"

    def __init__(self, network: StyleNetwork, device: torch.device, dtype: torch.dtype = torch.float16) -> None:
        self.device = device
        module = FrameNetwork(copy.deepcopy(network), dtype).eval().to(device, dtype)
        self.module = module.to(memory_format=torch.channels_last)
        self.preferred_batch = 8
        self._style_size = network.style_size
        self._stream = torch.cuda.Stream(device)
        self._graphs: OrderedDict[tuple[int, ...], _Graph] = OrderedDict()
        self._lock = threading.Lock()

    @torch.inference_mode()
    def __call__(self, frames: Tensor, style: Tensor) -> Tensor:
        with self._lock, torch.cuda.device(self.device), torch.cuda.stream(self._stream):
            plan = self._plan(tuple(frames.shape))
            plan.sent[0].copy_(frames)
            plan.sent[1].copy_(style.expand(len(frames), -1))
            plan.frames.copy_(plan.sent[0], non_blocking=True)
            plan.style.copy_(plan.sent[1], non_blocking=True)
            plan.graph.replay()
            plan.received.copy_(plan.painted, non_blocking=True)
            self._stream.synchronize()
            return plan.received.clone()

    def measure_batch(self, height: int, width: int) -> int:
        """Set :attr:`preferred_batch` to the fastest that fits the memory, for frames of this size, and return it."""
        best, best_seconds = 1, float("inf")
        for batch in BATCHES:
            try:
                seconds = self._seconds(batch, height, width) / batch
            except torch.OutOfMemoryError:
                torch.cuda.empty_cache()
                break
            if seconds > WORTHWHILE * best_seconds:
                break
            best, best_seconds = batch, seconds
        self.preferred_batch = best
        return best

    def _seconds(self, batch: int, height: int, width: int) -> float:
        frames, style = torch.zeros(batch, height, width, 3, dtype=torch.uint8), torch.zeros(self._style_size)
        self(frames, style)
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        with self._lock, torch.cuda.stream(self._stream):
            graph = self._graphs[tuple(frames.shape)].graph
            begin.record()
            for _ in range(WARM_UPS):
                graph.replay()
            end.record()
        end.synchronize()
        return begin.elapsed_time(end) / 1e3 / WARM_UPS

    def _plan(self, shape: tuple[int, ...]) -> _Graph:
        if shape not in self._graphs:
            while len(self._graphs) >= SHAPES_KEPT:
                self._graphs.popitem(last=False)
            self._graphs[shape] = self._record(shape)
        self._graphs.move_to_end(shape)
        return self._graphs[shape]

    def _record(self, shape: tuple[int, ...]) -> _Graph:
        frames = torch.zeros(shape, dtype=torch.uint8, device=self.device)
        style = torch.zeros(shape[0], self._style_size, device=self.device)
        for _ in range(WARM_UPS):  # cuDNN chooses its kernels before anything is recorded
            self.module(frames, style)
        self._stream.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, stream=self._stream):
            painted = self.module(frames, style)
        sent = torch.empty(shape, dtype=torch.uint8, pin_memory=True), torch.empty(style.shape, pin_memory=True)
        return _Graph(graph, frames, style, painted, sent, torch.empty(shape, dtype=torch.uint8, pin_memory=True))
