import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import tabvae_ray
from tabvae_ray.compare import main
from tabvae_ray.comparison.options import SCORES
from tabvae_ray.comparison.pictures.canvas import Picture
from tabvae_ray.comparison.plan import ComparisonPlan
from tabvae_ray.comparison.plot_names import PICTURES, PLOTS
from tabvae_ray.errors import ConfigError, DataError, StorageError
from tabvae_ray.storage import Location

# Messages and pages are the same with fewer trees.
pytestmark = pytest.mark.usefixtures("few_trees")


@pytest.fixture
def tables(tmp_path: Path) -> tuple[Path, Path]:
    real = pd.DataFrame({"x": [0.5, 1.5, 2.5, 2.5] * 25, "city": ["Zürich", "a, b", "c", "c"] * 25})
    synthetic = pd.DataFrame({"city": ["Zürich", "c"] * 40, "x": [0.5, 2.25] * 40})
    real.to_csv(tmp_path / "real.csv", index=False)
    synthetic.to_parquet(tmp_path / "synthetic.parquet")
    return tmp_path / "real.csv", tmp_path / "synthetic.parquet"


def _arguments(tables: tuple[Path, Path], *more: str) -> list[str]:
    return ["--real", str(tables[0]), "--synthetic", str(tables[1]), *more]


def test_json_has_the_scores_and_the_js_distance_of_every_column_on_its_last_line(
    tables: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(_arguments(tables, "--json")) == 0
    scores = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert 0 < scores["mean_js_distance"] < 1
    assert 0 < scores["correlation_distance"] < 1
    assert set(scores["js_distance"]) == {"x", "city"}


def test_without_json_a_table_is_printed(
    tables: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(_arguments(tables)) == 0
    out = capsys.readouterr().out
    assert "mean_js_distance" in out
    assert "city" in out


def test_a_table_against_itself_scores_zero(
    tables: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(_arguments((tables[0], tables[0]), "--json")) == 0
    scores = json.loads(capsys.readouterr().out)
    assert scores["mean_js_distance"] == scores["correlation_distance"] == 0


def test_a_spec_decides_what_a_column_is(
    tables: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "spec.yaml").write_text("categorical: [x, city]\n", encoding="utf-8")
    assert main(_arguments(tables, "--spec", str(tmp_path / "spec.yaml"), "--json")) == 0
    captured = capsys.readouterr()
    assert "x: 50% of the synthetic table has values that the real table never has" in captured.err


def test_a_synthetic_table_without_a_column_is_refused(
    tables: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pd.DataFrame({"x": [1.0, 2.0]}).to_csv(tmp_path / "less.csv", index=False)
    assert main(_arguments((tables[0], tmp_path / "less.csv"))) == 2
    assert "lacks the columns ['city']" in capsys.readouterr().err


def test_a_table_that_is_not_there_is_one_message(
    tables: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(_arguments((tables[0], Path("nowhere.csv")))) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "nowhere.csv" in error


def _predictable(n: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    return pd.DataFrame({"x": x, "noise": rng.normal(size=n), "y": np.where(x > 0, "a", "b")})


@pytest.fixture
def sampled(tmp_path: Path) -> tuple[Path, Path, Path]:
    paths = tuple(tmp_path / f"{name}.csv" for name in ("real", "synthetic", "held_out"))
    for seed, path in enumerate(paths):
        _predictable(200, seed).to_csv(path, index=False)
    return paths  # type: ignore[return-value]


def test_known_and_secret_columns_are_attacked_with_held_out_rows(
    sampled: tuple[Path, Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "spec.yaml").write_text("privacy: {known: [x], secret: [y]}\n", encoding="utf-8")
    plan = _plan(tmp_path, "scores: [membership_black_box, dcr_share]")
    more = ["--spec", str(tmp_path / "spec.yaml"), "--no-levels", *plan]
    assert main(_arguments(sampled[:2], *more[:3])) == 0
    assert "spec names under `privacy` was not measured" in " ".join(
        capsys.readouterr().out.split()
    )
    assert main(_arguments(sampled[:2], *more, "--held-out", str(sampled[2]))) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "Someone who has synthetic rows and knows x of a person guesses y rightly in" in said
    assert "1 betrays every training row: no leak found" in said
    assert main(_arguments(sampled[:2], *more, "--held-out", str(sampled[2]), "--json")) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])["disclosure_attacks"]
    assert found["known"] == ["x"] and found["verdict"].startswith("Someone who has synthetic rows")
    # x tells y in the population, whoever is in the table.
    assert found["inference"]["y"]["n_control_success"] > 190
    assert found["inference"]["y"]["low"] == 0


def test_held_out_rows_and_a_target_add_their_scores(
    sampled: tuple[Path, Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    more = ["--held-out", str(sampled[2]), "--target", "y", "--json"]
    assert main(_arguments(sampled[:2], *more)) == 0
    document = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert {*SCORES, "js_distance"} - {"rules_kept"} < document.keys()
    names = list(document)
    assert names.index("membership_black_box") < names.index("dcr_share")
    assert document["tstr"] > 0.95
    assert document["usefulness"]["metric"] == "AUC"
    assert document["privacy"]["n_held_out"] == 200
    assert 0.2 < document["dcr_share"] < 0.8
    levels = document["levels"]["resample"]["mean_js_distance"]
    assert 0 < levels["spread"] < levels["mean"]


def test_levels_and_verdicts_stand_beside_the_scores(
    sampled: tuple[Path, Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(_arguments(sampled[:2])) == 0
    out = capsys.readouterr().out
    assert "resample 0." in out
    assert "No synthetic row is an exact copy." in out


def test_out_takes_scores_arrays_and_pictures(
    sampled: tuple[Path, Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new" / "folder"
    assert main(_arguments(sampled[:2], "--out", str(out))) == 0
    capsys.readouterr()
    assert {"pdf.png", "cdf.png", "pca.png"} < {file.name for file in (out / "plots").iterdir()}
    scores = json.loads((out / "scores.json").read_text(encoding="utf-8"))
    assert scores["mean_js_distance"] > 0
    means = json.loads((out / "arrays" / "means.json").read_text(encoding="utf-8"))
    assert means["x"].keys() == {"real", "synthetic"}


def test_only_the_plots_that_are_asked_for_are_drawn(
    sampled: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    more = ["--out", str(tmp_path / "out"), "--plots", "pca, pdf", "--no-levels"]
    assert main(_arguments(sampled[:2], *more)) == 0
    drawn = {file.name for file in (tmp_path / "out" / "plots").iterdir()}
    assert drawn == {"pca.png", "pdf.png"}


def test_a_plan_decides_what_is_computed(
    sampled: tuple[Path, Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text("scores: [pair_trends]\nscore_collections: [column_shapes]\n", encoding="utf-8")
    assert main(_arguments(sampled[:2], "--plan", str(plan), "--json")) == 0
    document = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert set(document["column_shapes_per_column"]) == {"x", "noise", "y"}
    assert "mean_js_distance" not in document


def _plan(folder: Path, text: str) -> list[str]:
    (folder / "plan.yaml").write_text(text, encoding="utf-8")
    return ["--plan", str(folder / "plan.yaml")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("scores: []\nscores: [kl]\n", "line 2, column 1: the key stands twice: scores"),
        ("scores: " + "[" * 40 + "]" * 40, "must be nested at most 32 deep"),
    ],
)
def test_a_plan_is_read_within_bounds(
    sampled: tuple[Path, Path, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    text: str,
    message: str,
) -> None:
    assert main(_arguments(sampled[:2], *_plan(tmp_path, text))) == 2
    error = capsys.readouterr().err
    assert "plan.yaml: cannot be read as YAML: " in error and message in error
    assert len(error.splitlines()) == 1


def test_a_target_alone_does_not_hide_copies(
    sampled: tuple[Path, Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    copy = (sampled[0], sampled[0])
    assert main(_arguments(copy, "--target", "y", "--no-levels", "--json")) == 0
    document = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert document["privacy"]["exact_copies"] == 200
    assert document["privacy"]["n_training"] == 200
    assert document["usefulness"]["n_tested"] == 50


def test_held_out_rows_count_for_privacy_whatever_the_plan_lists(
    sampled: tuple[Path, Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = [*_plan(tmp_path, "scores: [mean_js_distance]"), "--held-out", str(sampled[2])]
    assert main(_arguments(sampled[:2], *more, "--json")) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])["privacy"]
    assert found["n_held_out"] == 200
    assert 0.2 < found["dcr_share"] < 0.8


def test_a_score_and_the_collection_of_its_name_are_both_in_the_document(
    sampled: tuple[Path, Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "scores: [column_shapes]\nscore_collections: [js_distance, column_shapes]\n"
    more = _plan(tmp_path, text + "array_collections: [means, stds]\n")
    assert main(_arguments(sampled[:2], *more, "--json")) == 0
    document = json.loads(capsys.readouterr().out.splitlines()[-1])
    shapes = document["column_shapes_per_column"]
    assert document["column_shapes"] == pytest.approx(sum(shapes.values()) / 3)
    assert document["js_distance"].keys() == shapes.keys() == {"x", "noise", "y"}
    assert document["arrays"]["means"]["x"].keys() == {"real", "synthetic"}
    assert {"js_distance/x", "column_shapes/y"} < document["levels"]["fresh"].keys()


def test_pictures_of_a_plan_need_a_place_or_are_declined(
    sampled: tuple[Path, Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = _plan(tmp_path, "scores: []\nplots: [pca]\nplot_collections: [pdf]\n")
    assert main(_arguments(sampled[:2], *more)) == 2
    assert "--plan: has pictures, which go to --out" in capsys.readouterr().err
    assert main(_arguments(sampled[:2], *more, "--plots", "none")) == 0
    out = tmp_path / "out"
    assert main(_arguments(sampled[:2], *more, "--plots", "none", "--out", str(out))) == 0
    assert not (out / "plots").exists()
    assert main(_arguments(sampled[:2], *more, "--out", str(out))) == 0
    assert {"pca.png", "pdf"} == {file.name for file in (out / "plots").iterdir()}


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--plots", "pdf"], "--plots: must come with --out"),
        (["--out", "{}/o", "--plots", "pfd"], "but got 'pfd'"),
        (["--target", "nowhere"], "target: must be one of 'x', 'noise', 'y', but got 'nowhere'"),
        (["--plan", "{}/absent.yaml"], "absent.yaml"),
    ],
)
def test_a_wrong_option_is_one_message(
    more: list[str],
    message: str,
    sampled: tuple[Path, Path, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(_arguments(sampled[:2], *(m.format(tmp_path) for m in more))) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.out == ""
    assert not (tmp_path / "o").exists()


def test_the_help_page_names_every_plot(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    words = " ".join(capsys.readouterr().out.split())
    *most, last = PLOTS
    assert f"some of {', '.join(most)} and {last}," in words
    rare = [name for name in PLOTS if name not in PICTURES]
    assert f"all but {' and '.join(rare)};" in words


def test_the_table_says_what_columns_are_and_which_way_is_better(
    sampled: tuple[Path, Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(_arguments(sampled[:2], "--target", "y", "--no-levels")) == 0
    out = capsys.readouterr().out
    assert "numbers (2): x, noise" in out and "categories (1): y" in out
    assert "lower is better" in out and "higher is better" in out
    assert "held-out real rows" not in out


def test_names_with_ends_of_lines_stay_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = pd.DataFrame({"is\nit?": ["a", "b"] * 40, "City, Town": ["x", "y", "z", "z"] * 20})
    table.to_csv(tmp_path / "real.csv", index=False)
    assert main(_arguments([tmp_path / "real.csv"] * 2, "--no-levels")) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "  categories (2): is it?, 'City, Town'" in lines
    assert [line for line in lines if line.startswith("  is it?  ")]


def test_rules_that_are_broken_are_a_score_and_stand_with_their_rows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 90, (2, 400))
    real = pd.DataFrame({"a": a, "b": b, "total": a + b, "y": rng.choice(["u", "v"], 400)})
    made = real.assign(total=np.where(np.arange(400) < 100, 999, real["total"]))
    paths = tmp_path / "real.csv", tmp_path / "made.csv"
    real.to_csv(paths[0], index=False)
    made.to_csv(paths[1], index=False)
    assert main(_arguments(paths, "--json", "--no-levels")) == 0
    document = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert document["rules_kept"] == pytest.approx(0.75)
    assert document["rules"] == {"kept": 0.75, "broken": {"total = a + b": 100}}


def test_only_rows_that_were_held_out_are_called_so(
    sampled: tuple[Path, Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(_arguments(sampled[:2], "--target", "y")) == 0
    verdicts = capsys.readouterr().out.splitlines()[-2:]
    assert "held-out real rows" not in verdicts[1]
    assert main(_arguments(sampled[:2], "--target", "y", "--held-out", str(sampled[2]))) == 0
    assert "held-out real rows" in capsys.readouterr().out.splitlines()[-1]


def test_lines_wrap_at_words_where_columns_are_set(
    sampled: tuple[Path, Path, Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    assert main(_arguments(sampled[:2])) == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 60


@pytest.mark.parametrize("is_there", [False, True])
def test_what_cannot_be_written_as_a_whole_leaves_nothing(
    sampled: tuple[Path, Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    is_there: bool,
) -> None:
    out = tmp_path / "a" / "b"
    if is_there:
        out.mkdir(parents=True)
        (out / "notes.txt").write_text("mine")
    write = Location.write_bytes

    def full(location: Location, content: bytes) -> None:
        if location.name == "scores.json":
            raise StorageError(f"{location}: cannot be written: No space left on device")
        write(location, content)

    monkeypatch.setattr(Location, "write_bytes", full)
    options = ["--no-levels", "--out", str(out), "--plots", "pdf"]
    assert main(_arguments(sampled[:2], *options)) == 2
    assert out.parent.exists() == is_there
    assert [file.name for file in out.rglob("*")] == (["notes.txt"] if is_there else [])


def test_tables_in_memory_are_compared_as_files_are(mixed: pd.DataFrame, tmp_path: Path) -> None:
    rows = mixed.sample(frac=1, replace=True, random_state=1)
    with pytest.raises(ConfigError, match=r"^target must be text, but got 3$"):
        tabvae_ray.compare(mixed, rows, target=3)
    done = tabvae_ray.compare(mixed, rows, target="smoker")
    assert done.scores["column_shapes"] == done.column_shapes > 0.9
    assert done.columns["js_distance"]["age"] < 0.2
    html = done._repr_html_()
    assert "floor" in html and "ceiling" in html and "tstr" in html
    # Shuffled columns have the same values.
    shapes = html[html.index("column_shapes") :]
    cells = re.findall(r">([^<]*)</td>", shapes[: shapes.index("</tr>")])
    assert cells[-2] == "-" and "a fresh sample" in cells[-1]
    assert "mean_js_distance" in repr(done) and len(repr(done).splitlines()) <= 10
    with pytest.raises(AttributeError, match="has no attribute 'dcr_share'"):
        _ = done.dcr_share
    out = tmp_path / "out"
    tabvae_ray.compare(mixed, rows, levels=False, out=out, plots=["pca"])
    assert (out / "scores.json").exists() and (out / "plots" / "pca.png").exists()


def test_plots_are_figures_that_a_notebook_shows(mixed: pd.DataFrame) -> None:
    plan = ComparisonPlan(scores=("mean_js_distance",))
    done = tabvae_ray.compare(mixed, mixed, plan=plan, levels=False)
    for plot, part in (
        *(("pdf", "age"), ("cdf", "city"), ("pdf", None), ("pca", None)),
        *(("correlation_heatmaps", None), ("correlation_heatmaps", "difference")),
    ):
        figure = done.figure(plot, part)
        assert isinstance(figure, Picture) and figure._repr_png_().startswith(b"\x89PNG")
    with pytest.raises(ConfigError, match="did you mean age"):
        done.figure("pdf", "agee")
    with pytest.raises(ConfigError, match="plot: must be some of"):
        done.figure("histogram")


def test_what_is_no_table_is_refused(mixed: pd.DataFrame) -> None:
    with pytest.raises(DataError, match="the synthetic table: must be a path, a DataFrame"):
        tabvae_ray.compare(mixed, [1, 2])
