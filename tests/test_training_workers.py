"""What data-parallel workers agree on."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import distributed
from torch.multiprocessing.spawn import spawn

from rtstyle.training.workers import any_worker, mean_over_workers

CPU = torch.device("cpu")


def test_alone_a_worker_agrees_with_itself() -> None:
    assert mean_over_workers(3.0, CPU) == 3.0
    assert any_worker(True, CPU)
    assert not any_worker(False, CPU)


def work(rank: int, folder: str) -> None:
    distributed.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    found = [mean_over_workers(value, CPU) for value in (1.0 + 2 * rank, math.nan if rank else 1.0)]
    found += [any_worker(flag, CPU) for flag in (rank == 1, False)]
    torch.save(found, f"{folder}/{rank}.pt")
    distributed.destroy_process_group()


def test_two_workers_find_the_same(tmp_path: Path) -> None:
    spawn(work, (str(tmp_path),), nprocs=2)
    for rank in (0, 1):
        mean, broken, one, none = torch.load(tmp_path / f"{rank}.pt")
        assert mean == 2.0
        assert math.isnan(broken), "both must skip the step that one of them cannot take"
        assert (one, none) == (True, False)
