"""OpenVINO: the fastest way on a CPU, and it needs no compiler at the user's.

The graph takes and gives bytes, so both pixel crossings are fused into it; for the ``live`` network they come as cells of
2x2 pixels. It is compiled once for every picture size; reshaping a compiled one costs the plug-in its static memory plan
and a good part of its speed.

Eight-bit integers were tried and left out: NNCF's post-training quantization of the convolutions alone, calibrated on 30
photos, takes 7.5 core-milliseconds where bf16 takes 10.0 and stays above 41 dB for the 14 bundled styles, but falls to 25
dB at strength 1.5: its ranges hold for what they were measured on only. With the norms quantized too it is 26 to 35 dB.
"""

from __future__ import annotations

import copy
import functools
import importlib
import threading
import warnings
from collections import OrderedDict
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from rtstyle.engines.base import FrameNetwork
from rtstyle.engines.folding import CellNetwork, fold_upsampling
from rtstyle.errors import MissingDependencyError
from rtstyle.nets import StyleNetwork
from rtstyle.nets.transformer import TransformerNet
from rtstyle.pixels import Pixels, from_cells, pad_pixels, to_cells
from rtstyle.precision import bfloat16_pays
from rtstyle.system.cores import usable_cores

Precision = Literal["auto", "bf16", "f32"]

SIZES_KEPT = 12
"""Compiled graphs kept, the latest used; bounds memory where every picture has a size of its own."""
REQUESTS_PER_STREAM = 2
"""One at work and one ready to follow."""


class OpenVinoEngine:
    """Runs the network with OpenVINO's CPU plug-in. Calls from several threads take turns.

    Batches are spread over one stream a core, picture by picture, which beats all cores at one picture; a single
    picture gets all cores. ``precision``: ``auto`` is bf16 where the processor is faster in it, else f32.

    Raises :class:`MissingDependencyError` without the package.
    """

    name = "openvino"

    def __init__(self, network: StyleNetwork, *, precision: Precision = "auto", threads: int | None = None) -> None:
        try:
            self._ov: Any = importlib.import_module("openvino")
        except ImportError:
            raise missing_openvino() from None
        self._core = shared_core()
        self.threads = threads or usable_cores()
        self.preferred_batch = REQUESTS_PER_STREAM * self.threads
        if precision == "auto":
            has_it = "BF16" in self._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
            precision = "bf16" if has_it and bfloat16_pays() else "f32"
        self.precision = precision
        folded = fold_upsampling(copy.deepcopy(network).float())
        self._module: CellNetwork | FrameNetwork = FrameNetwork(folded)
        if isinstance(folded, TransformerNet) and folded.config.in_cells:
            self._module = CellNetwork(folded)
        self._module.eval()
        self._in_cells = isinstance(self._module, CellNetwork)
        self._multiple = network.multiple
        self._style_size = network.style_size
        self._plans: OrderedDict[tuple[int, int, bool], list[_Request]] = OrderedDict()
        self._lock = threading.Lock()

    def __call__(self, frames: Tensor, style: Tensor) -> Tensor:
        count, height, width = frames.shape[:3]
        pictures = np.ascontiguousarray(frames.numpy())
        styles = np.ascontiguousarray(style.float().expand(count, -1).numpy())
        painted = np.empty_like(pictures)
        with self._lock:
            self._run(self._plan(height, width, many=count > 1), pictures, styles, painted)
        return torch.from_numpy(painted)

    def remembers(self, shape: tuple[int, ...]) -> bool:
        """Whether frames of this shape need no compilation; asked without waiting for one that is under way."""
        count, height, width = shape[:3]
        return self._key(height, width, many=count > 1) in self._plans

    @staticmethod
    def _run(requests: list[_Request], pictures: Pixels, styles: Any, painted: Pixels) -> None:
        count, room = len(pictures), len(requests)
        for i in range(count + room):
            if i >= room and i - room < count:
                requests[i % room].finish(painted[i - room])
            if i < count:
                requests[i % room].start(pictures[i], styles[i])

    def _key(self, height: int, width: int, *, many: bool) -> tuple[int, int, bool]:
        alone, together = (height, width, False), (height, width, True)
        if many:
            return together
        # A film's short last batch is not worth a graph of its own; who began with single pictures has one for them.
        return together if together in self._plans and alone not in self._plans else alone

    def _plan(self, height: int, width: int, *, many: bool) -> list[_Request]:
        """The requests of the graph for this size, compiled when first asked for."""
        key = self._key(height, width, many=many)
        if key not in self._plans:
            while len(self._plans) >= SIZES_KEPT:
                self._plans.popitem(last=False)
            streams = self.threads if many else 1
            options = {
                "INFERENCE_PRECISION_HINT": self.precision,
                "INFERENCE_NUM_THREADS": self.threads,
                "NUM_STREAMS": streams,
                # The share of the cores is the caller's to decide, also where two of them are threads of one.
                "ENABLE_HYPER_THREADING": True,
                "ENABLE_CPU_PINNING": False,
            }
            compiled = self._core.compile_model(self._converted(height, width), "CPU", options)
            count = REQUESTS_PER_STREAM * streams if many else 1
            self._plans[key] = [self._request(compiled, height, width) for _ in range(count)]
        self._plans.move_to_end(key)
        return self._plans[key]

    def _request(self, compiled: Any, height: int, width: int) -> _Request:
        picture, style, painted = self._shapes(height, width)
        return _Request(
            self._ov,
            compiled,
            np.zeros(picture, np.uint8),
            np.zeros(style, np.float32),
            np.zeros(painted, np.uint8),
            multiple=self._multiple if self._in_cells else None,
        )

    def _shapes(self, height: int, width: int) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
        """Of what the graph takes (picture and style) and gives."""
        if not self._in_cells:
            return (1, height, width, 3), (1, self._style_size), (1, height, width, 3)
        rows, columns = ((side + -side % self._multiple) // 2 for side in (height, width))
        return (1, rows + 2, columns + 2, 12), (1, self._style_size), (1, rows, columns, 12)

    def _converted(self, height: int, width: int) -> Any:
        picture, style, _ = self._shapes(height, width)
        example = (torch.zeros(picture, dtype=torch.uint8), torch.zeros(style))
        with warnings.catch_warnings():
            # Tracing warns that sizes become constants: they are meant to.
            warnings.simplefilter("ignore")
            # OpenVINO would trace by itself, and then compare with a second run, which takes as long as all the rest.
            traced = torch.jit.freeze(torch.jit.trace(self._module, example, check_trace=False))
            model = self._ov.convert_model(traced, example_input=example)
        model.reshape({port: list(value.shape) for port, value in zip(model.inputs, example, strict=True)})
        return model


class _Request:
    """A picture on its way through a graph, and the memory that the graph reads and writes."""

    def __init__(self, ov: Any, compiled: Any, sent: Pixels, style: Any, received: Pixels, *, multiple: int | None) -> None:
        """``multiple``: that of a network which takes cells; None for one that takes pictures."""
        self._sent, self._style, self._received, self._multiple = sent, style, received, multiple
        self._request = compiled.create_infer_request()
        self._request.set_input_tensor(0, ov.Tensor(sent, shared_memory=True))
        self._request.set_input_tensor(1, ov.Tensor(style, shared_memory=True))
        self._request.set_output_tensor(0, ov.Tensor(received, shared_memory=True))

    def start(self, picture: Pixels, style: Any) -> None:
        """Begin to paint uint8 (H, W, 3) in the style (D,)."""
        if self._multiple is None:
            self._sent[0] = picture
        else:
            to_cells(pad_pixels(picture, self._multiple)[None], self._sent)
        self._style[0] = style
        self._request.start_async()

    def finish(self, painted: Pixels) -> None:
        """Wait for the painting and write it into uint8 (H, W, 3)."""
        self._request.wait()
        height, width = painted.shape[:2]
        rows, columns = self._received.shape[1:3]
        if self._multiple is None:
            painted[...] = self._received[0]
        elif (2 * rows, 2 * columns) == (height, width):
            from_cells(self._received, painted[None])
        else:
            whole = np.empty((1, 2 * rows, 2 * columns, 3), np.uint8)
            from_cells(self._received, whole)
            painted[...] = whole[0, :height, :width]


@functools.cache
def shared_core() -> Any:
    """The process's one ``openvino.Core``.

    Each one puts a signal stack of its own in the place of the thread's, and takes it away when it goes. Where the first of
    two goes first, the second brings back the first's, which is no more: the next signal, Ctrl-C say, then kills the process.
    """
    return importlib.import_module("openvino").Core()


def missing_openvino() -> MissingDependencyError:
    """What to say where the package is not installed."""
    return MissingDependencyError("openvino", extra="openvino", purpose="the engine 'openvino'")
