"""Print the lowest versions that pyproject.toml declares, as constraints for pip.

``make test-lowest`` installs them. A package that is named after the program keeps the version
that pip chooses: ``python tests/lowest_versions.py torch``.
"""

import re
import sys
import tomllib
from pathlib import Path

__all__ = ["lowest_versions"]

_PROJECT = Path(__file__).parents[1] / "pyproject.toml"
# Tools are not part of what users install.
_EXTRAS = ("cluster", "mlflow", "fake")
_LOWEST = re.compile(r"(?P<name>[\w.-]+)(\[[\w,]+\])?>=(?P<version>[\w.]+)")


def lowest_versions(project: Path = _PROJECT) -> dict[str, str]:
    """Return the lowest version of each package that the project needs, by name."""
    content = tomllib.loads(project.read_text(encoding="utf-8"))["project"]
    needs = list(content["dependencies"])
    for extra in _EXTRAS:
        needs += content["optional-dependencies"].get(extra, ())
    found = map(_LOWEST.match, needs)
    return {match["name"]: match["version"] for match in found if match is not None}


if __name__ == "__main__":
    for name, version in lowest_versions().items():
        if name not in sys.argv[1:]:
            print(f"{name}=={version}")  # noqa: T201
