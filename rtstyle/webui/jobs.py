"""Long work in a thread of its own that a visitor watches, and can stop."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import gradio as gr

from rtstyle.webui.messages import VisitorError
from rtstyle.webui.widgets import status_line

T = TypeVar("T")
LOOK_SECONDS = 0.25
END_SECONDS = 5.0


class Job(Generic[T]):
    """Runs ``work(stop)``; ``watch`` waits for it in steps."""

    def __init__(self, work: Callable[[threading.Event], T]) -> None:
        self.stop = threading.Event()
        self.at_end: Callable[[], None] = lambda: None
        """Called in the job's thread when the work has ended."""
        self._work = work
        self._result: list[T] = []
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="page job", daemon=True)

    @property
    def result(self) -> T:
        """What the work returned; raises what it raised."""
        if self._error is not None:
            raise self._error
        return self._result[0]

    def watch(self, every: float = LOOK_SECONDS) -> Iterator[None]:
        """Start, and yield until the work is done. Whoever stops watching stops the work, and does not wait for its end."""
        self._thread.start()
        try:
            while self._thread.is_alive():
                yield
                self._thread.join(every)
        finally:
            # A visitor who leaves is told by the loop that serves all the others.
            self.stop.set()

    def wait(self, seconds: float) -> None:
        """Until the work is done, ``seconds`` at most."""
        if self._thread.is_alive():
            self._thread.join(seconds)

    def _run(self) -> None:
        try:
            self._result.append(self._work(self.stop))
        except BaseException as error:
            self._error = error
        finally:
            self.at_end()


class Jobs:
    """The running job of every visitor, by session."""

    def __init__(self) -> None:
        self._running: dict[str, Job[Any]] = {}
        self._lock = threading.Lock()

    def follow(self, request: gr.Request | None, job: Job[T]) -> Iterator[None]:
        """Run a visitor's job, and yield until it is done; raises :class:`VisitorError` where they have one already."""
        session = _session(request)
        with self._lock:
            if session in self._running:
                raise VisitorError("One is being worked on already. Stop it first, or wait for it.")
            self._running[session] = job
        job.at_end = lambda: self._ended(session)
        yield from job.watch()

    def _ended(self, session: str) -> None:
        with self._lock:
            del self._running[session]

    def stop(self, request: gr.Request) -> None:
        """Ask the visitor's own job to stop: what the stop button does."""
        self.left(request.session_hash)

    def left(self, session: str | None) -> None:
        """Ask the job of a session, if it has one, to stop."""
        with self._lock:
            job = self._running.get(session or "")
        if job is not None:
            job.stop.set()

    def close(self, seconds: float = END_SECONDS) -> None:
        """Stop all jobs and wait for them, ``seconds`` each at most."""
        with self._lock:
            running = list(self._running.values())
        for job in running:
            job.stop.set()
        for job in running:
            job.wait(seconds)


@dataclass(frozen=True, kw_only=True)
class JobButtons:
    """The button that starts a visitor's job and the one that stops it, one of them on at a time, and the bar beside them."""

    start: gr.Button
    stop: gr.Button
    bar: gr.HTML

    def connect(
        self,
        jobs: Jobs,
        run: Callable[..., Any],
        inputs: list[Any],
        outputs: list[Any],
        *,
        name: str,
        stop_name: str,
        limit: int,
        pool: str,
    ) -> None:
        """Run the generator ``run`` on a click, ``limit`` of a ``pool`` at once; names are those of the API."""
        quiet: dict[str, Any] = {"queue": False, "show_progress": "hidden"}
        running = self.start.click(_waiting, None, [self.start, self.bar], api_visibility="private", **quiet).then(
            run, inputs, outputs, api_name=name, show_progress="hidden", concurrency_limit=limit, concurrency_id=pool
        )
        running.failure(_idle, None, [self.start, self.stop, self.bar], api_visibility="private", **quiet)
        self.stop.click(jobs.stop, None, None, api_name=stop_name, **quiet)


def _waiting() -> tuple[dict[str, Any], dict[str, Any]]:
    return gr.update(interactive=False), gr.update(value=status_line("Waiting for a free place"))


def _idle() -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    bar = gr.update(value=status_line("Nothing is being worked on"))
    return gr.update(interactive=True), gr.update(interactive=False), bar


def _session(request: gr.Request | None) -> str:
    """A visitor's session; a name that is nobody's where there is none, so that such jobs do not shut each other out."""
    return (request.session_hash if request else None) or f"nobody-{secrets.token_hex(8)}"
