"""The ``rtstyle`` command: its subcommands and what holds for all of them."""

from __future__ import annotations

import logging
import sys

import typer

from rtstyle import __version__
from rtstyle.cli.bench import bench
from rtstyle.cli.compare import compare
from rtstyle.cli.demo import demo
from rtstyle.cli.evaluate import app as evaluate
from rtstyle.cli.image import image
from rtstyle.cli.optimize import optimize
from rtstyle.cli.styles import styles
from rtstyle.cli.train import train
from rtstyle.cli.video import video
from rtstyle.cli.webcam import webcam

app = typer.Typer(
    name="rtstyle",
    help="Paint live video: webcams, films and stills in the style of a painting.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(bench)
app.command()(compare)
app.command()(demo)
app.add_typer(evaluate, name="evaluate")
app.command()(image)
app.command()(optimize)
app.command()(styles)
app.command()(train)
app.command()(video)
app.command()(webcam)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"rtstyle {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: bool = typer.Option(False, "--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    verbose: bool = typer.Option(False, "--verbose", "-v", help="Say more about what is going on."),
) -> None:
    """Exit codes: 0 done, 1 the work failed, 2 the request was wrong, 130 interrupted."""
    logging.basicConfig(level=logging.INFO if verbose else logging.WARNING, format="rtstyle: %(message)s", stream=sys.stderr)
