"""YAML 1.2 within bounds: no double keys, no values of other types than JSON's, no bombs.

``1e-3`` is a number and ``no`` is text, unlike in YAML 1.1.
"""

import re
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.composer import Composer
from ruamel.yaml.constructor import ConstructorError, SafeConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode
from ruamel.yaml.scanner import Scanner, ScannerError

from tabvae_ray.errors import brief

__all__ = ["MAX_DEPTH", "MAX_INTEGER", "parse_yaml"]

# No file of this package is nested any deeper, or has a larger whole number.
MAX_DEPTH = 32
MAX_INTEGER = 2**64
# The values of an alias count again wherever it stands.
_MAX_VALUES = 200_000
_TEXT_OF_A_VALUE = 100
# More keys take longer than a second.
_MAX_KEYS = 5_000
_KEY = re.compile(r":(?=\s|$)|(?<=[\"']):")
_TOO_MANY_KEYS = f"must have at most {_MAX_KEYS:,} keys; a file of more may be JSON"
_TAG = "tag:yaml.org,2002:"


def parse_yaml(text: str) -> Any:
    """Parse YAML into mappings, lists, text, numbers, booleans and None. Dates stay text.

    Raises:
        ValueError: If it is not YAML 1.2, has a key twice, or exceeds a bound. The message names
            the line and column.
    """
    if sum(1 for _ in _KEY.finditer(text)) > _MAX_KEYS:
        raise ValueError(_TOO_MANY_KEYS)
    yaml = YAML(typ="safe", pure=True)
    yaml.Scanner, yaml.Composer = _BoundedScanner, _BoundedComposer
    yaml.Constructor = _JsonConstructor
    try:
        return yaml.load(text)
    except YAMLError as error:
        raise ValueError(_reason(error)) from None
    except KeyError as error:
        # How ruamel refuses an explicit !!bool of other text.
        raise ValueError(f"{error} is not a boolean") from None


class _BoundedScanner(Scanner):
    """Refuses deep nesting in brackets, which takes the scanner quadratic time."""

    def fetch_flow_collection_start(self, TokenClass: Any, to_push: str) -> None:
        """Take an opening bracket."""
        if len(self.flow_context) > MAX_DEPTH:
            mark = self.reader.get_mark()
            raise ScannerError(None, None, f"must be nested at most {MAX_DEPTH} deep", mark)
        super().fetch_flow_collection_start(TokenClass, to_push)


class _BoundedComposer(Composer):
    """Refuses what would take too much memory, before values are made of it."""

    def __init__(self, loader: Any = None) -> None:
        super().__init__(loader=loader)
        self.warn_double_anchors = False
        self._open = self._values = self._keys = 0
        self._sizes: dict[int, int] = {}

    def compose_document(self) -> Any:
        """Compose the document, which is of YAML 1.2."""
        event = self.parser.peek_event()
        if event.version not in (None, (1, 2)):
            raise _refused("only YAML 1.2 is read", event)
        return super().compose_document()

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Compose a node and those inside it."""
        event = self.parser.peek_event()
        before = self._values
        self._open += 1
        if self._open > MAX_DEPTH:
            raise _refused(f"must be nested at most {MAX_DEPTH} deep", event)
        node = super().compose_node(parent, index)
        self._open -= 1
        if isinstance(event, AliasEvent):
            if id(node) not in self._sizes:
                name = brief(event.anchor)
                raise _refused(f"the alias {name} stands inside what it names", event)
            self._values += self._sizes[id(node)]
        else:
            # A long text that many aliases name takes as much memory as many values do.
            length = len(node.value) if isinstance(node, ScalarNode) else 0
            self._values += 1 + length // _TEXT_OF_A_VALUE
            self._sizes[id(node)] = self._values - before
        if self._values > _MAX_VALUES:
            raise _refused(f"must have at most {_MAX_VALUES:,} values, aliases counted", event)
        if isinstance(node, MappingNode) and not isinstance(event, AliasEvent):
            self._keys += len(node.value)
            if self._keys > _MAX_KEYS:
                raise _refused(_TOO_MANY_KEYS, event)
            if not all(isinstance(key, ScalarNode) for key, _ in node.value):
                raise _refused("a key must be text, a number or a boolean", event)
        return node


class _JsonConstructor(SafeConstructor):
    """Constructs values of JSON's types only."""


def _integer(constructor: SafeConstructor, node: Node) -> int:
    if len(node.value) < 100:
        value = int(constructor.construct_yaml_int(node))
        if abs(value) < MAX_INTEGER:
            return value
    raise _refused("a whole number must be below 2**64", node)


def _refused(rule: str, place: Any) -> ConstructorError:
    return ConstructorError(None, None, rule, place.start_mark)


_JsonConstructor.yaml_constructors = {
    **{
        _TAG + name: SafeConstructor.yaml_constructors[_TAG + name]
        for name in ("null", "bool", "float", "str", "seq", "map")
    },
    _TAG + "int": _integer,
    # Text in YAML 1.2; no file has a place for a date that is not text.
    _TAG + "timestamp": SafeConstructor.construct_yaml_str,
    None: SafeConstructor.construct_undefined,
}


def _reason(error: YAMLError) -> str:
    """Return what is wrong in one line, without advice for users of ruamel."""
    if not isinstance(error, MarkedYAMLError) or not error.problem or not error.problem_mark:
        return str(error)
    problem = error.problem.partition('" with value ')[0]
    problem = problem.replace('found duplicate key "', "the key stands twice: ")
    if problem.startswith("but "):
        problem = f"{error.context}, {problem}"
    mark = error.problem_mark
    return f"line {mark.line + 1}, column {mark.column + 1}: {problem}"
