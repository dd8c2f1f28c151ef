"""Values of a file, such as a recipe, for the fields of a dataclass."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from rtstyle.errors import UsageError

KINDS: dict[object, tuple[tuple[type, ...], str]] = {
    "int": ((int,), "a whole number"),
    "float": ((int, float), "a number"),
    "str": ((str,), "text, in quotes"),
}
"""By annotation; fields of other kinds look after themselves."""


def check_kinds(kind: type, values: Mapping[str, Any], origin: str) -> None:
    """Raise :class:`UsageError` for a value that is not of the kind its field in the dataclass ``kind`` takes."""
    for field in dataclasses.fields(kind):
        types, wanted = KINDS.get(field.type, ((), ""))
        value = values.get(field.name, dataclasses.MISSING)
        if wanted and value is not dataclasses.MISSING and (isinstance(value, bool) or not isinstance(value, types)):
            raise UsageError(f"{origin}: {field.name} is {value!r}; it must be {wanted}")
