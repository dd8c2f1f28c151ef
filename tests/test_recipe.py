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


LISTED = '[[styles]]\nname = "a"\nimage = "a.jpg"\nartist = "Anna"\n[[styles]]\nname = "b"\nimage = "b.jpg"\n'


def test_styles_are_those_of_the_collection_with_what_the_recipe_changes(tmp_path: Path) -> None:
    (tmp_path / "paintings.toml").write_text(LISTED)
    recipe = tmp_path / "stage.toml"
    recipe.write_text('collection = "paintings.toml"\nsteps = 3\n[styles]\nb = { style_weight = 1.4, share = 2 }\n')
    assert Recipe.load(recipe) == Recipe(
        steps=3,
        styles=(
            StyleSource(name="a", image="a.jpg", artist="Anna"),
            StyleSource(name="b", image="b.jpg", style_weight=1.4, share=2),
        ),
    )


@pytest.mark.parametrize(
    ("listed", "styles", "message"),
    [
        (None, "", "no recipe at .*paintings.toml"),
        ("x = 1", "", "paintings.toml lists no styles"),
        ("styles = [3]", "", "a style is 3; it must be a table"),
        (LISTED, "c = { share = 2 }", "no style 'c' in .*paintings.toml; there are: a, b"),
        (LISTED, "a = 2", "a style is 2; it must be a table"),
        (LISTED, "a = { weight = 2 }", "unknown key 'weight'"),
    ],
)
def test_an_unfit_collection_is_refused(tmp_path: Path, listed: str | None, styles: str, message: str) -> None:
    if listed is not None:
        (tmp_path / "paintings.toml").write_text(listed)
    recipe = tmp_path / "stage.toml"
    recipe.write_text(f'collection = "paintings.toml"\n[styles]\n{styles}\n')
    with pytest.raises(UsageError, match=message):
        Recipe.load(recipe)


def test_every_recipe_that_ships_can_be_read() -> None:
    recipes = Path(__file__).parents[1] / "train" / "recipes"
    for file in sorted(recipes.glob("*.toml")):
        if file.name != "paintings.toml":
            Recipe.load(file)
    live, studio = (Recipe.load(recipes / name) for name in ("live_01.toml", "studio_1.toml"))
    assert [style.name for style in live.styles] == [style.name for style in studio.styles]
    assert len(live.styles) == 14
    assert all(style.artist and style.year and style.terms for style in live.styles)


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
