"""YAML as people write it in study files and after `--set`."""

import re
from collections.abc import Sequence
from typing import Any

import yaml

from losslab.errors import StudyError


class _Loader(yaml.SafeLoader):
    """YAML 1.2's scalars: 1e-4 is a number, which PyYAML reads as a text, `no` a text and not
    false, 2020-01-01 a text and not a date; and no key twice.
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        twice = {key for key in keys if keys.count(key) > 1}
        if twice:
            raise yaml.constructor.ConstructorError(
                None, None, f"{', '.join(sorted(twice))} stands twice", node.start_mark
            )
        return super().construct_mapping(node, deep=deep)


_FLOAT, _BOOL = "tag:yaml.org,2002:float", "tag:yaml.org,2002:bool"
_Loader.yaml_implicit_resolvers = {
    first: [(tag, rule) for tag, rule in rules if tag not in (_BOOL, "tag:yaml.org,2002:timestamp")]
    for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(_BOOL, re.compile(r"^(true|True|false|False)$"), list("tTfF"))
_Loader.add_implicit_resolver(
    _FLOAT,
    re.compile(r"^[-+]?(\d+(\.\d*)?|\.\d+)[eE][-+]?\d+$"),
    list("-+.0123456789"),
)


def read_yaml(text: str, place: str) -> Any:
    """A YAML value; raises `StudyError` naming the place for a text that is none."""
    try:
        return yaml.load(text, _Loader)
    except (yaml.YAMLError, ValueError) as error:
        raise StudyError(
            f"{place}: not readable as YAML: {' '.join(str(error).split())}"
        ) from error


def parse_values(texts: Sequence[str] | None) -> dict[str, Any]:
    """`KEY=VALUE` texts as a mapping, values as YAML reads them."""
    values = {}
    for text in texts or ():
        key, equals, value = text.partition("=")
        if not equals:
            raise StudyError(f"{text!r}: values are given as KEY=VALUE, such as loss=iou")
        values[key] = read_yaml(value, text)
    return values
