"""A long run needs no more memory and no more threads than a short one."""

from __future__ import annotations

import gc
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from rtstyle.engines.openvino import OpenVinoEngine
from rtstyle.nets.transformer import NetConfig, TransformerNet
from rtstyle.pipeline import run
from rtstyle.sinks.null import NullSink
from rtstyle.sources.memory import MemorySource
from rtstyle.styles import StyleBank
from rtstyle.stylizer import Stylizer

PAGE_BYTES = 4096


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_BYTES


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("engine", ["eager", "openvino"])
def test_memory_and_threads_do_not_grow_with_the_length_of_the_film(engine: str) -> None:
    network = TransformerNet(NetConfig(width=4, blocks=0, deep_blocks=0))
    bank = StyleBank(network, {"some": network.neutral_style()}, tier="test")
    if engine == "openvino":
        pytest.importorskip("openvino")
    stylizer = Stylizer(bank, "some", engine=OpenVinoEngine(network) if engine == "openvino" else None)
    picture = np.random.default_rng(0).integers(0, 256, (96, 128, 3), dtype=np.uint8)

    def after(frames: int) -> tuple[int, int]:
        with MemorySource([picture] * frames) as source, NullSink() as sink:
            assert run(source, stylizer, [sink]).frames == frames
        gc.collect()
        return resident_bytes(), threading.active_count()

    after(20)
    short, threads = after(20)
    long, threads_after = after(400)
    assert long <= 1.03 * short
    assert threads_after == threads
