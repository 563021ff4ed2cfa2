"""Print the lowest versions that pyproject.toml declares, as requirements for pip.

PyTorch is left out: it is large, and its old builds are not on every index.
"""

import re
import sys
import tomllib
from pathlib import Path

_LEFT_OUT = ("torch",)
# A dependency of a dependency whose later versions old ones do not work with.
_FURTHER = ("python-dateutil<3",)
_LOWEST = re.compile(r"([A-Za-z0-9._-]+)(?:\[[a-z,]*\])?>=([0-9.]+)")


def lowest(requirements: list[str]) -> list[str]:
    """Pin requirements to their lower bounds.

    Raises:
        ValueError: If one has none.
    """
    pinned = []
    for requirement in requirements:
        found = _LOWEST.match(requirement)
        if found is None:
            raise ValueError(f"{requirement}: has no lower bound")
        if found[1] not in _LEFT_OUT:
            pinned.append(f"{found[1]}=={found[2]}")
    return pinned


if __name__ == "__main__":
    text = (Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8")
    pinned = lowest(tomllib.loads(text)["project"]["dependencies"])
    sys.stdout.write("\n".join([*pinned, *_FURTHER]) + "\n")
