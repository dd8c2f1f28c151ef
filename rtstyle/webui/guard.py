"""A page that opens no file a visitor names, but those they uploaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
from gradio.block_function import BlockFunction
from gradio.state_holder import SessionState
from gradio_client.utils import is_file_obj, traverse

from rtstyle.webui.messages import VisitorError, said_plainly


class GuardedBlocks(gr.Blocks):
    """Blocks whose inputs may name files below ``uploads`` and no other.

    Gradio copies what an input names to where it is served, and downloads what is an address. Its own check is off in an
    app that is mounted and not launched, and lets addresses through.
    """

    def __init__(self, uploads: Path, **options: Any) -> None:
        super().__init__(**options)
        self.uploads = uploads.resolve()

    async def preprocess_data(
        self, block_fn: BlockFunction, inputs: list[Any], state: SessionState | None, explicit_call: bool = False
    ) -> list[Any]:
        """As Gradio's, for files that were uploaded; a number that was deleted is what it was at first."""
        inputs = [_filled(block, value) for block, value in zip(block_fn.inputs, inputs, strict=False)]
        with said_plainly():
            traverse(inputs, self._check, is_file_obj)
            try:
                return await super().preprocess_data(block_fn, inputs, state, explicit_call)
            except gr.Error:  # which is a ValueError
                raise
            except (TypeError, ValueError) as error:
                raise VisitorError("That is no value for one of the fields.") from error

    def _check(self, file: dict[str, Any]) -> None:
        path = Path(file["path"])
        # An address is not absolute, wherever its dots lead.
        if not (path.is_absolute() and path.resolve().is_relative_to(self.uploads)):
            raise VisitorError("That file was not uploaded here. Please upload it.")


def _filled(block: Any, value: Any) -> Any:
    return block.value if value is None and isinstance(block, gr.Slider) else value
