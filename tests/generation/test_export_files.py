"""The replacement of an export: at every moment the old or the new one can be loaded."""

import json
from pathlib import Path

import pandas as pd
import pytest

from tabvae_ray.errors import ExportError
from tabvae_ray.generation import export_files
from tabvae_ray.generation.export_files import copy_export, loaded_files, read_provenance
from tabvae_ray.generation.shards.run import generate_shards
from tabvae_ray.generation.synthesizer import TabularVAESynthesizer, load_synthesizer
from tabvae_ray.storage import Location
from tabvae_ray.table.spec import TableSpec
from tabvae_ray.tabular_vae import TabularVAE
from tests.support.tables import small_config


class Killed(BaseException):
    """Ends a write as a signal would."""


@pytest.fixture(scope="module")
def other(_mixed: pd.DataFrame, mixed_spec: TableSpec) -> TabularVAESynthesizer:
    vae = TabularVAE.build(mixed_spec, small_config(**{"training.max_n_epochs": 1}), seed=1)
    vae.fit(_mixed)
    return vae.synthesizer()


def test_whenever_a_replacement_is_killed_one_of_the_two_exports_is_there(
    synthesizer: TabularVAESynthesizer,
    other: TabularVAESynthesizer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    old, new = (made.generate(20) for made in (synthesizer, other))
    write, remove = Location.write_bytes, Location.remove
    left = 0

    def count() -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise Killed

    def write_if_alive(location: Location, content: bytes) -> None:
        count()
        write(location, content)

    def remove_if_alive(location: Location) -> None:
        count()
        remove(location)

    monkeypatch.setattr(Location, "write_bytes", write_if_alive)
    monkeypatch.setattr(Location, "remove", remove_if_alive)
    met = []
    for n in range(8):
        directory = tmp_path / str(n)
        left = 99
        synthesizer.save(directory)
        left = n
        try:
            other.save(directory)
        except Killed:
            pass
        rows = load_synthesizer(directory).generate(20)
        met.append("new" if rows.equals(new) else "old" if rows.equals(old) else "neither")
        left = 99
        other.save(directory)
        assert {file.name for file in directory.iterdir()} == {
            "README.md", "model.safetensors", "scores.json", "synthesizer.json",
        }  # fmt: skip
        assert load_synthesizer(directory).generate(20).equals(new)
    assert met == ["old", "old", *["new"] * 6]


def test_shards_are_made_of_the_weights_that_a_killed_replacement_has_left(
    synthesizer: TabularVAESynthesizer, other: TabularVAESynthesizer, tmp_path: Path
) -> None:
    """``synthesizer.json`` and weights of its own are the new ones, ``model.safetensors`` not."""
    model, expected = tmp_path / "killed", tmp_path / "expected"
    synthesizer.save(model)
    other.save(expected)
    document = json.loads((expected / "synthesizer.json").read_text())
    staged = f"model-{'0' * 16}.safetensors"
    (model / staged).write_bytes((expected / "model.safetensors").read_bytes())
    (model / "synthesizer.json").write_text(json.dumps({**document, "weights": staged}))
    assert loaded_files(Location(model)) == loaded_files(Location(expected))
    for name in loaded_files(Location(expected)):
        assert loaded_files(Location(expected))[name] == (expected / name).read_bytes()
    of_killed, of_expected = (
        generate_shards(path, 20, tmp_path / "rows" / path.name, shard_rows=20)
        for path in (model, expected)
    )
    assert of_killed.fingerprint == of_expected.fingerprint
    assert of_killed.shards == of_expected.shards


def test_a_copy_is_the_same_export(synthesizer: TabularVAESynthesizer, tmp_path: Path) -> None:
    synthesizer.save(tmp_path / "a", scores={"x": 1.0}, provenance={"trial": 3})
    copy_export(Location(tmp_path / "a"), Location(tmp_path / "b"))
    for file in (tmp_path / "a").iterdir():
        assert (tmp_path / "b" / file.name).read_bytes() == file.read_bytes()
    assert read_provenance(Location(tmp_path / "b")) == {"trial": 3}
    with pytest.raises(ExportError, match="there is no such directory"):
        copy_export(Location(tmp_path / "c"), Location(tmp_path / "d"))


@pytest.mark.parametrize("name", ["../model.safetensors", "/etc/passwd", 7, "model-x.safetensors"])
def test_weights_of_another_name_are_refused(
    synthesizer: TabularVAESynthesizer, tmp_path: Path, name: object
) -> None:
    synthesizer.save(tmp_path)
    file = tmp_path / "synthesizer.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "weights": name}))
    with pytest.raises(ExportError, match=r"weights must be model\.safetensors"):
        load_synthesizer(tmp_path)


@pytest.mark.parametrize("header", ["own", "none"])
def test_weights_that_are_longer_than_their_header_says_are_not_read(
    synthesizer: TabularVAESynthesizer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    header: str,
) -> None:
    synthesizer.save(tmp_path)
    file = tmp_path / "model.safetensors"
    if header == "none":
        file.write_bytes(b"")
    with file.open("r+b") as weights:
        # Takes no room on the disk.
        weights.truncate(3 * 2**30)
    read = Location.read_bytes

    def read_small(location: Location, max_bytes: int | None = None) -> bytes:
        assert location.name != file.name
        return read(location, max_bytes)

    monkeypatch.setattr(Location, "read_bytes", read_small)
    said = "has 3,221,225,472 bytes, but" if header == "own" else "has no header of tensors"
    with pytest.raises(ExportError, match=f"model.safetensors: not safetensors: {said}"):
        load_synthesizer(tmp_path)


def test_large_weights_are_read_if_they_are_as_long_as_their_header_says(
    synthesizer: TabularVAESynthesizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synthesizer.save(tmp_path)
    monkeypatch.setattr(export_files, "_LARGE_BYTES", 4_000)
    assert (tmp_path / "model.safetensors").stat().st_size > 4_000
    load_synthesizer(tmp_path)
