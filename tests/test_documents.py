import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest

from tabvae_ray.documents import finite, parse_json, read_document, write_json
from tabvae_ray.errors import ConfigError, DataError, TabVAEError
from tabvae_ray.space.space_file import load_space
from tabvae_ray.storage import Location
from tabvae_ray.table.declaration import SpecDeclaration

# Nine values, nine times each, and so on: a billion and more if they were counted out.
ALIASES = "a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
    for before, name in zip("abcdefghi", "bcdefghij", strict=True)
)
MERGES = "a: &a {k: 1}\n" + "".join(
    f"{name}: &{name} {{<<: [{', '.join([f'*{before}'] * 9)}]}}\n"
    for before, name in zip("abcdefghi", "bcdefghij", strict=True)
)


def first_letters(text: str) -> str:
    return text[:20]


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., object]:
    def reading(text: str, name: str = "file.yaml") -> object:
        (tmp_path / name).write_text(text, encoding="utf-8")
        return read_document(Location(tmp_path / name))

    return reading


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("1E5", 1e5),
        ("3.0e-4", 3e-4),
        ("017", 17),
        ("0x1F", 31),
        ("no", "no"),
        ("Yes", "Yes"),
        ("off", "off"),
        ("true", True),
        ("null", None),
        ("1:30", "1:30"),
        ("2020-01-31", "2020-01-31"),
        ("2020-13-45", "2020-13-45"),
        ("'1e-3'", "1e-3"),
        (".inf", math.inf),
        ("18446744073709551615", 2**64 - 1),
        ("&x [1, a]", [1, "a"]),
    ],
)
def test_yaml_is_of_version_1_2(read: Callable[..., object], text: str, value: object) -> None:
    assert read(f"key: {text}") == {"key": value}
    assert read(f"%YAML 1.2\n---\nkey: {text}") == {"key": value}


def test_merge_keys_and_anchors_that_come_again_are_read(read: Callable[..., object]) -> None:
    text = "- &x {a: 1, b: 2}\n- {<<: *x, b: 3}\n- &x {c: 4}\n- *x\n"
    assert read(text) == [{"a": 1, "b": 2}, {"a": 1, "b": 3}, {"c": 4}, {"c": 4}]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb: 2\na: 3", "line 3, column 1: the key stands twice: a"),
        ("- {a: {b: 1, b: 1}}", "the key stands twice: b"),
        (ALIASES, "must have at most 200,000 values, aliases counted"),
        (MERGES, "must have at most 200,000 values, aliases counted"),
        ("a: &a [*a]", "the alias 'a' stands inside what it names"),
        ("a: " + "[" * 100_000, "must be nested at most 32 deep"),
        ("{" * 100_000, "must be nested at most 32 deep"),
        ("- " * 100_000, "must be nested at most 32 deep"),
        ("a: " + "[" * 40 + "]" * 40, "must be nested at most 32 deep"),
        ("a: " + "9" * 10_000, "a whole number must be below 2**64"),
        ("a: -" + "9" * 400, "a whole number must be below 2**64"),
        ("a: 0x" + "f" * 20_000, "a whole number must be below 2**64"),
        ("a: !!int " + "9" * 10_000, "a whole number must be below 2**64"),
        ("a: !!int x", "invalid literal"),
        ("a: !!bool maybe", "'maybe' is not a boolean"),
        ("? [1, 2]\n: 3", "a key must be text, a number or a boolean"),
        ("a: !!python/object/apply:os.system [x]", "could not determine a constructor"),
        ("a: !!binary aGk=", "could not determine a constructor"),
        ("a: !!set {x, y}", "could not determine a constructor"),
        ("%YAML 1.1\n---\na: no", "only YAML 1.2 is read"),
        ("a: 1\n---\nb: 2", "expected a single document in the stream, but found another"),
        ("a: [", "line 1, column 5: "),
        ("a: \0", "special characters are not allowed"),
        ("# " + "x" * 2**20, "must be at most 1 MiB of YAML"),
        (f"a: &a {'x' * 9000}\nb: [{'*a, ' * 9000}*a]", "at most 200,000 values, aliases counted"),
    ],
    ids=first_letters,
)
def test_yaml_that_cannot_be_read_is_refused_in_one_line(
    read: Callable[..., object], tmp_path: Path, text: str, expected: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        read(text)
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / 'file.yaml'}: ") and expected in message
    assert len(message.splitlines()) == 1 and len(message) < 500


def test_json_may_begin_with_a_byte_order_mark(read: Callable[..., object]) -> None:
    assert read('\ufeff{"a": 1}', "file.json") == {"a": 1}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": 1, "b": {"c": 1, "c": 2}}', "the key stands twice: c"),
        ("[" * 100_000, "must be nested at most 32 deep"),
        ("[" * 33 + "]" * 33, "must be nested at most 32 deep"),
        ("9" * 10_000, "a whole number must be below 2**64, but one has 10000 digits"),
        ("{'a': 1}", "Expecting property name"),
        ("", "Expecting value"),
    ],
    ids=first_letters,
)
def test_json_that_cannot_be_read_is_refused_in_one_line(
    read: Callable[..., object], text: str, expected: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        read(text, "file.json")
    assert f"file.json: cannot be read as JSON: {expected}" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    with pytest.raises(ValueError, match="^" + expected.replace("*", r"\*")):
        parse_json(text)


def test_json_is_read_as_deep_as_files_are_nested(read: Callable[..., object]) -> None:
    text = "[" * 32 + "]" * 32
    assert read(text, "file.json") == json.loads(text)
    assert read("3", "file.json") == 3


@pytest.mark.parametrize(
    "text", ["a: 1\na: 2", ALIASES, "a: " + "9" * 10_000, "[" * 9999], ids=first_letters
)
def test_spaces_and_specs_are_read_within_bounds(tmp_path: Path, text: str) -> None:
    file = tmp_path / "file.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=r"file\.yaml: cannot be read as YAML: "):
        load_space(str(file))
    with pytest.raises(DataError, match=r"file\.yaml: cannot be read as YAML: "):
        SpecDeclaration.load(str(file))


def test_a_large_value_is_cut_where_a_message_shows_it(tmp_path: Path) -> None:
    file = tmp_path / "file.yaml"
    file.write_text(f"parameters: [{', '.join(['1'] * 10_000)}]\ndata: [{'1, ' * 10_000}]\n")
    for read in (load_space, SpecDeclaration.load):
        with pytest.raises(TabVAEError) as caught:
            read(str(file))
        assert all(len(line) < 500 for line in str(caught.value).splitlines())


def test_what_json_does_not_know_is_null(tmp_path: Path) -> None:
    assert finite({1: (math.nan, 2), "b": -math.inf}) == {"1": [None, 2], "b": None}
    file = Location(tmp_path / "file.json")
    write_json(file, {"a": math.nan, "name": "café", "broken": "\udcff"})
    assert file.read_text() == '{\n "a": null,\n "name": "café",\n "broken": "\\udcff"\n}\n'
    assert read_document(file) == {"a": None, "name": "café", "broken": "\udcff"}
