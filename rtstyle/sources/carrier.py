"""Processes that move bytes between us and the network.

They speak protocols that PyAV does not (SRT), and they wait in our place: PyAV connects an output while it holds the
interpreter's lock and without a time limit, so that a server that does not answer would freeze the whole program.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Sequence

from rtstyle.errors import SinkError

END_SECONDS = 3.0
"""How long a carrier whose connection is over may take to end by itself."""


SETTLE_SECONDS = 0.5
"""Between the end of its pipe and the end of the process."""


class Carrier:
    """A process that ends when its pipe to us does, at the latest after its own time limits."""

    def __init__(self, address: str, command: Sequence[str], *, stdin: int, stdout: int) -> None:
        self.address = address
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        # In a group of its own: Ctrl-C is for us, and what was painted is still to be sent.
        self._process = subprocess.Popen(
            command,
            stdin=stdin,
            stdout=stdout,
            stderr=self._said,
            bufsize=0,
            creationflags=0x200 if os.name == "nt" else 0,
            start_new_session=os.name != "nt",
        )

    @property
    def failure(self) -> str:
        """Why the process ended, in its own words; empty while it runs or where it said nothing."""
        try:
            self._process.wait(SETTLE_SECONDS)
        except subprocess.TimeoutExpired:
            return ""
        if self._said.closed:
            return ""
        self._said.seek(0)
        lines = self._said.read().decode(errors="replace").splitlines()
        if any("Connection refused" in line or " failed: " in line for line in lines):
            return "nobody answers there"
        return re.sub(r"^\[[^]]*\] ", "", lines[0]) if lines else ""

    def close(self) -> None:
        """End it now. Reads and writes that wait for it come back."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):  # what was left in its buffer has nowhere to go
                    pipe.close()
        self._said.close()


class CarrierReader(Carrier):
    """What comes from an address, as a file that libav can read."""

    def __init__(self, address: str, command: Sequence[str]) -> None:
        super().__init__(address, command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)

    def read(self, count: int) -> bytes:
        """Up to ``count`` bytes as soon as there are any; none where the stream is over."""
        assert self._process.stdout is not None
        try:
            return self._process.stdout.read(count)
        except ValueError:  # it was cut off on our side
            return b""


class CarrierWriter(Carrier):
    """An address as a file that libav can write to."""

    def __init__(self, address: str, command: Sequence[str], *, timeout: float, linger: float = 0.0) -> None:
        """``timeout``: seconds to connect; ``linger``: seconds that what was sent last needs to arrive."""
        super().__init__(address, command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        self._timeout = timeout
        self._linger = linger

    def write(self, data: bytes) -> int:
        """Send all of ``data``; raises :class:`SinkError` where the other side is gone."""
        assert self._process.stdin is not None
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[self._process.stdin.write(rest) :]
        except (OSError, ValueError) as error:  # ValueError: it was cut off on our side
            self._await_end(END_SECONDS)
            raise SinkError(f"cannot send to {self.address}: {self.failure or 'the connection was lost'}") from error
        return len(data)

    def finish(self) -> None:
        """Let everything arrive; raises :class:`SinkError` where it could not."""
        assert self._process.stdin is not None
        time.sleep(self._linger)
        with contextlib.suppress(OSError):  # it ended before: its code tells
            self._process.stdin.close()
        self._await_end(self._timeout + END_SECONDS)  # it may still be trying to connect
        if self._process.returncode:
            raise SinkError(f"cannot send to {self.address}: {self.failure or 'the connection was lost'}")

    def _await_end(self, seconds: float) -> None:
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
