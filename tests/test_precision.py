"""In which number format networks run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from rtstyle import precision
from rtstyle.precision import bfloat16_pays, painting_dtype, seconds_of_convolution, training_dtype

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _untried() -> Iterator[None]:
    bfloat16_pays.cache_clear()
    yield
    bfloat16_pays.cache_clear()


@pytest.mark.parametrize(
    ("bfloat16", "supported", "expected"),
    [
        (0.5, True, torch.bfloat16),
        (0.95, True, torch.float32),
        (1.6, True, torch.float32),
        (0.5, False, torch.float32),
    ],
    ids=["faster", "hardly faster", "slower", "unsupported"],
)
def test_a_cpu_computes_in_what_it_is_faster_in(
    monkeypatch: pytest.MonkeyPatch, bfloat16: float, supported: bool, expected: torch.dtype
) -> None:
    def timed(dtype: torch.dtype) -> float:
        return bfloat16 if dtype is torch.bfloat16 else 1.0

    monkeypatch.setattr(precision, "seconds_of_convolution", timed)
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: supported)
    assert painting_dtype(CPU) is expected
    assert training_dtype(CPU) is expected


def test_it_is_tried_once(monkeypatch: pytest.MonkeyPatch) -> None:
    first = bfloat16_pays()

    def timed(dtype: torch.dtype) -> float:
        raise AssertionError("tried again")

    monkeypatch.setattr(precision, "seconds_of_convolution", timed)
    assert bfloat16_pays() is first


def test_both_formats_can_be_tried() -> None:
    for dtype in (torch.float32, torch.bfloat16):
        assert seconds_of_convolution(dtype) > 0


def test_openvino_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("openvino", reason="the openvino extra is not installed")
    from rtstyle.engines.openvino import OpenVinoEngine
    from rtstyle.styles import StyleBank

    monkeypatch.setattr(precision, "seconds_of_convolution", lambda dtype: 2.0 if dtype is torch.bfloat16 else 1.0)
    assert OpenVinoEngine(StyleBank.load(tier="live").network).precision == "f32"
