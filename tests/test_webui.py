"""The page as its visitors reach it: a real server on a loopback port, real weights, small pictures."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image
from visitors import get, paint, picture, save_with_alpha, visitor

from rtstyle.errors import SinkError, UsageError
from rtstyle.webui.messages import OURS, VisitorError
from rtstyle.webui.server import PageServer
from rtstyle.webui.settings import PageConfig, parse_auth

if TYPE_CHECKING:
    from rtstyle.pixels import Pixels


@pytest.fixture(scope="module")
def client(page: PageServer, tmp_path_factory: pytest.TempPathFactory) -> Client:
    return visitor(page.url, tmp_path_factory.mktemp("downloads"))


def test_health_is_served_and_nothing_of_the_framework_is_advertised(page: PageServer) -> None:
    answer = get(f"{page.url}health").json()
    assert answer["status"] == "ok"
    assert answer["styles"] == len(page.studio.cards)
    assert get(f"{page.url}docs").status_code == 404


def test_the_page_asks_no_other_host_for_anything(page: PageServer) -> None:
    html = get(page.url).text
    assert "rtstyle" in html
    assert not re.findall(r"<(?:script|link)[^>]+(?:src|href)=\"(?:https?:)?//", html)


def test_it_listens_on_this_machine_only_unless_told() -> None:
    assert PageConfig().host == "127.0.0.1"
    assert PageConfig().is_local
    assert not PageConfig(host="0.0.0.0").is_local


def test_a_still_is_painted_as_the_library_paints_it_in_full_size_with_its_alpha(
    client: Client, page: PageServer, tmp_path: Path
) -> None:
    pixels = picture(1)
    result = paint(client, save_with_alpha(pixels, tmp_path / "in.png"), style="scream", strength=0.7)
    expected = page.studio.paint(pixels, page.studio.look("scream", strength=0.7))
    np.testing.assert_array_equal(result[..., :3], expected)
    assert (result[..., 3] == 200).all()


def test_blend_colours_and_paint_size_reach_the_painting(client: Client, page: PageServer, tmp_path: Path) -> None:
    pixels = picture(2, 400, 440)
    path = save_with_alpha(pixels, tmp_path / "in.png")
    look: dict[str, Any] = {"second": "scream", "share": 0.25, "keep_colors": True}
    result = paint(client, path, paint_size=360, **look)
    expected = page.studio.paint(pixels, page.studio.look("wave", paint_height=360, **look))
    np.testing.assert_array_equal(result[..., :3], expected)
    assert not np.array_equal(result, paint(client, path))


def test_the_comparison_shows_the_photo_and_the_painting(client: Client, tmp_path: Path) -> None:
    path = save_with_alpha(picture(3), tmp_path / "in.png")
    (before, after), _, facts = client.predict(photo=handle_file(path), style="wave", api_name="/paint")
    left, right = (np.asarray(Image.open(side).convert("RGB")).astype(int) for side in (before, after))
    assert left.shape == right.shape == (60, 80, 3)
    assert np.abs(left - picture(3)).mean() < 12
    assert np.abs(left - right).mean() > 12
    assert "80 x 60" in facts


def test_all_styles_come_at_once(client: Client, page: PageServer, tmp_path: Path) -> None:
    path = save_with_alpha(picture(4), tmp_path / "in.png")
    grid = client.predict(photo=handle_file(path), strength=1.0, keep_colors=False, api_name="/paint_all")
    pictures = grid["value"] if isinstance(grid, dict) else grid
    assert len(pictures) == len(page.studio.cards)  # the page may have learned others, for other visitors
    assert [item["caption"] for item in pictures] == [page.studio.title(name) for name in page.studio.cards]


def test_twenty_visitors_at_once_each_get_their_own_painting_a_few_at_a_time(
    page: PageServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names, plain = page.studio.bank.names, page.studio.paint
    places = threading.Semaphore(page.studio.limits.painters)
    had_a_place: list[bool] = []

    def counted(*args: Any) -> Pixels:
        mine = places.acquire(blocking=False)
        had_a_place.append(mine)
        try:
            return plain(*args)
        finally:
            if mine:
                places.release()

    monkeypatch.setattr(page.studio, "paint", counted)

    def visit(number: int) -> bool:
        pixels = picture(100 + number, 48 + number, 64 + 2 * number)
        style = names[number % len(names)]
        path = save_with_alpha(pixels, tmp_path / f"{number}.png", alpha=100 + number)
        result = paint(visitor(page.url, tmp_path / str(number)), path, style=style)
        expected = plain(pixels, page.studio.look(style))
        return bool(np.array_equal(result[..., :3], expected) and (result[..., 3] == 100 + number).all())

    with ThreadPoolExecutor(20) as pool:
        assert list(pool.map(visit, range(20))) == [True] * 20
    assert had_a_place == [True] * 20


def not_a_picture(path: Path) -> None:
    path.write_bytes(b"<svg xmlns='http://www.w3.org/2000/svg'/>")


def truncated(path: Path) -> None:
    Image.fromarray(picture(5, 300, 400)).save(path, "PNG")
    path.write_bytes(path.read_bytes()[:500])


def too_many_pixels(path: Path) -> None:
    Image.new("L", (2000, 1100)).save(path, "PNG")


def too_many_bytes(path: Path) -> None:
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (1000, 1100, 3), dtype=np.uint8)).save(path, "PNG")


def too_small(path: Path) -> None:
    Image.new("RGB", (15, 40)).save(path, "PNG")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (not_a_picture, "not a picture"),
        (truncated, "damaged"),
        (too_many_pixels, "megapixels"),
        (too_many_bytes, "3 MB; the limit here is 2 MB"),
        (too_small, "at least 16 pixels"),
    ],
)
def test_what_cannot_be_painted_is_refused_in_plain_words(
    client: Client, tmp_path: Path, make: Callable[[Path], None], message: str
) -> None:
    path = tmp_path / "upload.png"
    make(path)
    with pytest.raises(AppError, match=message) as caught:
        paint(client, path)
    assert "Traceback" not in str(caught.value)
    assert "/" not in str(caught.value)


@pytest.mark.parametrize(
    "look",
    [
        {"style": "../../etc/passwd.safetensors"},
        {"style": "wave:0.5,scream:0.5"},
        {"style": "wave", "strength": 9},
        {"style": "wave", "second": "nobody", "share": 0.5},
    ],
)
def test_a_look_that_is_not_offered_is_refused(client: Client, tmp_path: Path, look: dict[str, Any]) -> None:
    path = save_with_alpha(picture(6), tmp_path / "in.png")
    with pytest.raises(AppError, match=r"style is not here|list of choices|greater than maximum"):
        paint(client, path, **look)


@pytest.mark.parametrize("error", [RuntimeError("secret detail"), SinkError("cannot write /tmp/secret/picture.jpg: disk full")])
def test_a_trouble_of_ours_is_apologised_for_without_details(
    client: Client, page: PageServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def broken(*_: object) -> None:
        raise error

    path = save_with_alpha(picture(7), tmp_path / "in.png")
    monkeypatch.setattr(page.studio, "paint", broken)
    with pytest.raises(AppError, match=re.escape(OURS)) as caught:
        paint(client, path)
    assert "secret" not in str(caught.value)


def test_a_number_that_was_deleted_is_what_it_was_at_first(client: Client, page: PageServer, tmp_path: Path) -> None:
    path = save_with_alpha(picture(8), tmp_path / "in.png")
    np.testing.assert_array_equal(paint(client, path, strength=None), paint(client, path, strength=1))
    with pytest.raises(AppError, match="no value for one of the fields"):
        paint(client, path, strength="much")


def test_an_upload_is_still_ours_to_read_after_an_example_was_clicked(page: PageServer, tmp_path: Path) -> None:
    client = visitor(page.url, tmp_path / "downloads")
    client.predict(0, api_name="/load_example")
    path = tmp_path / "upload.png"
    not_a_picture(path)
    with pytest.raises(AppError, match="not a picture we can read"):
        paint(client, path)


def test_the_address_is_one_that_a_browser_takes(tmp_path: Path) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("no IPv6 here")
    with PageServer(PageConfig(host="::1", port=0, device="cpu", engine="eager")) as server:
        assert get(f"{server.url}health").status_code == 200


def test_own_styles_are_bounded_and_unknown_to_others(page: PageServer) -> None:
    with pytest.raises(VisitorError, match="not here"):
        page.studio.look("own-0123456789abcdef")


def test_auth_is_asked_for_everywhere_but_at_the_health_check(tmp_path: Path) -> None:
    with PageServer(PageConfig(port=0, device="cpu", auth=("anna", "sesame"))) as server:
        folder = server.studio.folder.root
        assert folder.is_dir()
        for path in ("", "config", "gradio_api/info", "live/offer"):
            answer = get(server.url + path)
            assert answer.status_code == 401, path
            assert "Basic" in answer.headers["www-authenticate"]
        assert get(server.url, auth=("anna", "wrong")).status_code == 401
        assert get(server.url, auth=("anna", "sesame")).status_code == 200
        assert get(f"{server.url}health").status_code == 200
        with pytest.raises(UsageError, match="cannot serve on"):
            PageServer(PageConfig(port=int(server.url.rstrip("/").rpartition(":")[2])))
    assert not folder.exists()


def test_a_host_that_cannot_be_is_refused() -> None:
    with pytest.raises(UsageError, match=r"cannot serve on a\.\.b port 0"):
        PageServer(PageConfig(host="a..b", port=0))


@pytest.mark.parametrize("text", ["anna", "anna:", ":sesame", ""])
def test_a_half_given_password_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="USER:PASSWORD"):
        parse_auth(text)
