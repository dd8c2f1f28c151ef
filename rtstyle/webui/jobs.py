"""Long work in a thread of its own that a visitor watches, and can stop."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

import gradio as gr

from rtstyle.webui.messages import VisitorError

T = TypeVar("T")
LOOK_SECONDS = 0.25


class Job(Generic[T]):
    """Runs ``work(stop)``; ``watch`` waits for it in steps."""

    def __init__(self, work: Callable[[threading.Event], T]) -> None:
        self.stop = threading.Event()
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
        """Start, and yield until the work is done. Whoever stops watching stops the work."""
        self._thread.start()
        try:
            while self._thread.is_alive():
                yield
                self._thread.join(every)
        finally:
            self.stop.set()
            self._thread.join()

    def _run(self) -> None:
        try:
            self._result.append(self._work(self.stop))
        except BaseException as error:
            self._error = error


class Jobs:
    """The running job of every visitor, by session."""

    def __init__(self) -> None:
        self._running: dict[str, Job[object]] = {}
        self._lock = threading.Lock()

    def begin(self, session: str | None, job: Job[T]) -> Job[T]:
        """Note a visitor's job; raises :class:`VisitorError` where one runs already."""
        with self._lock:
            if session is not None and session in self._running:
                raise VisitorError("One is being worked on already. Stop it first, or wait for it.")
            if session is not None:
                self._running[session] = job  # type: ignore[assignment]
        return job

    def end(self, session: str | None) -> None:
        """The visitor's job is over."""
        with self._lock:
            self._running.pop(session or "", None)

    def stop(self, session: str | None) -> bool:
        """Ask a visitor's job to stop; whether there was one."""
        with self._lock:
            job = self._running.get(session or "")
        if job is not None:
            job.stop.set()
        return job is not None


def idle_buttons() -> tuple[dict[str, Any], dict[str, Any]]:
    """The buttons that start and stop a job, as they are while there is none."""
    return gr.update(interactive=True), gr.update(interactive=False)
