"""Values from people and files, checked by pydantic against the types they should have; mistakes in one line."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Mapping
from functools import cache
from typing import Any, Literal, TypeVar, get_args, get_origin

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from segcore.errors import ConfigError

Kind = TypeVar("Kind")

STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
"""Unknown names are mistakes; so are numbers in quotes, true for 1, and not-a-number."""

_TYPES = {
    "int": "a whole number", "float": "a finite number", "bool": "true or false", "string": "text",
    "tuple": "a list", "list": "a list", "dict": "names with values",
}  # fmt: skip
_LONGEST_FOUND = 80
_LARGEST_WHOLE = 2**53


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    if not hasattr(kind, "__pydantic_config__"):
        kind.__pydantic_config__ = STRICT  # how a dataclass of the standard library is told
    return TypeAdapter(kind)


def from_dict(kind: type[Kind], values: object) -> Kind:
    """A dataclass from JSON values.

    Bytes that are no text, which file names and arguments may hold, become question marks.

    Raises:
        ConfigError: for an unknown or missing name, a wrong type, or a value out of range.
    """
    if not isinstance(values, Mapping):
        raise ConfigError("the configuration is not an object", found=type(values).__name__)
    try:
        # As text, because only in JSON a list may stand for a tuple and an object for a dataclass.
        text = json.dumps(_plain(values), ensure_ascii=False).encode("utf-8", "replace")
        made: Kind = _adapter(kind).validate_json(text)  # type: ignore[arg-type]  # a class has a hash
    except ValidationError as error:
        raise mistake(error, kind) from error
    except RecursionError as error:
        raise _too_deep() from error
    return made


def _plain(value: Any, where: str = "") -> Any:
    """JSON's own kinds of values. It has one kind of number, so that 5.0 is a whole one, too."""
    if isinstance(value, Mapping):
        return {key: _plain(one, f"{where}.{key}".lstrip(".")) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one, where) for one in value]
    if isinstance(value, float) and value.is_integer() and abs(value) <= _LARGEST_WHOLE:
        return int(value)
    if value is None or isinstance(value, str | float) or (isinstance(value, int) and abs(value) <= sys.float_info.max):
        return value
    # TOML knows dates and times, and Python whole numbers of any length.
    raise ConfigError(f"wrong type for {where}", found=_short(str(value)), expected="a number, or text in quotes")


def _too_deep() -> ConfigError:
    return ConfigError("lists or objects lie too deep in each other", expected="fewer levels")


def mistake(error: ValidationError, kind: Any, section: str = "") -> ConfigError:
    """The first of pydantic's complaints, in the words of this package.

    Args:
        error: what it raised.
        kind: the dataclass it was about.
        section: what stands before the names of its fields.
    """
    first = error.errors(include_url=False)[0]
    place, said, value = first["loc"], first["type"], first.get("input")
    fields = {field.name: field for field in dataclasses.fields(kind)}
    if said == "json_invalid":  # what was valid for Python's reader, which goes deeper
        return _too_deep()
    name = ".".join([section] * bool(section) + [str(part) for part in place if isinstance(part, str)])
    if said in ("dataclass_type", "dataclass_exact_type"):
        return ConfigError(f"{name or 'the configuration'} is not an object", found=type(value).__name__)
    if said == "unexpected_keyword_argument":
        return ConfigError(f"unknown setting {name}", expected="one of " + ", ".join(sorted(fields)))
    if said in ("missing", "missing_keyword_only_argument"):
        return ConfigError("an entry is missing", expected=name)
    if said == "literal_error":
        choices = first["ctx"]["expected"].replace("'", "").replace(", ", " or ")
        return ConfigError(f"unknown value of {name}", found=_short(str(value)), expected=choices)
    known = getattr(kind, "__pydantic_fields__", {}).get(place[0])
    expected = next((text for key, text in _TYPES.items() if said.startswith(f"{key}_")), None)
    if expected is None and said == "finite_number":
        expected = _TYPES["float"]
    if expected is not None:
        return ConfigError(f"wrong type for {name}", found=_short(repr(value)), expected=expected)
    found = "an empty list" if value in ((), []) else _short(str(value))
    return ConfigError(
        f"setting {name} is out of range", found=found, expected=range_of(known) if known else first["msg"]
    )


def range_of(field: FieldInfo) -> str:
    """What a field takes, in words: `0 to 180 degrees`, `more than 0, at most 0.5`; for choices, all of them."""
    kind = get_args(field.annotation)[0] if get_origin(field.annotation) is tuple else field.annotation
    if get_origin(kind) is Literal:
        return " or ".join(get_args(kind))
    if kind is bool:
        return _TYPES["bool"]
    extra = field.json_schema_extra
    unit = str(extra.get("unit", "")) if isinstance(extra, dict) else ""
    limits = {
        name: getattr(one, name) for one in field.metadata for name in ("ge", "gt", "le", "lt") if hasattr(one, name)
    }
    if {"ge", "le"} <= limits.keys():
        text = f"{_number(limits['ge'])} to {_number(limits['le'])}"
    else:
        low = f"{_number(limits['ge'])} or more" if "ge" in limits else ""
        low = f"more than {_number(limits['gt'])}" if "gt" in limits else low
        high = f"less than {_number(limits['lt'])}" if "lt" in limits else ""
        high = f"at most {_number(limits['le'])}" if "le" in limits else high
        text = ", ".join(part for part in (low, high) if part)
    return f"{text} {unit}".strip()


def _number(value: float) -> str:
    return f"{value:.10g}"


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_FOUND else text[:_LONGEST_FOUND] + " …"
