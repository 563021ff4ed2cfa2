"""Usage errors come before anything heavy is imported."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("pyarrow", "torch", "ray", "pandas", "optuna", "scipy", "matplotlib", "numpy", "pydantic")
PROBE = f"""
import sys
from tabvae_ray.cli import main
code = main(sys.argv[1:])
print(code, [name for name in {HEAVY!r} if name in sys.modules])
"""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("search --spce x", "'--space'"),
        ("search --space bta", "did you mean beta?"),
        ("search --space nope.yaml", "--space: nope.yaml: cannot be read"),
        ("search --space beta --data nope.csv", "--data: nope.csv: cannot be read"),
        ("search --space beta --spec nope.yaml", "--spec: nope.yaml: cannot be read"),
        ("search --replay {here} --trials 3 --resume", "beside it, but got --resume, --trials"),
        ("search --replay nope.json", "--replay: nope.json: cannot be read"),
        ("search --space beta --trials 0", "--trials must be >= 1"),
        ("generate --model nope --rows 1 --out a.csv", "--model: nope: cannot be read"),
        ("generate --rows 1 --out a.csv", "--model"),
        ("compare --real nope.csv --synthetic no.csv", "--synthetic: no.csv: cannot be read"),
        ("compare --real {table} --synthetic {table} --plots pdff --out x", "did you mean pdf?"),
        ("compare --real {table} --synthetic {table} --plots pdf", "--plots: must come with --out"),
        ("search --space beta --select idael", "'idael'; did you mean ideal?"),
        ("search --data {table} --select kne", "'kne'; did you mean knee?"),
        ("search --space smoke --select weights", "weights must be 2 numbers"),
        ("search --space {broken}", "broken.yaml: cannot be read as YAML: line 1, column 5"),
        ("search --space beta --spec {broken}", "--spec: "),
        ("train --data {table} --spec {broken} --out m", "cannot be read as YAML"),
        ("train --data {table} --config {broken} --out m", "cannot be read as YAML"),
        ("train --data nope.csv --out m", "--data: nope.csv: cannot be read"),
        ("spec {table}.xlsx", "make it one by pandas.read_excel(file).to_csv(new_file"),
        ("search --data {here}", "a table must end in .csv, .csv.gz, .parquet"),
        ("compare --real {table} --synthetic {table} --plan {broken}", "cannot be read as YAML"),
        ("spec nope.csv", "nope.csv: cannot be read"),
        ("train --data {pipe} --out m", "pipe.csv: cannot be read: is a named pipe"),
        ("report --search nope", "--search: nope: cannot be read"),
        ("report", "RUN must be given"),
        ("report a --search .", "RUN must be given, the directory of a search, and only once"),
        ("report . --out page.pdf", "--out: page.pdf: a page must end in .html or .htm"),
        ("report . --out -", "--out: nothing is written to stdout here"),
        ("compare --real {table} --synthetic {table} --html -", "--html: nothing is written to"),
        ("compare --real {table} --synthetic {table} --html a", "--html: a: a page must end in"),
        ("train --data {table} --out -", "--out: nothing is written to stdout here"),
        ("search --data {table} --out=", "--out: must not be empty"),
        ("search --track tensorbord", "is not one of 'mlflow', 'tensorboard'; did you mean tens"),
        ("generate --model {here} --rows 1 --out - --device cud", "did you mean cuda?"),
        ("spec {table} --out spec.json", "--out: spec.json: a spec must end in .yaml or .yml"),
        ("spec {table} --out spec.yaml?x", "--out: spec.yaml?x: a spec must end in .yaml"),
        ("space bta", "did you mean beta?"),
        ("serach", "Did you mean 'search'?"),
    ],
)
def test_nothing_heavy_is_imported(tmp_path: Path, arguments: str, message: str) -> None:
    table, broken = tmp_path / "t.csv", tmp_path / "broken.yaml"
    table.write_text("a,b\n1,2\n")
    broken.write_text("a: [")
    Path(f"{table}.xlsx").touch()
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    words = arguments.format(here=__file__, table=table, broken=broken, pipe=pipe).split()
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *words], capture_output=True, text=True, check=False
    )
    assert message in " ".join(done.stderr.split())
    assert done.stdout == "2 []\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("search --space beta --name a/b", "--name: must be the name of a directory"),
        ("search --space {space}", "parametres: no such key; known are base, parameters"),
        ("search --space beta --spec {spec}", "contnuous: no such key; did you mean continuous?"),
        ("train --data {table} --spec {spec} --out m", "did you mean continuous?"),
        ("train --data {table} --config {config} --out m", "did you mean training?"),
        ("compare --real {table} --synthetic {table} --spec {spec}", "did you mean continuous?"),
        ("compare --real {table} --synthetic {table} --plan {plan}", "did you mean scores?"),
    ],
)
def test_what_a_file_says_is_checked_before_anything_slow_is_imported(
    tmp_path: Path, arguments: str, message: str
) -> None:
    names = {
        "table": "a,b\n1,2\n",
        "space": "parametres: {}\n",
        "spec": "contnuous: [a]\n",
        "config": "trainnig: {batch_size: 4}\n",
        "plan": "scroes: [detection]\n",
    }
    files = {name: tmp_path / f"{name}.{'csv' if name == 'table' else 'yaml'}" for name in names}
    for name, file in files.items():
        file.write_text(names[name])
    words = arguments.format(**files).split()
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *words], capture_output=True, text=True, check=False
    )
    assert message in " ".join(done.stderr.split())
    loaded = {*done.stdout.removeprefix("2 ").strip("[]\n").split(", ")}
    assert done.stdout.startswith("2 ")
    assert loaded <= {"'numpy'", "'pydantic'"}


def test_a_misspelt_file_is_recognised_by_its_neighbour(tmp_path, capsys) -> None:
    from tabvae_ray.cli import main

    (tmp_path / "patients.csv").touch()
    (tmp_path / "spec.yaml").touch()
    arguments = [
        "--synthetic",
        str(tmp_path / "spec.yaml"),
        "--real",
        str(tmp_path / "patient.csv"),
    ]
    assert main(["compare", *arguments]) == 2
    assert "did you mean patients.csv?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("typed", "meant"), [("--row", "--rows"), ("--were", "--where"), ("--modle", "--model")]
)
def test_the_nearest_option_is_suggested_alone(
    typed: str, meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from tabvae_ray.cli import main

    assert main(["generate", typed, "x"]) == 2
    assert f"No such option '{typed}'. Did you mean '{meant}'?" in capsys.readouterr().err


@pytest.mark.parametrize("options", [[], ["--name", "mine"]])
def test_a_directory_of_somebody_else_is_refused_before_ray_starts(
    tmp_path: Path, options: list[str], monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    from tabvae_ray.cli import main
    from tabvae_ray.search import early_start

    monkeypatch.setattr(early_start, "ray_started_early", lambda *_: pytest.fail("starts Ray"))
    for name in ("beta", "mine"):
        (tmp_path / name).mkdir()
        (tmp_path / name / ".env").write_text("secret")
    assert main(["search", "--space", "beta", "--out", str(tmp_path), *options]) == 2
    assert "is not empty, and holds no search (it has '.env')" in capsys.readouterr().err
    assert (tmp_path / "beta" / ".env").read_text() == "secret"
    (tmp_path / "file").touch()
    assert main(["search", "--space", "beta", "--out", str(tmp_path), "--name", "file"]) == 2
    assert "file is a file: give another --name or --out" in capsys.readouterr().err
