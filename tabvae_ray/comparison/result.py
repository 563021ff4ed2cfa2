"""Result of a comparison, as numbers and as files."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tabvae_ray.comparison.scores.membership.success import MembershipAttacks
from tabvae_ray.comparison.scores.privacy import Privacy
from tabvae_ray.comparison.scores.usefulness import Usefulness
from tabvae_ray.documents import finite
from tabvae_ray.table.rules.counting import RuleCounts

__all__ = ["Comparison"]


@dataclass(repr=False)
class Comparison:
    """Result of comparing one synthetic table with the real one.

    Attributes:
        scores: A number per score.
        score_collections: A number per column, per collection.
        array_collections: Two numbers per column, real and synthetic, per statistic.
        plots: PNG files by name.
        plot_collections: PNG files by column (or table), per collection.
        privacy: Details of ``dcr_share``, if it is in the plan.
        membership: Details of ``membership_black_box``, if it is in the plan.
        usefulness: Details of ``tstr``, if it is in the plan.
        rules: Rows that break each rule of the real table, if they were counted.
        warnings: Facts that the scores do not show, one sentence each.
    """

    scores: dict[str, float] = field(default_factory=dict)
    score_collections: dict[str, dict[str, float]] = field(default_factory=dict)
    array_collections: dict[str, dict[str, tuple[float, float]]] = field(default_factory=dict)
    plots: dict[str, bytes] = field(default_factory=dict)
    plot_collections: dict[str, dict[str, bytes]] = field(default_factory=dict)
    privacy: Privacy | None = None
    membership: MembershipAttacks | None = None
    usefulness: Usefulness | None = None
    rules: RuleCounts | None = None
    warnings: tuple[str, ...] = ()

    def __repr__(self) -> str:
        scores = ", ".join(f"{name}={value:.4f}" for name, value in self.scores.items())
        n_plots = len(self.plots) + sum(map(len, self.plot_collections.values()))
        plots = f"; {n_plots} pictures" if n_plots else ""
        warnings = f"; {len(self.warnings)} warnings" if self.warnings else ""
        return f"Comparison({scores}{plots}{warnings})"

    def flat_scores(self) -> dict[str, float]:
        """Return all scores under one name each: ``mean_js_distance``, ``js_distance/Age``."""
        flat = dict(self.scores)
        for collection, members in self.score_collections.items():
            flat |= {f"{collection}/{name}": value for name, value in members.items()}
        return flat

    def arrays(self) -> dict[str, dict[str, dict[str, float | None]]]:
        """Return array collections for JSON by statistic, column, ``real`` and ``synthetic``."""
        found: dict[str, dict[str, dict[str, float | None]]] = finite(
            {
                name: {
                    column: {"real": real, "synthetic": synthetic}
                    for column, (real, synthetic) in members.items()
                }
                for name, members in self.array_collections.items()
            }
        )
        return found

    def files(self) -> dict[str, bytes]:
        """Return everything but the scores as files, by relative path.

        Paths are such as ``arrays/means.json``, which holds
        ``{column: {"real": ..., "synthetic": ...}}``, ``plots/pdf.png`` and ``plots/pdf/Age.png``.
        """
        files = {
            f"arrays/{name}.json": _json_file(members) for name, members in self.arrays().items()
        }
        if self.privacy is not None:
            files["privacy.json"] = _json_file(self.privacy.to_mapping())
        if self.membership is not None:
            files["membership.json"] = _json_file(self.membership.to_mapping())
        if self.usefulness is not None:
            files["usefulness.json"] = _json_file(self.usefulness.to_mapping())
        files |= {f"plots/{name}.png": content for name, content in self.plots.items()}
        for name, members in self.plot_collections.items():
            file_names = _file_names(list(members))
            for member, content in members.items():
                files[f"plots/{name}/{file_names[member]}.png"] = content
        return files


def _json_file(content: Mapping[str, Any]) -> bytes:
    return (json.dumps(finite(content), indent=1, ensure_ascii=False) + "\n").encode()


def _file_names(names: list[str]) -> dict[str, str]:
    """Choose a file name per column that is valid on every file system and unique in lower case."""
    taken: set[str] = set()
    files = {}
    for name in names:
        stem = re.sub(r"[^\w .()+-]", "_", name).strip(" .")[:80] or "_"
        file, n = stem, 2
        while file.lower() in taken:
            file, n = f"{stem}-{n}", n + 1
        taken.add(file.lower())
        files[name] = file
    return files
