"""Options of a data set: strict dataclasses, and errors that name the option and the choices."""

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Annotated, Any, TypeVar

from annotated_types import Ge, Le
from pydantic import TypeAdapter, ValidationError

from losslab.errors import DataError, unknown

Count = Annotated[int, Ge(1), Le(1_000_000)]
Share = Annotated[float, Ge(0), Le(1)]
Options = TypeVar("Options")


def checked(kind: type[Options], dataset: str, values: Mapping[str, Any]) -> Options:
    """`values` as the options dataclass `kind`; lists stand for tuples.

    Raises `DataError` that names the option, the rule and the choices.
    """
    names = [field.name for field in fields(kind)]  # pyright: ignore[reportArgumentType]
    for key in values:
        if key not in names:
            what = f"{dataset} option"
            raise DataError(
                unknown(what, key, names) if names else f"{dataset} has no options, got {key!r}"
            )
    try:
        return TypeAdapter(kind).validate_json(json.dumps(dict(values)))
    except ValidationError as error:
        raise DataError("; ".join(_line(dataset, finding) for finding in error.errors())) from None
    except (TypeError, ValueError) as error:
        raise DataError(f"{dataset} options hold numbers, texts and lists only: {error}") from None


def _line(dataset: str, finding: Any) -> str:
    place = ".".join(str(part) for part in finding["loc"])
    return f"{dataset} option {place}: {finding['msg']}, got {finding['input']!r}"
