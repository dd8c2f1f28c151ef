"""Pictures and stand-ins for the tests of engines."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from rtstyle.engines import Engine


def frames(count: int = 2, height: int = 48, width: int = 72) -> Tensor:
    coarse = np.random.default_rng(0).integers(0, 256, (count, 5, 6, 3), dtype=np.uint8)
    pictures = [np.asarray(Image.fromarray(c).resize((width, height), Image.Resampling.BICUBIC)) for c in coarse]
    return torch.from_numpy(np.stack(pictures))


class Toy:
    """An engine that adds a number, or fails."""

    def __init__(
        self, add: int, *, name: str = "toy", error: Exception | None = None, most: int | None = None, seconds: float = 0.0
    ) -> None:
        self.add, self.name, self.error, self.most, self.seconds = add, name, error, most, seconds
        self.preferred_batch = 4

    def __call__(self, frames: Tensor, style: Tensor) -> Tensor:
        if self.error is not None:
            raise self.error
        if self.most is not None and len(frames) > self.most:
            raise torch.OutOfMemoryError("out of memory")
        if self.seconds:
            time.sleep(self.seconds)
        return frames + self.add + style.expand(len(frames), -1)[:, 0].to(torch.uint8)[:, None, None, None]


def maker(engine: Engine) -> Callable[[], Engine]:
    return lambda: engine


class ToyGpu:
    """Stands for ``torch.cuda`` where graphs are recorded, on the CPU: they take time when replayed, but paint nothing."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.current: object = "the caller's stream"
        self.fails = False
        self.recording = self.most_recording = self.graphs = 0
        self.now_ms = 0.0
        gpu = self

        class Stream:
            device = torch.device("cpu")

            def __init__(self, _device: torch.device) -> None: ...

            def wait_stream(self, _other: object) -> None: ...

            def wait_event(self, _event: object) -> None: ...

            def synchronize(self) -> None: ...

        class Event:
            def __init__(self, **_: bool) -> None:
                self.at_ms = 0.0

            def record(self) -> None:
                self.at_ms = gpu.now_ms

            def synchronize(self) -> None: ...

            def elapsed_time(self, end: Event) -> float:
                return end.at_ms - self.at_ms

        class Graph:
            def __init__(self) -> None:
                self.number, self.replays = gpu.graphs, 0
                gpu.graphs += 1

            def replay(self) -> None:
                gpu.now_ms += gpu.replay_ms(self.number, self.replays)
                self.replays += 1

        empty = torch.empty
        monkeypatch.setattr(torch, "empty", lambda *args, pin_memory=False, **named: empty(*args, **named))
        for name, stands_in in {
            "Stream": Stream,
            "Event": Event,
            "CUDAGraph": Graph,
            "graph": self.record,
            "stream": self.stream,
            "current_stream": lambda _device: gpu.current,
            "device": lambda _device: nullcontext(),
        }.items():
            monkeypatch.setattr(torch.cuda, name, stands_in)

    def replay_ms(self, graph: int, replay: int) -> float:
        """How long this replay of this graph takes; both are counted from 0."""
        return 1.0

    @contextmanager
    def stream(self, stream: object) -> Iterator[None]:
        before, self.current = self.current, stream
        try:
            yield
        finally:
            self.current = before

    @contextmanager
    def record(self, _graph: object, stream: object, **_: str) -> Iterator[None]:
        """As ``torch.cuda.graph``, which does not go back to the caller's stream where it fails."""
        before, self.current = self.current, stream
        self.recording += 1
        self.most_recording = max(self.most_recording, self.recording)
        time.sleep(0.002)
        yield
        self.recording -= 1
        if self.fails:
            raise RuntimeError("operation failed due to a previous error during capture")
        self.current = before
