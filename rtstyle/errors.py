"""Every error that rtstyle raises on purpose.

::

    RTStyleError                 exit code 1: the work failed
    +-- UsageError               exit code 2: the request itself is wrong; nothing was started
    |   +-- UnknownStyleError
    |   +-- MissingDependencyError
    |   +-- MissingWeightsError  (a WeightsError too)
    +-- WeightsError             a weights file is missing, damaged or was changed
    +-- SourceError              a picture, video, camera or stream cannot be read
    +-- SinkError                an output cannot be written
    +-- TrainingError            training cannot start or cannot go on

A message says in one line what was given, what is legal and what to do. The command line prints it
and nothing else; a traceback is always a bug of ours.
"""

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""


class RTStyleError(Exception):
    """Root of the tree; ``exit_code`` is what the command line returns."""

    exit_code = 1


class UsageError(RTStyleError):
    """The request cannot be carried out as written."""

    exit_code = 2


class UnknownStyleError(UsageError):
    """A style name that no bank has."""


class MissingDependencyError(UsageError):
    """An optional package is not installed; the message prints the pip command."""

    def __init__(self, package: str, *, extra: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs the package '{package}': pip install 'rtstyle[{extra}]'")


class WeightsError(RTStyleError):
    """Weights that are absent, truncated, tampered with or of another network."""


class MissingWeightsError(UsageError, WeightsError):
    """A weights file that the request names and that is not there."""


class SourceError(RTStyleError):
    """An input that cannot be opened or decoded."""


class SinkError(RTStyleError):
    """An output that cannot be opened or written."""


class TrainingError(RTStyleError):
    """Training data or numbers that training cannot go on with."""
