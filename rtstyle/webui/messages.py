"""Errors as a visitor reads them: one clear sentence, never a traceback, never a path of this machine.

Only a :class:`VisitorError` is written for them; every other of ours speaks to whoever runs the server, and goes to the log.
"""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar

import gradio as gr

from rtstyle.errors import RTStyleError, SourceError, UsageError

logger = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")

OURS = "Something went wrong on our side. Please try again; the details are in the server's log."
DURATION_S = 8


class VisitorError(UsageError):
    """A request of a visitor that is refused; its message is shown as it is."""


def no_place(cameras: int) -> VisitorError:
    """What a visitor is told whose camera would be one too many."""
    return VisitorError(f"{cameras} cameras are being painted, which is all we can do at once. Try again in a while.")


@contextmanager
def said_plainly() -> Generator[None]:
    """Turn whatever is raised inside into the message a visitor sees."""
    try:
        yield
    except gr.Error:
        raise
    except VisitorError as error:
        raise _shown(str(error)) from error
    except SourceError as error:
        logger.info("unreadable upload: %s", error)
        raise _shown("That file could not be read. It may be damaged, or of a kind we do not know.") from error
    except RTStyleError as error:
        logger.warning("the page failed: %s", error)
        raise _shown(OURS) from error
    except Exception as error:
        logger.exception("the page failed")
        raise _shown(OURS) from error


def readable(handler: Callable[P, R]) -> Callable[P, R]:
    """Decorate a handler (a function or a generator) so that its errors are said plainly."""
    if inspect.isgeneratorfunction(handler):

        @functools.wraps(handler)
        def generator(*args: P.args, **kwargs: P.kwargs) -> Any:
            with said_plainly():
                yield from handler(*args, **kwargs)

        return generator

    @functools.wraps(handler)
    def function(*args: P.args, **kwargs: P.kwargs) -> R:
        with said_plainly():
            return handler(*args, **kwargs)

    return function


def _shown(message: str) -> gr.Error:
    return gr.Error(message, duration=DURATION_S, print_exception=False)
