"""CUDA graphs in half precision: what a GPU does per frame, recorded once per shape and replayed.

Bytes travel over the bus, and both pixel crossings run on the device. A call is cut into parts that take turns in two
slots (:mod:`rtstyle.engines.parts`), each with its own graph, its own device buffers and its own locked host memory. Uploads,
replays and downloads have a stream each, and wait for one another by events.
"""

from __future__ import annotations

import copy
import threading
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn

from rtstyle.engines.base import CAPTURING, SURVIVED, FrameNetwork
from rtstyle.engines.compiled import allow_shapes
from rtstyle.engines.folding import fold_upsampling
from rtstyle.engines.parts import Parts, Shape
from rtstyle.engines.stages import Lap
from rtstyle.nets import StyleNetwork

SIZES = (1, 2, 4, 8, 16)
"""Frames of a part, of which the fastest is chosen."""
FIRST_SIZE = 2
FUSED_SIZE = 4
"""The same where every size is a compilation of its own; a few frames at once fill the device at most sizes."""
WARM_UPS = 3
TRIALS = 5

_RECORDING = threading.Lock()
"""One recording at a time in the whole process, whose flags of cuDNN are those of all threads."""

Kind = Literal["lean", "plain", "fused"]
"""``lean``: between the convolutions our own Triton kernels, which are ready in seconds. ``plain``: PyTorch's, which need no
compiler at all. ``fused``: what torch.compile makes of the network, norms and their neighbours in one kernel each; a new
shape then takes up to a minute at its first call."""
NAMES: dict[Kind, str] = {"lean": "cuda-lean", "plain": "cuda", "fused": "cuda-fused"}


@dataclass(frozen=True)
class _Streams:
    """One for each direction of the bus and one for the network."""

    upload: torch.cuda.Stream
    compute: torch.cuda.Stream
    download: torch.cuda.Stream


class _GraphSlot:
    """A recorded forward pass and the memory on both ends of its bus; see :class:`rtstyle.engines.parts.Slot`."""

    def __init__(self, module: nn.Module, shape: Shape, style_size: int, streams: _Streams) -> None:
        self._streams = streams
        compute, device = streams.compute, streams.compute.device
        self._frames = torch.zeros(shape, dtype=torch.uint8, device=device)
        self._style = torch.zeros(shape[0], style_size, device=device)
        # The weights and these buffers were written on the current stream.
        compute.wait_stream(torch.cuda.current_stream(device))
        self._graph = torch.cuda.CUDAGraph()
        # Another engine may paint in another thread meanwhile; what that does to the device is no part of the recording.
        recording = torch.cuda.graph(self._graph, stream=compute, capture_error_mode="thread_local")
        # A recording that fails leaves its stream to the caller, so the stream is entered, and left, out here.
        with torch.cuda.stream(compute):
            # Libraries choose their kernels, the fastest of those they have, before anything is recorded; they remember them.
            with torch.backends.cudnn.flags(enabled=True, benchmark=True):
                for _ in range(WARM_UPS):
                    module(self._frames, self._style)
                compute.synchronize()
            with CAPTURING, recording:
                self._painted = module(self._frames, self._style).contiguous()
        # The bus reads and writes at full speed, and beside everything else, in locked memory only.
        self._sent = torch.empty(shape, dtype=torch.uint8, pin_memory=True)
        self._sent_style = torch.empty(self._style.shape, pin_memory=True)
        self._received = torch.empty(shape, dtype=torch.uint8, pin_memory=True)
        self._uploaded, self._replayed, self._downloaded = torch.cuda.Event(), torch.cuda.Event(), torch.cuda.Event()
        self._into: Tensor | None = None
        """Where the result is wanted; None while the slot is free."""

    def send(self, frames: Tensor, styles: Tensor) -> None:
        # Nobody reads the locked memory or the device's any more: finish() has waited for the download that came last.
        count = len(frames)
        self._sent[:count].copy_(frames)
        self._sent_style[:count].copy_(styles)
        with torch.cuda.stream(self._streams.upload):
            self._frames.copy_(self._sent, non_blocking=True)
            self._style.copy_(self._sent_style, non_blocking=True)
            self._uploaded.record()

    def paint(self) -> None:
        with torch.cuda.stream(self._streams.compute):
            self._streams.compute.wait_event(self._uploaded)
            self._graph.replay()
            self._replayed.record()

    def fetch(self, into: Tensor) -> None:
        with torch.cuda.stream(self._streams.download):
            self._streams.download.wait_event(self._replayed)
            self._received.copy_(self._painted, non_blocking=True)
            self._downloaded.record()
        self._into = into

    def finish(self) -> None:
        if self._into is not None:
            into, self._into = self._into, None
            self._downloaded.synchronize()
            into.copy_(self._received[: len(into)])

    def seconds(self) -> float:
        laps = [torch.cuda.Event(enable_timing=True) for _ in range(TRIALS + 1)]
        with torch.cuda.stream(self._streams.compute):
            # Before the clock starts: it wakes the device, which is then never seen waiting for the launches behind it.
            self._graph.replay()
            laps[0].record()
            for lap in laps[1:]:
                self._graph.replay()
                lap.record()
        laps[-1].synchronize()
        return min(begin.elapsed_time(end) for begin, end in pairwise(laps)) / 1e3


def _recorded(module: nn.Module, shape: Shape, style_size: int, streams: _Streams) -> _GraphSlot:
    try:
        with _RECORDING:
            return _GraphSlot(module, shape, style_size, streams)
    except SURVIVED:
        raise
    except Exception as error:  # those of Triton and of the compiler that it calls have no base in common
        raise RuntimeError(f"{type(error).__name__}: {error}") from error


class CudaEngine:
    """Replays CUDA graphs of the network in ``dtype``, channels last; ``kind`` as in :data:`Kind`.

    Calls from several threads take turns. Raises RuntimeError (no Triton and out of memory included) where a graph cannot be
    recorded, and NotImplementedError where there are no ``lean`` kernels for the network.
    """

    def __init__(self, network: StyleNetwork, device: torch.device, dtype: torch.dtype = torch.float16, *, kind: Kind) -> None:
        self.device = device
        self.name = NAMES[kind]
        self.module = _module(network, kind, dtype).eval().to(device, dtype).to(memory_format=torch.channels_last)
        run: nn.Module = self.module
        if kind == "fused":
            allow_shapes()
            run = torch.compile(self.module, dynamic=False)  # pyright: ignore[reportAssignmentType]
        with torch.cuda.device(device):
            streams = _Streams(*(torch.cuda.Stream(device) for _ in range(3)))
        sizes, first = ((FUSED_SIZE,), FUSED_SIZE) if kind == "fused" else (SIZES, FIRST_SIZE)
        self.parts = Parts(lambda shape: _recorded(run, shape, network.style_size, streams), sizes, size=first)
        self._lock = threading.Lock()

    @property
    def preferred_batch(self) -> int:
        """Frames that keep all three streams busy."""
        return self.parts.preferred_batch

    def __call__(self, frames: Tensor, style: Tensor) -> Tensor:
        with self._lock, torch.cuda.device(self.device), torch.inference_mode(False), torch.no_grad():
            return self.parts.paint(frames, style.expand(len(frames), -1))

    def remembers(self, shape: Shape) -> bool:
        """Whether frames of this shape need no recording; asked without waiting for one that is under way."""
        return self.parts.holds(shape)

    def staged(self, frames: Tensor, style: Tensor, lap: Lap) -> Tensor:
        """Paint, and tell of each stage; see :mod:`rtstyle.engines.stages`."""
        with self._lock, torch.cuda.device(self.device), torch.inference_mode(False), torch.no_grad():
            return self.parts.staged(frames, style.expand(len(frames), -1), lap)

    def measure_batch(self, height: int, width: int) -> int:
        """:meth:`Parts.measure` for this device."""
        with self._lock, torch.cuda.device(self.device), torch.inference_mode(False), torch.no_grad():
            batch = self.parts.measure(height, width)
            with CAPTURING:
                torch.cuda.empty_cache()
            return batch


def _module(network: StyleNetwork, kind: Kind, dtype: torch.dtype) -> nn.Module:
    network = copy.deepcopy(network).float()
    if kind != "lean":
        return FrameNetwork(fold_upsampling(network), dtype)
    from rtstyle.engines.lean import LeanNetwork

    return LeanNetwork(network, dtype)
