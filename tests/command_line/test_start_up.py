"""What the package and its help page load before they are there."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_importing_the_package_loads_itself_and_a_little_of_the_standard_library() -> None:
    script = (
        "import sys; before = set(sys.modules); import tabvae_ray\n"
        "loaded = set(sys.modules) - before\n"
        "assert {name.partition('.')[0] for name in loaded} <= "
        "{'tabvae_ray', *sys.stdlib_module_names}, loaded\n"
        "assert not loaded & {'importlib.metadata', 'dataclasses', 'inspect', 'logging'}\n"
    )
    # Without the site module, which may load modules for an editable installation.
    subprocess.run([sys.executable, "-S", "-c", script], check=True, cwd=ROOT)


def test_libraries_that_not_every_trial_needs_are_imported_only_where_they_are_used() -> None:
    """Check the modules that trials import; each process of a search would wait for them."""
    pattern = r"^(?:from|import) (?:scipy|sklearn|mlflow|matplotlib)"
    users = {
        str(file.parent.relative_to(ROOT))
        for file in (ROOT / "tabvae_ray").rglob("*.py")
        if re.search(pattern, file.read_text(), re.MULTILINE)
    }
    assert users == {"tabvae_ray/comparison/pictures"}


def test_the_help_page_needs_click_and_the_standard_library_only() -> None:
    script = (
        "import contextlib, sys\n"
        "from tabvae_ray.cli import main\n"
        "with contextlib.suppress(SystemExit): main(['--help'])\n"
        "loaded = {name.partition('.')[0] for name in sys.modules if not name.startswith('_')}\n"
        "assert loaded <= {'click', 'tabvae_ray', *sys.stdlib_module_names}, loaded\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
