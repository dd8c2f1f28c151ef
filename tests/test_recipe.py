"""Recipes: what they are read from, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from rtstyle.errors import UsageError
from rtstyle.nets.transformer import NetConfig
from rtstyle.optimize.config import OptimizeConfig
from rtstyle.training.recipe import Recipe, StyleSource


@pytest.mark.parametrize(
    "table",
    [
        {"stepz": 1},
        {"steps": 0},
        {"image_size": 100},
        {"net": {"arch": "u-net"}},
        {"styles": [{"title": "x"}]},
        {"photo_scale": [10, 5]},
        {"photo_scale": [300]},
        {"photo_scale": 300},
        {"photo_scale": [288.5, 448]},
        {"motion": 3},
        {"styles": {"name": "x"}},
        {"styles": ["x"]},
        {"styles": [{"name": 3, "image": "x.jpg"}]},
        {"net": "johnson"},
        {"net": {"width": 8.5}},
        {"steps": 10.5},
        {"seed": "one"},
        {"painting_size": 0},
        {"styles": 2 * [{"name": "x", "image": "x.jpg"}]},
        {"temporal_weight": -1},
        {"lattice_weight": -1},
        {"lattice_weight": 1, "image_size": 64, "net": {"arch": "texture", "scales": 7}},
        {"strength_share": 1.5},
        {"trains": "head"},
        {"trains": "photo_term", "strength_share": 0},
        {"trains": "photo_term", "optimizer": "muon"},
        {"styles": [{"name": "x", "image": "x.jpg", "share": -1}]},
        {"styles": [{"name": "x", "image": "x.jpg", "share": 0}]},
    ],
)
def test_unfit_recipes_are_refused(table: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        Recipe.from_table(table)


def test_a_value_of_the_wrong_kind_is_named() -> None:
    with pytest.raises(UsageError, match=r"my\.toml: steps is '100'; it must be a whole number"):
        Recipe.from_table({"steps": "100"}, origin="my.toml")


def test_a_folder_is_no_recipe(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not a TOML recipe"):
        Recipe.load(tmp_path)


def test_recipe_survives_the_checkpoint() -> None:
    recipe = Recipe(
        net=NetConfig(width=4, blocks=0, deep_blocks=1),
        styles=(StyleSource(name="stripes", image="stripes.png"),),
        photo_scale=(200, 400),
        strength_share=0,
    )
    assert Recipe.from_table(recipe.to_table()) == recipe


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_is_one_that_every_generator_takes(seed: int) -> None:
    with pytest.raises(UsageError, match="whole number from 0 to 4294967295"):
        Recipe(seed=seed)
    with pytest.raises(UsageError, match="whole number from 0 to 4294967295"):
        OptimizeConfig(seed=seed)
