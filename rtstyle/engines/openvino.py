"""OpenVINO: the fastest way on a CPU, and it needs no compiler at the user's.

The graph takes and gives uint8 pictures, so both pixel crossings are fused into it. It is compiled once for every
picture size; reshaping a compiled one costs the plug-in its static memory plan and a good part of its speed.
"""

from __future__ import annotations

import copy
import importlib
import os
import threading
import warnings
from collections import OrderedDict
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from rtstyle.engines.base import FrameNetwork
from rtstyle.engines.folding import fold_upsampling
from rtstyle.errors import MissingDependencyError
from rtstyle.nets import StyleNetwork
from rtstyle.pixels import Pixels

Precision = Literal["auto", "bf16", "f32"]

SIZES_KEPT = 12
"""Compiled graphs kept, the latest used; bounds memory where every picture has a size of its own."""
REQUESTS_PER_STREAM = 2
"""One at work and one ready to follow."""


class OpenVinoEngine:
    """Runs the network with OpenVINO's CPU plug-in. Calls from several threads take turns.

    Batches are spread over one stream a core, picture by picture, which beats all cores at one picture; a single
    picture gets all cores. ``precision``: ``auto`` is bf16 where the processor has it in hardware, else f32.

    Raises :class:`MissingDependencyError` without the package.
    """

    name = "openvino"

    def __init__(self, network: StyleNetwork, *, precision: Precision = "auto", threads: int | None = None) -> None:
        try:
            self._ov: Any = importlib.import_module("openvino")
        except ImportError:
            raise missing_openvino() from None
        self._core = self._ov.Core()
        self.threads = threads or os.cpu_count() or 1
        self.preferred_batch = REQUESTS_PER_STREAM * self.threads
        if precision == "auto":
            precision = "bf16" if "BF16" in self._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES") else "f32"
        self.precision = precision
        self._module = FrameNetwork(fold_upsampling(copy.deepcopy(network).float())).eval()
        self._style_size = network.style_size
        self._plans: OrderedDict[tuple[int, int, bool], list[Any]] = OrderedDict()
        self._lock = threading.Lock()

    def __call__(self, frames: Tensor, style: Tensor) -> Tensor:
        count, height, width = frames.shape[:3]
        pictures = np.ascontiguousarray(frames.numpy())
        styles = np.ascontiguousarray(style.float().expand(count, -1).numpy())
        painted = np.empty_like(pictures)
        with self._lock:
            self._run(self._plan(height, width, many=count > 1), pictures, styles, painted)
        return torch.from_numpy(painted)

    def _run(self, requests: list[Any], pictures: Pixels, styles: Any, painted: Pixels) -> None:
        tensor = self._ov.Tensor
        count = len(pictures)
        for i in range(count):
            request = requests[i % len(requests)]
            if i >= len(requests):
                request.wait()
            request.set_input_tensor(0, tensor(pictures[i : i + 1], shared_memory=True))
            request.set_input_tensor(1, tensor(styles[i : i + 1], shared_memory=True))
            request.set_output_tensor(0, tensor(painted[i : i + 1], shared_memory=True))
            request.start_async()
        for request in requests[:count]:
            request.wait()

    def _plan(self, height: int, width: int, *, many: bool) -> list[Any]:
        """The requests of the graph for this size, compiled when first asked for."""
        # A film's short last batch is not worth a graph of its own.
        key = (height, width, many or (height, width, True) in self._plans)
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
            self._plans[key] = [compiled.create_infer_request() for _ in range(count)]
        self._plans.move_to_end(key)
        return self._plans[key]

    def _converted(self, height: int, width: int) -> Any:
        example = (torch.zeros(1, height, width, 3, dtype=torch.uint8), torch.zeros(1, self._style_size))
        with warnings.catch_warnings():
            # Tracing warns that sizes become constants: they are meant to.
            warnings.simplefilter("ignore")
            model = self._ov.convert_model(self._module, example_input=example)
        model.reshape({port: list(value.shape) for port, value in zip(model.inputs, example, strict=True)})
        return model


def missing_openvino() -> MissingDependencyError:
    """What to say where the package is not installed."""
    return MissingDependencyError("openvino", extra="openvino", purpose="the engine 'openvino'")
