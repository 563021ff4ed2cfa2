"""The package and its help page start at once, by CPU time, whatever else the machine does."""

import resource
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
# Of so many starts the fastest counts.
_STARTS = 3


def cpu_seconds(*words: str) -> float:
    """Return the CPU time of the fastest of some starts of a Python process."""
    taken = []
    for _ in range(_STARTS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        taken.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(taken)


def test_the_package_is_imported_in_a_tenth_of_a_second() -> None:
    assert cpu_seconds("-c", "import tabvae_ray") - cpu_seconds("-c", "pass") <= 0.1


def test_the_help_page_comes_within_three_tenths() -> None:
    assert cpu_seconds("-m", "tabvae_ray", "--help") <= 0.3


def test_importing_the_package_loads_no_metadata_of_packages() -> None:
    script = "import sys, tabvae_ray; assert 'importlib.metadata' not in sys.modules"
    # Without the site module, which may load it for an editable installation.
    subprocess.run([sys.executable, "-S", "-c", script], check=True, cwd=ROOT)
