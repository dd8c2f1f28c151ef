"""What data-parallel workers must agree on, so that none goes another way than the rest, and what each has for itself."""

from __future__ import annotations

import torch
from torch import distributed


def worker_seed(seed: int, rank: int) -> int:
    """A worker's own seed: none draws what another one draws."""
    return seed * 1000 + rank


def mean_over_workers(value: float, device: torch.device) -> float:
    """The mean of all workers' values, the same for each; not finite where one of them is not."""
    if not (distributed.is_available() and distributed.is_initialized()):
        return value
    total = torch.tensor(value, device=device)
    distributed.all_reduce(total)
    return float(total) / distributed.get_world_size()


def any_worker(flag: bool, device: torch.device) -> bool:
    """Whether one of the workers says yes."""
    return mean_over_workers(float(flag), device) > 0
