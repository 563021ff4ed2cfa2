"""Usage errors come before anything heavy is imported."""

import subprocess
import sys

import pytest

HEAVY = ("torch", "ray", "pandas", "optuna", "scipy", "matplotlib", "numpy", "pydantic")
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
        ("search --replay nope.json", "--replay: nope.json: cannot be read"),
        ("search --space beta --trials 0", "--trials must be >= 1"),
        ("generate --model nope --rows 1 --out a.csv", "--model: nope: cannot be read"),
        ("generate --rows 1 --out a.csv", "--model"),
        ("compare --real nope.csv --synthetic no.csv", "--synthetic: no.csv: cannot be read"),
        ("compare --real {here} --synthetic {here} --plots pdff --out x", "did you mean pdf?"),
        ("compare --real {here} --synthetic {here} --plots pdf", "--plots: must come with --out"),
        ("report --search nope", "--search: nope: cannot be read"),
        ("space bta", "did you mean beta?"),
        ("serach", "Did you mean 'search'?"),
    ],
)
def test_nothing_heavy_is_imported(arguments: str, message: str) -> None:
    words = arguments.format(here=__file__).split()
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *words], capture_output=True, text=True, check=False
    )
    assert message in done.stderr
    assert done.stdout == "2 []\n"


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
