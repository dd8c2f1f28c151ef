"""The page's files: what a visitor may name, where uploads lie, and when they are swept."""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from gradio_client import Client
from visitors import get, paint, picture, save_with_alpha, visitor

from rtstyle.webui.folder import RunFolder
from rtstyle.webui.server import PageServer
from rtstyle.webui.settings import Limits, PageConfig

if TYPE_CHECKING:
    pass


@pytest.fixture(scope="module")
def client(page: PageServer, tmp_path_factory: pytest.TempPathFactory) -> Client:
    return visitor(page.url, tmp_path_factory.mktemp("downloads"))


def test_a_visitors_file_name_never_becomes_the_name_of_a_result(client: Client, page: PageServer, tmp_path: Path) -> None:
    path = save_with_alpha(picture(8), tmp_path / "my private holiday.png")
    paint(client, path)
    assert not [made for made in page.studio.folder.made.rglob("*") if "holiday" in made.name]


@pytest.mark.parametrize(
    "name", ["../../../evil.png", "/etc/evil.png", "..\\..\\evil.png", "..", "a\x00b.png", "x" * 500 + ".png"]
)
def test_an_upload_lies_in_the_run_folder_whatever_it_is_called(page: PageServer, name: str) -> None:
    answer = httpx.post(f"{page.url}gradio_api/upload", files={"files": (name, b"content", "image/png")}, timeout=60)
    uploads = page.studio.folder.uploads.resolve()
    if answer.status_code == 200:
        path = Path(answer.json()[0])
        assert path.resolve().parent.parent == uploads
        assert path.read_bytes() == b"content"
    else:
        assert "Traceback" not in answer.text
    assert not [path for path in page.studio.folder.root.parent.glob("*evil*")]


def test_files_outside_the_run_folder_are_not_served(page: PageServer, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("hidden")
    assert get(f"{page.url}gradio_api/file={secret}").status_code == 403


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """A picture on a server that only this machine reaches, as what a foreign page must not be made to fetch."""
    save_with_alpha(picture(9), tmp_path / "inner.png")
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(("api", "others"), [("paint", ["wave"]), ("clip_frame", [30, "wave"]), ("load_style", [])])
@pytest.mark.parametrize("kind", ["foreign", "climbing", "address", "climbing address"])
def test_a_file_that_was_not_uploaded_is_no_input(
    page: PageServer, address: str, tmp_path: Path, kind: str, api: str, others: list[object]
) -> None:
    secret = save_with_alpha(picture(10), tmp_path / "secret.png")
    uploads = page.studio.folder.uploads
    path = {
        "foreign": str(secret),
        "climbing": os.path.join(uploads, os.path.relpath(secret, uploads)),
        "address": f"{address}/inner.png",
        "climbing address": f"{address}/{'../' * 20}{uploads}/../inner.png",
    }[kind]
    there = set(uploads.rglob("*"))
    given = {"path": path, "meta": {"_type": "gradio.FileData"}}
    call = f"{page.url}gradio_api/call/{api}"
    event = httpx.post(call, json={"data": [given, *others]}, timeout=60).json()["event_id"]
    answer = get(f"{call}/{event}").text
    assert "event: error" in answer
    assert "not uploaded here" in answer
    assert set(uploads.rglob("*")) == there


def test_two_pages_in_one_process_each_take_their_own_uploads(client: Client, page: PageServer, tmp_path: Path) -> None:
    path = save_with_alpha(picture(11), tmp_path / "in.png")
    with PageServer(PageConfig(port=0, device="cpu", engine="eager")) as second:
        for visit in (client, visitor(second.url, tmp_path / "second")):
            assert paint(visit, path).shape == (60, 80, 4)


def test_the_folder_is_swept_by_age_and_by_size_but_keeps_what_belongs_to_the_page() -> None:
    with RunFolder(Limits(keep_seconds=100, disk_bytes=250)) as folder:
        own = folder.new_path("own.bin")
        own.write_bytes(bytes(100))
        folder.keep_what_is_there()
        made = [folder.new_path("made.bin") for _ in range(3)]
        for path in made:
            path.write_bytes(bytes(100))
        modified = made[0].stat().st_mtime
        assert folder.sweep(now=modified + 50) == 1
        assert not made[0].exists()
        assert folder.sweep(now=modified + 200) == 2
        assert own.exists()
    assert not folder.root.exists()


def test_a_file_that_cannot_be_removed_keeps_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    unlink = Path.unlink

    def held(path: Path, missing_ok: bool = False) -> None:
        if path.name == "held.bin":
            raise PermissionError("in use")
        unlink(path, missing_ok=missing_ok)

    with RunFolder(Limits(keep_seconds=100)) as folder:
        made = [folder.new_path(name) for name in ("held.bin", "made.bin")]
        for age, path in enumerate(made):
            path.write_bytes(b"1")
            os.utime(path, (age, age))
        monkeypatch.setattr(Path, "unlink", held)
        assert folder.sweep() == 1
        assert [path.exists() for path in made] == [True, False]
