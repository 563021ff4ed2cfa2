import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load, load_file, save_file

from tabvae_ray.errors import ConfigError, DataError, ExportError, StorageError, TabVAEError
from tabvae_ray.generation.export import FORMAT_VERSION
from tabvae_ray.generation.model_card import model_card
from tabvae_ray.generation.synthesizer import BLOCK_ROWS, TabularVAESynthesizer, load_synthesizer
from tabvae_ray.results.latent_use import latent_verdict
from tabvae_ray.storage import Location
from tabvae_ray.table.spec import TableSpec
from tabvae_ray.tabular_vae import TabularVAE
from tests.support.tables import small_config


@pytest.fixture(scope="session")
def _export(synthesizer: TabularVAESynthesizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("export") / "best"
    synthesizer.save(path, scores={"mean_js_distance": 0.05}, provenance={"trial": 3})
    return path


@pytest.fixture
def export(_export: Path, tmp_path: Path) -> Path:
    """An export of one's own, to break."""
    shutil.copytree(_export, tmp_path / "best")
    return tmp_path / "best"


def rewrite(export: Path, change: Callable[[dict[str, Any]], object]) -> None:
    file = export / "synthesizer.json"
    document = json.loads(file.read_text(encoding="utf-8"))
    change(document)
    file.write_text(json.dumps(document), encoding="utf-8")


def nested(depth: int) -> Any:
    return {"a": nested(depth - 1)} if depth else 1


def reweigh(export: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    tensors = load_file(export / "model.safetensors")
    change(tensors)
    save_file(tensors, export / "model.safetensors")


# --- rows ---------------------------------------------------------------------------------------


def test_rows_have_the_columns_dtypes_and_ranges_of_the_table(
    mixed: pd.DataFrame, synthesizer: TabularVAESynthesizer
) -> None:
    rows = synthesizer.generate(500)
    assert len(rows) == 500
    assert rows.dtypes.to_dict() == mixed.dtypes.to_dict()
    for name in synthesizer.spec.continuous:
        assert rows[name].min() >= mixed[name].min() and rows[name].max() <= mixed[name].max()
    for name in synthesizer.spec.categorical:
        assert set(rows[name].dropna()) <= set(mixed[name].dropna())
    assert rows["weight"].isna().any() and not rows["age"].isna().any()


def test_the_same_seed_gives_the_same_rows_and_another_one_others(
    synthesizer: TabularVAESynthesizer,
) -> None:
    rows = synthesizer.generate(200, seed=1)
    torch.manual_seed(99)
    pd.testing.assert_frame_equal(rows, synthesizer.generate(200, seed=1))
    assert not rows.equals(synthesizer.generate(200, seed=2))


def test_blocks_may_be_made_in_any_order(synthesizer: TabularVAESynthesizer) -> None:
    n = BLOCK_ROWS + 10
    whole = synthesizer.generate(n, seed=5, compact=True)
    assert len(whole) == n
    (last,) = synthesizer.generate_blocks(10, seed=5, first_block=1, compact=True)
    pd.testing.assert_frame_equal(whole.tail(10).reset_index(drop=True), last)
    first = next(synthesizer.generate_blocks(n, seed=5, compact=True))
    pd.testing.assert_frame_equal(whole.head(BLOCK_ROWS), first)


def test_no_rows_are_a_table_without_rows(
    mixed: pd.DataFrame, synthesizer: TabularVAESynthesizer
) -> None:
    rows = synthesizer.generate(0)
    assert len(rows) == 0
    assert rows.dtypes.to_dict() == mixed.dtypes.to_dict()


def test_identifiers_are_numbered_across_blocks(mixed: pd.DataFrame) -> None:
    table = mixed[["smoker"]].assign(key=[f"k{i}" for i in range(len(mixed))])
    with pytest.warns(UserWarning, match="taken for an identifier"):
        spec = TableSpec.infer(table)
    numbered = spec["key"].model_copy(update={"fill": "number"})
    spec = spec.model_copy(update={"columns": (spec["smoker"], numbered)})
    vae = TabularVAE.build(spec, small_config(**{"training.max_n_epochs": 1}))
    vae.fit(table)
    rows = vae.generate(BLOCK_ROWS + 5)
    assert rows["key"].tolist() == list(range(BLOCK_ROWS + 5))


def test_a_low_temperature_comes_to_the_likeliest_rows_and_a_high_one_to_noise(
    synthesizer: TabularVAESynthesizer,
) -> None:
    def spread(**options: Any) -> float:
        codes = synthesizer.encoder.encode(synthesizer.generate(2000, **options))
        return float(np.mean([len(np.unique(column)) for column in codes.T]))

    def city(**options: Any) -> pd.Series:
        return synthesizer.generate(2000, **options)["city"].value_counts(normalize=True)

    cold, usual, hot = (city(temperature=t).max() for t in (0.05, 1.0, 50.0))
    assert cold > usual > hot
    # The code of rare values, one of six, is drawn from the five cities.
    assert hot == pytest.approx(1 / 5, abs=0.04)
    assert spread(temperature=0.05) < spread()


def test_the_likeliest_codes_of_the_mean_are_one_row_but_for_draws_inside_bins(
    synthesizer: TabularVAESynthesizer,
) -> None:
    rows = synthesizer.generate(300, use_mean=True, sample=False)
    codes = synthesizer.encoder.encode(rows)
    assert len(np.unique(codes, axis=0)) == 1
    drawn = synthesizer.generate(300, use_mean=True)
    assert len(np.unique(synthesizer.encoder.encode(drawn), axis=0)) > 100
    likeliest = synthesizer.generate(300, sample=False)
    assert len(np.unique(synthesizer.encoder.encode(likeliest), axis=0)) > 1


def test_the_defaults_are_those_of_the_configuration(trained: TabularVAE) -> None:
    made = trained.synthesizer()
    config = made.config.replace({"generation.temperature": 3.0, "generation.use_mean": True})
    other = TabularVAESynthesizer(made.encoder, made.decoder, made.prior, config)
    pd.testing.assert_frame_equal(
        other.generate(50), made.generate(50, temperature=3.0, use_mean=True)
    )
    pd.testing.assert_frame_equal(
        other.generate(50, temperature=1.0, use_mean=False), made.generate(50)
    )


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"n_records": -1}, DataError, "must be a whole number >= 0, but got -1"),
        ({"n_records": "5"}, DataError, "number of rows must be a whole number >= 0, but got '5'"),
        ({"n_records": 2.5}, DataError, "must be a whole number >= 0, but got 2.5"),
        ({"n_records": 5, "where": "Sex=F"}, ConfigError, "where: must be a mapping of columns"),
        ({"n_records": 5, "seed": -1}, ConfigError, "seed must be a whole number >= 0, but got -1"),
        (
            {"n_records": 5, "seed": None},
            ConfigError,
            "seed must be a whole number >= 0, but got N",
        ),
        ({"n_records": 5, "seed": 2**63}, ConfigError, "the seed must be <= 9223372036854775807"),
        ({"n_records": 5, "temperature": "1"}, ConfigError, "1e-06 to 1e6, but got '1'"),
        (
            {"n_records": 5, "where": {"age": 30}, "max_draws": 2.5},
            ConfigError,
            "max_draws must be a whole number >= 1, but got 2.5",
        ),
        (
            {"n_records": 5, "temperature": 0.0},
            ConfigError,
            "must be a number from 1e-06 to 1e6, but got 0",
        ),
        (
            {"n_records": 5, "temperature": 1e-320},
            ConfigError,
            "must be a number from 1e-06 to 1e6",
        ),
        ({"n_records": 5, "temperature": 1e300}, ConfigError, "must be a number from 1e-06 to 1e6"),
        ({"n_records": 5, "temperature": float("nan")}, ConfigError, "but got nan"),
    ],
)
def test_what_cannot_be_generated_is_refused(
    synthesizer: TabularVAESynthesizer,
    options: dict[str, Any],
    error: type[TabVAEError],
    message: str,
) -> None:
    with pytest.raises(error, match=message):
        synthesizer.generate(**options)


# --- export -------------------------------------------------------------------------------------


@pytest.mark.parametrize("prior", ["standard_normal", "gmm"])
@pytest.mark.parametrize("decoder", ["independent", "autoregressive"])
def test_a_saved_and_loaded_synthesizer_makes_the_same_rows(
    mixed: pd.DataFrame, mixed_spec: TableSpec, tmp_path: Path, decoder: str, prior: str
) -> None:
    config = small_config(
        **{
            "architecture.decoder": decoder,
            "architecture.prior": prior,
            "architecture.column_order": "mutual_information",
            "transformers.max_categories": 3,
            "training.max_n_epochs": 2,
        }
    )
    vae = TabularVAE.build(mixed_spec, config)
    vae.fit(mixed)
    vae.synthesizer().save(tmp_path / "a")
    loaded = load_synthesizer(tmp_path / "a")
    assert loaded.spec == vae.encoder.spec and loaded.config == config
    for options in ({}, {"temperature": 2.0}, {"use_mean": True}, {"sample": False}):
        pd.testing.assert_frame_equal(
            loaded.generate(300, seed=4, **options),
            vae.synthesizer().generate(300, seed=4, **options),
        )
    loaded.save(tmp_path / "b")
    assert (tmp_path / "b" / "model.safetensors").read_bytes() == (
        tmp_path / "a" / "model.safetensors"
    ).read_bytes()


def test_an_export_is_weights_and_json_and_a_card(export: Path) -> None:
    assert {file.name for file in export.iterdir()} == {
        "README.md", "model.safetensors", "scores.json", "synthesizer.json",
    }  # fmt: skip
    document = json.loads((export / "synthesizer.json").read_text(encoding="utf-8"))
    assert document["format_version"] == 4
    assert document["provenance"] == {"trial": 3}
    assert json.loads((export / "scores.json").read_text()) == {"mean_js_distance": 0.05}
    card = (export / "README.md").read_text(encoding="utf-8")
    assert "| mean_js_distance | 0.05 |" in card and "- trial: 3" in card


def test_an_export_keeps_the_gated_units_of_columns_and_checks_them(
    mixed: pd.DataFrame, mixed_spec: TableSpec, tmp_path: Path
) -> None:
    config = small_config().replace(
        {"architecture.decoder": "autoregressive", "architecture.column_hidden": 8}
    )
    vae = TabularVAE.build(mixed_spec, config)
    vae.fit(mixed, progress=False)
    vae.synthesizer().save(tmp_path / "a")
    document = json.loads((tmp_path / "a" / "synthesizer.json").read_text())
    assert (document["format_version"], document["decoder"]["column_hidden"]) == (5, 8)
    loaded = load_synthesizer(tmp_path / "a")
    for options in ({}, {"where": {"smoker": True}}):
        pd.testing.assert_frame_equal(
            loaded.generate(300, seed=4, **options),
            vae.synthesizer().generate(300, seed=4, **options),
        )
    known = mixed.head(5)[["smoker", "city"]]
    assert len(loaded.complete(known, draws=8)) == 5
    assert loaded.log_prob(mixed.head(5), draws=8).lt(0).all()

    shutil.copytree(tmp_path / "a", tmp_path / "b")
    reweigh(tmp_path / "b", lambda t: t.update({"hidden.weight": t["hidden.weight"][1:].clone()}))
    with pytest.raises(ExportError, match=r"hidden\.weight has the wrong shape"):
        load_synthesizer(tmp_path / "b")
    reweigh(tmp_path / "a", lambda t: (t["hidden.bias"].fill_(1e15), t["head.weight"].fill_(1e5)))
    with pytest.raises(ExportError, match="weights give logits of up to"):
        load_synthesizer(tmp_path / "a")


def test_an_export_of_a_model_without_gated_units_says_nothing_of_them(export: Path) -> None:
    document = json.loads((export / "synthesizer.json").read_text(encoding="utf-8"))
    assert "column_hidden" not in document["decoder"]
    # Earlier releases have written no such key in the configuration either.
    rewrite(export, lambda d: d["config"]["architecture"].pop("column_hidden"))
    assert load_synthesizer(export).config.architecture.column_hidden == 0


def test_a_card_tells_that_the_latent_is_not_used(mixed_spec: TableSpec) -> None:
    verdict = latent_verdict({"kl": 2e-5}, "autoregressive")
    card = model_card(mixed_spec, {}, {"latent": verdict})
    assert "\nThe latent is not used (KL 2e-05 nats per row): this is an autoregressive" in card
    assert "latent" not in model_card(mixed_spec, {}, {})


def test_an_export_that_was_not_finished_is_none(
    tmp_path: Path, synthesizer: TabularVAESynthesizer
) -> None:
    export = tmp_path / "new"
    (export / "scores.json").mkdir(parents=True)
    (export / "model.safetensors").write_bytes(b"of an export that was interrupted")
    with pytest.raises(StorageError, match=r"scores\.json: cannot be written"):
        synthesizer.save(export)
    with pytest.raises(ExportError, match=r"not an export: it has no synthesizer\.json"):
        load_synthesizer(export)


def test_a_path_a_location_and_a_uri_are_the_same(export: Path) -> None:
    rows = load_synthesizer(export).generate(5)
    for same in (str(export), f"file://{export}", Location(export)):
        pd.testing.assert_frame_equal(load_synthesizer(same).generate(5), rows)


def test_what_is_no_directory_of_an_export_is_refused(export: Path) -> None:
    with pytest.raises(ExportError, match="nothing: there is no such directory"):
        load_synthesizer(export / "nothing")
    with pytest.raises(ExportError, match=r"not an export: it has no synthesizer\.json"):
        load_synthesizer(export / "README.md")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda d: d.update(format_version=FORMAT_VERSION + 1),
            "format_version is 6, but this tabvae_ray .* reads up to 5: install a newer",
        ),
        (lambda d: d.update(format_version=0), "format_version must be >= 1, but got 0"),
        (lambda d: d.update(format_version="1"), "is not that of a tabvae_ray export"),
        (lambda d: d.update(format_version=True), "is not that of a tabvae_ray export"),
        (lambda d: d.update(format="other"), "is not that of a tabvae_ray export"),
        (lambda d: d.pop("encoder"), "synthesizer.json has no encoder"),
        (lambda d: d["spec"].update(extra=1), "spec: extra: no such key"),
        (lambda d: d["spec"]["columns"].pop(), "has heads of .* codes, but the columns have"),
        (lambda d: d["spec"]["columns"][6]["categories"].pop(), "has heads of .* codes, but the"),
        (lambda d: d["spec"]["columns"][5]["categories"].pop(), "must be a share of each category"),
        (
            lambda d: d["encoder"]["city"].update(in_place_of_rare=[2.0, -1.0, 0.0, 0.0, 0.0]),
            "must be a share of each category",
        ),
        (lambda d: d["encoder"]["city"].update(in_place_of_rare="x"), "must be numbers"),
        (lambda d: d["decoder"].update(groups=[]), "the groups must hold each column once"),
        (lambda d: d["spec"]["columns"][1].update(maximum=1e307), "too many for 1e.307"),
        (lambda d: d["spec"]["columns"][3].update(maximum=-1e300), "must have minimum <= maximum"),
        (lambda d: d["spec"]["columns"][0].update(maximum=2**63), "are not values of dtype int64"),
        (lambda d: d["spec"]["columns"][8].update(step=2**63), "must have a step below"),
        (lambda d: d["spec"]["columns"][5].update(dtype="S2000000000"), "is not a supported"),
        (
            lambda d: d["config"]["generation"].update(temperature=1e-320),
            "must be a number from 1e-0",
        ),
        (lambda d: d.update(provenance=nested(40)), "must be nested at most 32 deep"),
        (lambda d: d["spec"]["columns"][0].update(dtype="no"), "'no' is not a supported dtype"),
        (lambda d: d["encoder"].pop("age"), "encoder: column 'age': must be an object"),
        (lambda d: d["encoder"]["age"].update(atoms=[], grid=[]), "must be finite, ascending"),
        (
            lambda d: d["encoder"]["age"].update(atoms=[[1], [1, 2]]),
            "best: encoder: column 'age': must have atoms, a grid and tails, all of numbers",
        ),
        (lambda d: d["config"]["training"].update(learning_rate=-1), "learning_rate: must be"),
        (lambda d: d["decoder"].update(slope=3), "slope must be >= 0 and < 1, but got 3"),
        (lambda d: d["decoder"].update(n_layers=2), "model.safetensors has no decoder.1.weight"),
        (lambda d: d["decoder"].update(n_layers=0), "has 32 latent dimensions, but .* 4"),
        (lambda d: d["decoder"].update(autoregressive=True), "has one column per group"),
        (lambda d: d["decoder"].update(column_hidden=8), "column_hidden cannot be 8"),
        (lambda d: d["decoder"].update(groups=None), "its parts do not fit together"),
        (lambda d: d.update(decoder=[]), "its parts do not fit together"),
        (lambda d: d.update(prior="flat"), "prior must be standard_normal or gmm, but got 'flat'"),
        (lambda d: d.update(prior="gmm"), "model.safetensors has no prior.weights, prior.means"),
    ],
)
def test_a_changed_description_is_refused(
    export: Path, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    rewrite(export, change)
    with pytest.raises(ExportError, match=message):
        load_synthesizer(export)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "synthesizer.json: cannot be read as JSON"),
        (b"\xff\xfe", "synthesizer.json: cannot be read as JSON"),
        (b"[1]", "must be a JSON object, but got list"),
        (b'{"format_version": NaN}', "numbers must be finite, but got NaN"),
        (b"[" * 100_000, "must be nested at most 32 deep"),
        (b"9" * 10_000, r"a whole number must be below 2\*\*64, but one has 10000 digits"),
        (b'{"format": "tabvae_ray synthesizer"}', "is not that of a tabvae_ray export"),
    ],
)
def test_a_description_that_is_no_json_object_is_refused(
    export: Path, content: bytes, message: str
) -> None:
    (export / "synthesizer.json").write_bytes(content)
    with pytest.raises(ExportError, match=message):
        load_synthesizer(export)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda t: t["head.bias"].fill_(torch.nan),
            "head.bias has values that are NaN or infinite",
        ),
        (lambda t: t["head.weight"][0, 0].fill_(torch.inf), "head.weight has values that are NaN"),
        (
            lambda t: t.update({"head.bias": torch.zeros(3)}),
            r"head.bias has the wrong shape \(3,\)",
        ),
        (lambda t: t.update({"head.bias": t["head.bias"].double()}), "must be float32"),
        (lambda t: t.pop("decoder.0.bias"), "model.safetensors has no decoder.0.bias"),
        (
            lambda t: t.update({"other": torch.zeros(3)}),
            "model.safetensors has an unexpected tensor 'other'",
        ),
        (
            lambda t: t["head.weight"].fill_(3e38),
            "weights give logits of up to .*, which is too large",
        ),
        (lambda t: t["head.bias"][0].fill_(3e38), "weights give logits of up to"),
        (lambda t: t["decoder.0.weight"].fill_(3e38), "weights give logits of up to"),
    ],
)
def test_changed_weights_are_refused(
    export: Path, change: Callable[[dict[str, torch.Tensor]], object], message: str
) -> None:
    reweigh(export, change)
    with pytest.raises(ExportError, match=message):
        load_synthesizer(export)


def test_truncated_missing_or_pickled_weights_are_refused(export: Path) -> None:
    weights = export / "model.safetensors"
    content = weights.read_bytes()
    for part in (content[: len(content) // 2], content[:4], b"", content + b"x"):
        weights.write_bytes(part)
        with pytest.raises(ExportError, match=r"model\.safetensors: not safetensors"):
            load_synthesizer(export)
    torch.save({"head.bias": torch.zeros(3)}, weights)
    with pytest.raises(ExportError, match=r"model\.safetensors: not safetensors"):
        load_synthesizer(export)
    weights.unlink()
    with pytest.raises(StorageError, match=r"model\.safetensors: cannot be read"):
        load_synthesizer(export)


ODD_VALUES: list[Any] = [
    None, True, -1, 0, 10**30, 1.5, "x", "", [], {}, [[]], [None], {"a": 1}, "1e400", 2**40,
]  # fmt: skip


def spots(part: Any) -> list[tuple[Any, Any]]:
    """Every place of a JSON document: its container, and its key or index."""
    if isinstance(part, dict):
        here = [(part, key) for key in part]
    elif isinstance(part, list):
        here = [(part, i) for i in range(len(part))]  # type: ignore[misc]
    else:
        return []
    return here + [spot for container, key in here for spot in spots(container[key])]


ODD_NAMES = ["../../etc/passwd", "/", "..", "a\\b", "", "\u202e", "x" * 5000, "con", "a\nb"]


def outcome(export: Path) -> str:
    """What comes of an export; anything but these two is an error of the test."""
    try:
        made = load_synthesizer(export)
    except ExportError:
        return "refused"
    assert len(made.generate(3)) == 3
    assert len(made.generate(3, use_mean=True, sample=False)) == 3
    return "loaded"


def test_whatever_stands_in_a_description_it_is_loaded_or_refused(
    _export: Path, tmp_path: Path
) -> None:
    text = (_export / "synthesizer.json").read_text(encoding="utf-8")
    broken = tmp_path / "broken"
    shutil.copytree(_export, broken)
    chance = random.Random(0)
    outcomes = []
    for _ in range(300):
        document = json.loads(text)
        del document["provenance"]
        for _ in range(chance.choice([1, 1, 1, 2, 4])):
            # Otherwise nearly all changes would be to the points of a grid.
            parts = (document.get("decoder"), document.get("spec"), document)
            found = spots(chance.choice(parts)) or spots(document)
            container, key = chance.choice(found)
            if chance.random() < 0.2:
                del container[key]
            elif chance.random() < 0.5 and isinstance(container[key], int | float):
                container[key] = container[key] * chance.choice([-1, 2, 1e-3, 1e300]) or 1
            else:
                container[key] = chance.choice(ODD_VALUES)
        changed = json.dumps(document).replace('"1e400"', "1e400")
        (broken / "synthesizer.json").write_text(changed, encoding="utf-8")
        outcomes.append(outcome(broken))
    assert outcomes.count("refused") > 150 and outcomes.count("loaded") > 0


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_column_may_have_any_name(export: Path, name: str) -> None:
    def rename(document: dict[str, Any]) -> None:
        document["encoder"][name] = document["encoder"].pop("city")
        document["spec"]["columns"][5]["name"] = name

    rewrite(export, rename)
    before = sorted(export.parent.rglob("*"))
    assert outcome(export) == "loaded"
    assert name in load_synthesizer(export).generate(3).columns
    assert sorted(export.parent.rglob("*")) == before


@pytest.mark.parametrize("decoder", ["independent", "autoregressive"])
def test_whatever_the_weights_are_they_are_loaded_or_refused(
    mixed: pd.DataFrame, mixed_spec: TableSpec, tmp_path: Path, decoder: str
) -> None:
    leaves = {"architecture.decoder": decoder, "architecture.prior": "gmm"}
    vae = TabularVAE.build(mixed_spec, small_config(**leaves, **{"training.max_n_epochs": 1}))
    vae.fit(mixed)
    vae.synthesizer().save(tmp_path / "best")
    file = tmp_path / "best" / "model.safetensors"
    # Not by load_file, which maps the file that is overwritten below.
    sound = load(file.read_bytes())
    chance = random.Random(1)
    outcomes = []
    for _ in range(120):
        tensors = {name: tensor.clone() for name, tensor in sound.items()}
        name = chance.choice(sorted(tensors))
        own = tensors[name]
        match chance.randrange(7):
            case 0:
                del tensors[name]
            case 1:
                tensors[chance.choice([*ODD_NAMES, name + "x"])] = own
                tensors.pop(name)
            case 2:
                dtype = chance.choice([torch.float64, torch.float16, torch.int64, torch.bool])
                tensors[name] = own.to(dtype)
            case 3:
                shapes: list[tuple[int, ...]] = [(), (0,), (1,), (own.numel(),), (*own.shape, 1)]
                shape = chance.choice(shapes)
                tensors[name] = torch.zeros(shape)
            case 4:
                tensors[name] = own * chance.choice([0.0, -1.0, 1e10, 1e30, 1e37])
            case _:
                worst = [torch.nan, torch.inf, -torch.inf, 3e38, -3e38, 1e-45, 0.0]
                own.view(-1)[chance.randrange(own.numel())] = chance.choice(worst)
        save_file({key: tensor.contiguous() for key, tensor in tensors.items()}, file)
        outcomes.append(outcome(tmp_path / "best"))
    assert outcomes.count("refused") > 40 and outcomes.count("loaded") > 5


def test_what_is_too_large_is_not_read(export: Path) -> None:
    for name in ("model.safetensors", "synthesizer.json"):
        with (export / name).open("r+b") as file:
            # A sparse file, which takes no disk space.
            file.truncate(2**36)
        with pytest.raises(StorageError, match=rf"{name}: .* but has 65,536\.0 MiB"):
            load_synthesizer(export)


@pytest.mark.parametrize("option", ["use_mean", "sample", "compact"])
def test_text_is_no_flag(synthesizer: TabularVAESynthesizer, option: str) -> None:
    with pytest.raises(ConfigError, match=f"{option} must be True or False, but got 'no'"):
        synthesizer.generate(2, **{option: "no"})
    synthesizer.generate(2, **{option: np.True_})


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ({"scores": 3}, "scores must be a mapping, but got 3"),
        ({"provenance": "mine"}, "provenance must be a mapping, but got 'mine'"),
        ({"scores": {"a": object()}}, "scores cannot be written as JSON"),
    ],
)
def test_what_is_no_json_is_refused_before_anything_is_written(
    synthesizer: TabularVAESynthesizer, tmp_path: Path, extra: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        synthesizer.save(tmp_path / "best", **extra)
    assert not (tmp_path / "best").exists()
