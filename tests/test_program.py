"""How the program starts and ends, whatever the command."""

from __future__ import annotations

import subprocess
import sys

import pytest


def run_main(preparation: str, *, encoding: str = "utf-8") -> subprocess.CompletedProcess[str]:
    """The program in a process of its own, after ``preparation``, which puts the command in the place of ``app``."""
    program = f"import os, signal, sys, rtstyle.cli.app as module\n{preparation}\nfrom rtstyle.cli.main import main\nmain()\n"
    environment = {"PYTHONIOENCODING": encoding, "PYTHONPATH": ":".join(filter(None, sys.path))}
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=100, env=environment)


def test_an_interrupt_while_the_program_starts_is_no_traceback() -> None:
    program = (
        "import sys\n"
        "class Interrupt:\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        if name == 'typer':\n"
        "            raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Interrupt())\n"
        "from rtstyle.cli.main import main\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=100)
    assert done.returncode == 130
    assert done.stderr == "rtstyle: interrupted\n"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends a process without asking it")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_every_ending_signal_lets_a_command_clean_up(name: str) -> None:
    done = run_main(
        f"signal.signal(signal.{name}, signal.SIG_DFL)  # nohup, under which tests may run, has a hangup ignored\n"
        "def app():\n"
        "    try:\n"
        f"        os.kill(os.getpid(), signal.{name})\n"
        "        signal.pause()\n"
        "    finally:\n"
        "        print('clean')\n"
        "module.app = app"
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "clean\n", "rtstyle: interrupted\n")


def test_what_the_system_refuses_is_one_line() -> None:
    done = run_main("module.app = lambda: os.listdir('/no/such/folder')")
    assert done.returncode == 1
    assert done.stderr == "rtstyle: [Errno 2] No such file or directory: '/no/such/folder'\n"


@pytest.mark.parametrize(("encoding", "shown"), [("utf-8", "a\\udcff.jpg"), ("ascii", "Rh\\xf4ne"), ("cp932", "Rh\\xf4ne")])
def test_names_that_the_terminal_cannot_show_are_escaped(encoding: str, shown: str) -> None:
    name = "a\\udcff.jpg" if encoding == "utf-8" else "Rh\\xf4ne"
    done = run_main(f"module.app = lambda: print('{name}')", encoding=encoding)
    assert (done.returncode, done.stdout) == (0, f"{shown}\n"), done.stderr
