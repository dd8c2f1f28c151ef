"""New styles on the page, and the slow way beside the fast one, with a loss network of random weights."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image
from visitors import visitor

from rtstyle.styles import StyleEntry, load_style_file
from rtstyle.training.export import export_style
from rtstyle.training.fit import FIT_RECIPE
from rtstyle.training.sheet import contact_sheet
from rtstyle.webui.compare import without_a_strips_rest
from rtstyle.webui.curve import Curve, curve_svg
from rtstyle.webui.messages import VisitorError
from rtstyle.webui.newstyle import STEPS, USUAL_STEPS, lay_flat, tidy_title
from rtstyle.webui.server import PageServer
from rtstyle.webui.widgets import slug

QUICK, USUAL, THOROUGH = (steps for _, steps in STEPS)


def test_the_usual_is_what_the_recipe_takes() -> None:
    assert QUICK < USUAL == USUAL_STEPS == FIT_RECIPE.steps < THOROUGH


@pytest.fixture
def client(page: PageServer, tmp_path: Path) -> Client:
    return visitor(page.url, tmp_path / "downloads")


def value_of(output: Any) -> Any:
    return output["value"] if isinstance(output, dict) and "value" in output else output


def save_photo(path: Path) -> Path:
    coarse = np.random.default_rng(5).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    Image.fromarray(coarse).resize((64, 48)).save(path)
    return path


@pytest.mark.usefixtures("quick_fit")
def test_a_painting_becomes_a_style_that_every_tab_paints_in(
    client: Client, page: PageServer, painting: Path, tmp_path: Path
) -> None:
    job = client.submit(painting=handle_file(painting), name="<b>Stripes</b> & co", steps=QUICK, api_name="/learn")
    for outputs in job:
        if "step 1" in value_of(outputs[1]):
            break
    client.predict(api_name="/stop_learning")
    _, facts, file = job.result(timeout=100)
    assert "Stopped and kept: bStripesb &amp; co" in value_of(facts)
    picker, choices = client.predict(api_name="/offer_style")
    name = picker["value"]
    assert picker["props"]["styles"][0]["name"] == name
    assert ["bStripesb & co", name] in [list(choice) for choice in choices["choices"]]

    photo = save_photo(tmp_path / "photo.png")
    (_, after), *_ = client.predict(photo=handle_file(photo), style=name, paint_size=0, api_name="/paint")
    pixels = np.asarray(Image.open(photo))
    own = page.studio.paint(pixels, page.studio.look(name))
    shown = np.asarray(Image.open(after).convert("RGB")).astype(int)
    assert np.abs(shown - own).mean() < 15
    assert not np.array_equal(own, page.studio.paint(pixels, page.studio.look("wave")))
    learned = load_style_file(Path(value_of(file)))
    assert learned.vector.shape == page.studio.bank.vectors["wave"].shape
    assert (learned.entry.name, learned.entry.title) == ("bStripesb & co",) * 2

    client.predict(file=handle_file(value_of(file)), api_name="/load_style")
    loaded, _ = client.predict(api_name="/offer_style")
    assert loaded["value"] != name
    assert [style["title"] for style in loaded["props"]["styles"][:2]] == ["bStripesb & co"] * 2
    np.testing.assert_array_equal(own, page.studio.paint(pixels, page.studio.look(loaded["value"])))


@pytest.mark.usefixtures("quick_fit")
def test_a_style_loaded_while_another_is_learned_stays(client: Client, page: PageServer, painting: Path, tmp_path: Path) -> None:
    bank, file = page.studio.bank, tmp_path / "loaded.safetensors"
    entry = StyleEntry(name="loaded", title="Loaded")
    export_style(bank.network, bank.vectors["wave"], entry, file, tier=bank.tier, dedicated=False, about={})
    job = client.submit(painting=handle_file(painting), name="Learned", steps=THOROUGH, api_name="/learn")
    for outputs in job:
        if "step 1" in value_of(outputs[1]):
            break
    client.predict(file=handle_file(file), api_name="/load_style")
    client.predict(api_name="/offer_style")
    client.predict(api_name="/stop_learning")
    job.result(timeout=100)
    picker, _ = client.predict(api_name="/offer_style")
    assert [style["title"] for style in picker["props"]["styles"][:2]] == ["Learned", "Loaded"]


@pytest.mark.usefixtures("quick_fit")
def test_the_slow_way_takes_long_strips_in_a_bounded_size(client: Client, tmp_path: Path) -> None:
    strip = tmp_path / "strip.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 1024, 3), dtype=np.uint8)).save(strip)
    job = client.submit(photo=handle_file(strip), painting=handle_file(strip), iterations=30, style="wave", api_name="/compare")
    for outputs in job:
        if "<svg" in value_of(outputs[3]):
            break
    client.predict(api_name="/stop_comparing")
    _, slow, *_ = job.result(timeout=100)
    assert Image.open(value_of(slow)).size == (512, 32)
    assert without_a_strips_rest(np.zeros((64, 1024, 3), np.uint8)).shape == (64, 256, 3)


def test_a_file_that_is_no_style_is_refused_in_plain_words(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "style.safetensors"
    path.write_bytes(b"rubbish")
    with pytest.raises(AppError, match="not a style for this page's network"):
        client.predict(file=handle_file(path), api_name="/load_style")


def test_learning_needs_a_painting_of_some_size(client: Client, tmp_path: Path) -> None:
    with pytest.raises(AppError, match="Add a painting first"):
        client.predict(painting=None, name="", api_name="/learn")
    small = tmp_path / "small.png"
    Image.new("RGB", (40, 40)).save(small)
    with pytest.raises(AppError, match="at least 64 pixels"):
        client.predict(painting=handle_file(small), name="", api_name="/learn")


def test_the_slow_way_is_drawn_beside_the_fast_one(client: Client, painting: Path, tmp_path: Path) -> None:
    photo = save_photo(tmp_path / "photo.png")
    job = client.submit(
        photo=handle_file(photo), painting=handle_file(painting), iterations=30, style="wave", api_name="/compare"
    )
    for outputs in job:
        if "<svg" in value_of(outputs[3]):
            break
    client.predict(api_name="/stop_comparing")
    _, slow, facts, curve, *_ = job.result(timeout=100)
    assert Image.open(value_of(slow)).size == (64, 48)
    assert re.search(r"The Great Wave off Kanagawa: [\d.]+ s, loss [\d.]+", value_of(facts))
    assert "meanwhile the network paints" in value_of(facts)
    assert "polyline" in value_of(curve)


def test_too_many_own_styles_push_the_oldest_out(page: PageServer, monkeypatch: pytest.MonkeyPatch) -> None:
    studio = page.studio
    monkeypatch.setattr(studio, "limits", type(studio.limits)(own_styles=2))
    style = load_style_file_of(studio, "scream")
    names = [studio.add_own(style, f"number {number}").name for number in range(3)]
    assert [card.name for card in studio.cards_for(names)][:2] == names[1:]
    with pytest.raises(VisitorError, match="not here"):
        studio.look(names[0])
    assert len(set(names)) == 3


def load_style_file_of(studio: Any, name: str) -> Any:
    from rtstyle.styles import StyleFile
    from rtstyle.weightfiles import network_sha256

    return StyleFile(
        entry=studio.bank.entries[name],
        vector=studio.bank.vectors[name],
        tier=studio.tier,
        network_sha256=network_sha256(studio.bank.network),
    )


def test_the_sheet_is_laid_flat_without_its_gaps() -> None:
    size = 8
    cells = np.random.default_rng(0).integers(0, 255, (3, 2, size, size, 3), dtype=np.uint8)
    rows = [(photo, torch.from_numpy(painted.transpose(2, 0, 1).copy())[None] / 255) for photo, painted in cells]
    flat, alpha = lay_flat(contact_sheet(rows))
    assert flat.shape[:2] == alpha.shape
    np.testing.assert_array_equal(flat[alpha > 0].reshape(2, size, 3, size, 3), cells.transpose(1, 2, 0, 3, 4))
    assert (flat[alpha == 0] == 255).all()


def test_titles_and_file_names_are_made_harmless() -> None:
    assert tidy_title("  ${alert(1)} `x` \n <script> ") == "alert(1) x script"
    assert tidy_title("") == "My style"
    assert len(tidy_title("long " * 50)) <= 40
    assert slug("../../Étude n° 1", "style") == "tude-n-1"
    assert slug("///", "style") == "style"


def test_a_curve_is_drawn_within_its_frame() -> None:
    drawn = ElementTree.fromstring(
        curve_svg(
            Curve("slow", [(0.0, 10.0), (5.0, 1.0), (10.0, 0.1)]), level=("a < b", 0.5), end=20.0, across="steps", up="loss"
        )
    )
    line = next(element for element in drawn if element.get("class") == "rt-line")
    points = [tuple(map(float, pair.split(","))) for pair in line.get("points", "").split()]
    assert [x for x, _ in points] == sorted(x for x, _ in points)
    assert [y for _, y in points] == sorted(y for _, y in points), "a falling loss goes down the picture"
    assert all(0 <= x <= 720 and 0 <= y <= 220 for x, y in points)
    level = next(element for element in drawn if element.get("class") == "rt-level")
    assert points[1][1] < float(level.get("y1", 0)) < points[2][1]
