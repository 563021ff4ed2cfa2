"""A search space written as YAML, for people to read and edit."""

import io
from collections.abc import Mapping
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from tabvae_ray.config import TabularVAEConfig
from tabvae_ray.space.search_space import SearchSettings, SearchSpace

__all__ = ["dumped", "in_one_line", "space_yaml"]

# Written even where they have their defaults, because people look for them.
_KEPT = ("max_n_epochs", "n_trials", "seed")


def space_yaml(space: SearchSpace) -> str:
    """Return a space as YAML without what is a default; :func:`parse_space` reads the same."""
    mapping = space.to_mapping()
    default = TabularVAEConfig().model_dump(mode="json")
    base = {
        section: changed
        for section, leaves in mapping["base"].items()
        if (changed := {k: v for k, v in leaves.items() if k in _KEPT or v != default[section][k]})
    }
    settings = SearchSettings().model_dump(mode="json")
    search = {k: v for k, v in mapping["search"].items() if k in _KEPT or v != settings[k]}
    comparison = type(space.comparison)().model_dump(mode="json")
    document = {
        "base": base,
        "parameters": {
            name: in_one_line({"type": p.type, **p.model_dump(mode="json", exclude_defaults=True)})
            for name, p in space.parameters.items()
        },
        "objectives": mapping["objectives"],
        "with_target": mapping.get("with_target"),
        "constraints": {
            name: {k: v for k, v in bounds.items() if v is not None}
            for name, bounds in mapping["constraints"].items()
        },
        "initial": [
            {name: in_one_line(value) for name, value in point.items()}
            for point in mapping["initial"]
        ],
        "search": search,
        "comparison": {k: v for k, v in mapping["comparison"].items() if v != comparison[k]},
    }
    return dumped({key: value for key, value in document.items() if value})


def dumped(document: Mapping[str, Any]) -> str:
    """Return a document as YAML without aliases, a line for each value that is in one line."""
    yaml, text = YAML(), io.StringIO()
    yaml.width = 1000
    yaml.representer.ignore_aliases = lambda _: True
    yaml.dump(document, text)
    return text.getvalue()


def in_one_line(value: Any) -> Any:
    """Return a list or mapping such that it is written in one line, and another value as it is."""
    if isinstance(value, dict):
        line: CommentedMap | CommentedSeq = CommentedMap(value)
    elif isinstance(value, list | tuple):
        line = CommentedSeq(value)
    else:
        return value
    line.fa.set_flow_style()
    return line
