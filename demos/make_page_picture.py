"""Photographs the page for the README: ``python demos/make_page_picture.py`` writes ``demos/page.jpg``.

Needs Chromium, what ``pip install -e '.[demo]'`` brings and, for the picture as it is, the font Inter.
"""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path

from PIL import Image

from rtstyle.webui.server import PageServer
from rtstyle.webui.settings import PageConfig

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests"))

from chromium import ChromiumMissingError, bounded_chromium  # noqa: E402

SIZE = {"width": 1360, "height": 820}
STYLE = "wave"
PATIENCE_MS = 120_000


def main() -> None:
    """Open the stills tab, choose a style, write the picture."""
    with (
        tempfile.TemporaryDirectory() as folder,
        PageServer(PageConfig(port=0)) as server,
        bounded_chromium(Path(folder)) as browser,
    ):
        page = browser.new_page(viewport=SIZE, color_scheme="dark", device_scale_factor=1)
        page.set_default_timeout(PATIENCE_MS)
        page.goto(server.url)
        title = server.studio.title(STYLE)
        page.wait_for_selector(f".rt-style[data-name={STYLE}] img")
        page.click(f".rt-style[data-name={STYLE}]")
        page.wait_for_function("title => document.querySelector('#rt-still-status').innerText.includes(title)", arg=title)
        page.wait_for_function(
            "() => [...document.querySelectorAll('#rt-result img')].every(one => one.complete && one.naturalWidth)"
        )
        picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    target = HERE / "page.jpg"
    picture.save(target, quality=86, optimize=True)
    print(target.name, target.stat().st_size)


if __name__ == "__main__":
    try:
        main()
    except ChromiumMissingError as reason:
        sys.exit(str(reason))
