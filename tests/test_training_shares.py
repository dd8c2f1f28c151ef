"""Which styles a batch is painted in."""

from __future__ import annotations

import pytest
import torch

from rtstyle.training.shares import draw_styles

BATCHES = 2000


@pytest.mark.parametrize(
    ("shares", "count"),
    [([1.0, 1.0, 1.0], 2), ([9.0, 1.0, 1.0, 1.0], 4), ([4.0, 1.0, 0.0, 1.0, 2.0], 3), ([1.0], 5)],
    ids=["alike", "as many as a batch holds", "none of one", "one"],
)
def test_each_is_drawn_as_often_as_its_share_says(shares: list[float], count: int) -> None:
    generator = torch.Generator().manual_seed(0)
    drawn = torch.stack([draw_styles(torch.tensor(shares), count, generator) for _ in range(BATCHES)])
    found = torch.bincount(drawn.flatten(), minlength=len(shares)) / drawn.numel()
    wanted = torch.tensor(shares) / sum(shares)
    assert torch.allclose(found, wanted, atol=0.02)
    assert torch.equal(found == 0, wanted == 0)


def test_a_batch_shows_as_many_as_it_can() -> None:
    generator = torch.Generator().manual_seed(0)
    for _ in range(100):
        assert len(set(draw_styles(torch.ones(14), 4, generator).tolist())) == 4
        assert sorted(draw_styles(torch.ones(4), 8, generator).tolist()) == [0, 0, 1, 1, 2, 2, 3, 3]
