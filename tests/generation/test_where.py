"""Rows that keep conditions."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tabvae_ray import TableSpec, TabularVAE, TabularVAEConfig, load_synthesizer, read_table
from tabvae_ray.errors import TabVAEError
from tabvae_ray.generate import main
from tabvae_ray.generation.synthesizer import TabularVAESynthesizer

HEART = Path(__file__).parents[2] / "assets" / "heart.csv"


@pytest.fixture(scope="module", params=["independent", "autoregressive", "column_hidden"])
def synthesizer(request: pytest.FixtureRequest) -> TabularVAESynthesizer:
    table = read_table(str(HEART))
    config = TabularVAEConfig().replace(
        {
            "training.max_n_epochs": 15,
            "training.batch_size": 128,
            "architecture.decoder": (
                "independent" if request.param == "independent" else "autoregressive"
            ),
            "architecture.column_hidden": 32 if request.param == "column_hidden" else 0,
            "architecture.encoder_layer_sizes": [64],
            "architecture.latent_dim": 8,
        }
    )
    vae = TabularVAE.build(TableSpec.infer(table), config, seed=0)
    vae.fit(table)
    return vae.synthesizer()


def test_every_row_keeps_the_conditions(synthesizer: TabularVAESynthesizer) -> None:
    rows = synthesizer.generate(300, seed=1, where={"Sex": "F", "Age": (60, None)})
    assert len(rows) == 300
    assert set(rows["Sex"]) == {"F"}
    assert rows["Age"].min() >= 60
    assert rows.dtypes.equals(synthesizer.generate(5).dtypes)


def test_the_same_seed_gives_the_same_rows(synthesizer: TabularVAESynthesizer) -> None:
    first, second, other = (
        synthesizer.generate(50, seed=seed, where={"Sex": "F"}) for seed in (1, 1, 2)
    )
    pd.testing.assert_frame_equal(first, second)
    assert not first.equals(other)


def test_conditions_leave_the_other_columns_as_they_are_among_such_rows(
    synthesizer: TabularVAESynthesizer,
) -> None:
    free = synthesizer.generate(40_000, seed=3)
    among = free[(free["Sex"] == "F") & (free["Age"] >= 55)]
    asked = synthesizer.generate(len(among), seed=4, where={"Sex": "F", "Age": (55, None)})
    for column in ("HeartDisease", "ExerciseAngina", "ST_Slope"):
        shares = [part[column].value_counts(normalize=True) for part in (among, asked)]
        difference = shares[0].sub(shares[1], fill_value=0).abs().max()
        # Two samples of n rows differ by less than this 9,999 times of 10,000.
        assert difference < 4 * np.sqrt(0.5 / len(among)), column


def test_a_range_that_cuts_bins_has_the_values_of_such_rows(
    synthesizer: TabularVAESynthesizer,
) -> None:
    free = synthesizer.generate(150_000, seed=5)
    where = {"Cholesterol": (195, 238), "Oldpeak": (0.3, 1.5)}
    among = free[free["Cholesterol"].between(195, 238) & free["Oldpeak"].between(0.3, 1.5)]
    n = 6000
    asked = synthesizer.generate(n, seed=6, where=where)
    assert len(among) > n
    assert asked["Cholesterol"].between(195, 238).all() and asked["Oldpeak"].between(0.3, 1.5).all()
    assert asked.attrs["draws"] < 10 * n
    for column in ("Cholesterol", "Oldpeak", "Age", "MaxHR"):
        # Kolmogorov-Smirnov at a level of one in ten thousand.
        limit = 2.23 * np.sqrt(1 / n + 1 / len(among))
        points = np.union1d(among[column], asked[column])
        shares = [
            np.searchsorted(np.sort(part[column].to_numpy()), points, side="right") / len(part)
            for part in (among, asked)
        ]
        assert np.abs(shares[0] - shares[1]).max() < limit, column
    for column in ("HeartDisease", "Sex"):
        ends = [part[column].value_counts(normalize=True).sort_index() for part in (among, asked)]
        assert (ends[0] - ends[1]).abs().max() < 4 * np.sqrt(0.5 / n), column


@pytest.mark.parametrize(
    "where",
    [{"Sx": "F"}, {"Sex": "X"}, {"Age": (70, 60)}, {"Age": (500, None)}, {"Age": "old"}],
)
def test_a_condition_that_no_row_can_keep_is_refused_by_name(
    synthesizer: TabularVAESynthesizer, where: dict[str, object]
) -> None:
    with pytest.raises(TabVAEError, match=next(iter(where))):
        synthesizer.generate(5, where=where)


def test_the_command_takes_conditions(
    synthesizer: TabularVAESynthesizer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    synthesizer.save(tmp_path / "model")
    out = tmp_path / "rows.csv"
    options = ["--model", str(tmp_path / "model"), "--rows", "40", "--out", str(out)]
    options += ["--where", "Sex=F", "--where", "Age=60:"]
    assert main(options) == 0
    assert "draws" in capsys.readouterr().err
    rows = pd.read_csv(out)
    assert set(rows["Sex"]) == {"F"}
    assert rows["Age"].min() >= 60
    expected = load_synthesizer(tmp_path / "model").generate(
        40, where={"Sex": "F", "Age": (60, None)}
    )
    assert rows["Age"].tolist() == expected["Age"].tolist()
    assert main([*options, "--where", "Sex"]) == 2
    assert capsys.readouterr().err.startswith("error: ")


def test_conditions_from_python_may_be_written_as_the_column_is(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    level, balance = rng.gamma(1, 3, 400).round(1), rng.normal(0, 300, 400).round(2)
    words = np.where(balance < 0, " DR", " CR")
    written = [f"{abs(value):.2f}{word}" for value, word in zip(balance, words, strict=True)]
    text = ["<0.5" if value < 0.5 else str(value) for value in level]
    file = tmp_path / "levels.csv"
    pd.DataFrame({"level": text, "balance": written}).to_csv(file, index=False)
    table = read_table(str(file))
    config = TabularVAEConfig().replace({"training.max_n_epochs": 1})
    vae = TabularVAE.build(TableSpec.infer(table), config)
    vae.fit(table)
    model = vae.synthesizer()
    assert (model.generate(5, where={"level": "<0.5"})["level"] < 0.5).all()
    assert (model.generate(5, where={"balance": (None, "12.00 DR")})["balance"] <= -12).all()
    with pytest.raises(TabVAEError, match="'about 5' cannot be compared with it: it is no number"):
        model.generate(5, where={"level": "about 5"})


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ({3: 4}, "3 is not a column"),
        ({"Age": np.array([40, 50])}, "'Age' is continuous: ask for a value or a tuple"),
        ({"Age": range(40, 50)}, "'Age' is continuous: ask for a value or a tuple"),
        ({"Sex": [["F"]]}, "'Sex' must be a list of values"),
        ({"Sex": {"F": 1}}, "'Sex' must be a list of values"),
    ],
)
def test_conditions_of_other_types_are_refused(
    synthesizer: TabularVAESynthesizer, where: dict, message: str
) -> None:
    with pytest.raises(TabVAEError, match=message):
        synthesizer.generate(3, where=where)


def test_categories_may_come_from_a_column(synthesizer: TabularVAESynthesizer) -> None:
    wanted = pd.Series(["ATA", "NAP", "ATA"])
    for values in (wanted, wanted.unique(), pd.Index(wanted), set(wanted)):
        rows = synthesizer.generate(20, where={"ChestPainType": values})
        assert set(rows["ChestPainType"]) <= {"ATA", "NAP"}
