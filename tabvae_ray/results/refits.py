"""The refit of a search's chosen model, as ``search.json`` records it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from tabvae_ray.command_line.lines import counted

__all__ = ["SEARCHED", "RefitRecord", "refit_text"]

# In the search's directory: the model as the search trained it, if best/ was refitted.
SEARCHED = "searched"


@dataclass(frozen=True)
class RefitRecord:
    """A finished refit.

    Args:
        epochs: Epochs trained.
        rows: Rows trained on.
        data: Where they were read from, credentials masked.
        same_table: True if they are the rows of the search, the held-out ones included.
    """

    epochs: int
    rows: int
    data: str
    same_table: bool = True

    @classmethod
    def of(cls, chosen: Mapping[str, Any] | None) -> Self | None:
        """Return the refit of a manifest's ``chosen``; None if the model was not refitted."""
        found = (chosen or {}).get("refit")
        if not isinstance(found, Mapping) or "epochs" not in found:
            return None
        return cls(
            int(found["epochs"]),
            int(found["rows"]),
            str(found.get("data", "")),
            bool(found.get("same_table", True)),
        )

    def to_mapping(self) -> dict[str, Any]:
        """Return the refit for JSON."""
        return asdict(self)

    @property
    def training(self) -> str:
        """The training of the refitted model, in words."""
        rows = f"all {self.rows:,} rows" + ("" if self.same_table else f" of {self.data}")
        return f"refitted on {rows} for {counted(self.epochs, 'epoch')}"

    @property
    def scores_of(self) -> str:
        """The origin of the scores of the refitted model, in words."""
        return (
            f"The model was {self.training}. Its scores and its privacy verdict are those of the "
            "searched model, which was trained without the held-out rows: after a refit no rows "
            "are left to measure on."
        )


def refit_text(chosen: Mapping[str, Any] | None) -> str | None:
    """Return a sentence on the refit, or on why there was none; None if none was asked for."""
    found = RefitRecord.of(chosen)
    if found is not None:
        return f"{found.scores_of} The searched model is in {SEARCHED}/."
    skipped = ((chosen or {}).get("refit") or {}).get("skipped")
    return None if skipped is None else f"The model was not refitted: {skipped}."
