"""The page for hosts that start a Python file: ``python demos/app.py``; everything else: ``rtstyle demo --help``.

Hosts give address and port through ``GRADIO_SERVER_NAME`` and ``GRADIO_SERVER_PORT``; without them the page is this
machine's alone.
"""

from __future__ import annotations

import os
import sys

from rtstyle.errors import RTStyleError
from rtstyle.webui.server import serve
from rtstyle.webui.settings import PageConfig, parse_auth


def main() -> None:
    """Serve until interrupted."""
    try:
        config = PageConfig(
            host=os.environ.get("GRADIO_SERVER_NAME", "127.0.0.1"),
            port=int(os.environ.get("GRADIO_SERVER_PORT", "7860")),
            auth=parse_auth(os.environ.get("RTSTYLE_AUTH")),
        )
        serve(config, lambda server: print(f"rtstyle is at {server.url}", flush=True))
    except (RTStyleError, ValueError) as error:
        sys.exit(f"rtstyle: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
