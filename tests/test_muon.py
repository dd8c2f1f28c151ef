"""Muon: what it does to a kernel, and a training run with it."""

from __future__ import annotations

from pathlib import Path

import torch
from training_parts import recipe_for, train, untrained_weights

from rtstyle.nets import build_network
from rtstyle.training.loop import Trainer
from rtstyle.training.muon import Muon, is_hidden_kernel, orthogonalise

NET = {"arch": "transformer", "width": 8, "blocks": 1, "deep_blocks": 0}


def test_every_direction_counts_about_alike() -> None:
    torch.manual_seed(0)
    stretched = torch.randn(16, 40) * torch.logspace(0, -1.2, 16)[:, None]
    values = torch.linalg.svdvals(stretched)
    assert values.max() > 10 * values.min()
    for matrix in (stretched, stretched.T):
        values = torch.linalg.svdvals(orthogonalise(matrix))
        assert values.max() < 1.3
        assert values.min() > 0.5


def test_a_step_is_a_share_of_the_kernel() -> None:
    torch.manual_seed(0)
    for scale in (0.01, 10.0):
        kernel = torch.nn.Parameter(scale * torch.randn(16, 8, 3, 3).to(memory_format=torch.channels_last))
        before = kernel.detach().clone()
        kernel.grad = torch.randn_like(kernel)
        Muon([kernel], lr=0.02).step()
        moved = kernel.detach() - before
        assert torch.isclose(moved.norm() / before.norm(), torch.tensor(0.02), rtol=1e-3)
        assert float((moved * kernel.grad).sum()) < 0


def test_it_finds_the_least_squares() -> None:
    torch.manual_seed(0)
    wanted = torch.randn(16, 4, 3, 3)
    kernel = torch.nn.Parameter(torch.randn(16, 4, 3, 3))
    optimizer = Muon([kernel], lr=0.05)
    first = float((kernel.detach() - wanted).square().mean())
    for _ in range(100):
        optimizer.zero_grad()
        (kernel - wanted).square().mean().backward()
        optimizer.step()
    assert float((kernel.detach() - wanted).square().mean()) < 0.1 * first


def test_training_by_muon_goes_on_from_a_checkpoint(tmp_path: Path) -> None:
    weights = untrained_weights(tmp_path)["vgg19"]
    recipe, given = recipe_for(tmp_path, net=NET, optimizer="muon", steps=2)
    trainer = train(recipe, given, loss_weights=weights)
    hidden = [p for p in trainer.network.parameters() if is_hidden_kernel(p)]
    assert 0 < len(hidden) < sum(p.ndim == 4 for p in trainer.network.parameters()), "the head is not hidden"

    longer, _ = recipe_for(tmp_path, net=NET, optimizer="muon", steps=4)
    network = build_network(longer.net)
    again = Trainer(longer, network=network, vectors=network.neutral_style()[None], loss_weights=weights, **given)
    again.resume()
    momenta = [state["momentum"] for state in trainer.steps.optimizers[1].state.values()]
    resumed = [state["momentum"] for state in again.steps.optimizers[1].state.values()]
    assert len(resumed) == len(hidden)
    assert all(torch.equal(a, b) for a, b in zip(momenta, resumed, strict=True))
    before = [p.detach().clone() for p in again.network.parameters()]
    assert again.run()
    assert all(not torch.equal(a, b) for a, b in zip(before, again.network.parameters(), strict=True) if is_hidden_kernel(a))
