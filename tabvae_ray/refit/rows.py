"""The rows of a refit: in memory where they fit, and otherwise a part for the encoder."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import pyarrow as pa

from tabvae_ray.results.search_manifest import SearchManifest
from tabvae_ray.space.search_space import SearchSettings
from tabvae_ray.storage import Location
from tabvae_ray.table.composed.columns import say_other_texts
from tabvae_ray.table.dataset.coverage import rare_rows
from tabvae_ray.table.dataset.files import is_dataset
from tabvae_ray.table.dataset.parquet import ParquetTable
from tabvae_ray.table.dataset.sample import Sample, sample_positions
from tabvae_ray.table.declaration import RulesDeclaration, SpecDeclaration
from tabvae_ray.table.io import fingerprint, frame_from_files, read_sample, read_table
from tabvae_ray.table.reading.markers import as_declared
from tabvae_ray.table.rules.column_views import TableView
from tabvae_ray.table.rules.declared import rules_of
from tabvae_ray.table.spec import TableSpec
from tabvae_ray.table.values.spec_types import OF_THE_ROWS

__all__ = ["RefitRows", "read_refit_rows", "spec_of_other_rows"]

# A table with more cells is streamed: in memory a training takes about 50 bytes for each.
_MOST_CELLS = 20_000_000
# Rules of a search have up to 1% of exceptions. Other rows, also the whole table of a sample, have
# more by chance.
_MOST_EXCEPTIONS = 0.02
# Dtypes of NumPy that cannot be missing.
_WITHOUT_MISSING = re.compile(r"u?int\d+|bool")


@dataclass(frozen=True)
class RefitRows:
    """The rows of a refit.

    Args:
        table: All rows, or those that the encoder is fitted to.
        sample: The rows that a search of this table sees.
        streamed: The table, if it is read batch by batch.
    """

    table: pd.DataFrame
    sample: Sample
    streamed: ParquetTable | None = None

    def are_those_of(self, manifest: SearchManifest) -> bool:
        """Return True if a search had the same table."""
        known = manifest.table
        n_rows = known.get("whole_rows", known.get("rows", self.sample.n_rows))
        if self.sample.n_rows != n_rows:
            return False
        return fingerprint(self.sample.rows) == known.get("fingerprint")

    def described(self, workers: int) -> Mapping[str, Any] | None:
        """Return what determines a streamed training besides the encoder; None in memory."""
        if self.streamed is None:
            return None
        groups = zip(self.streamed.files, self.streamed.groups, strict=True)
        files = [(str(file.location), file.location.size(), sum(rows)) for file, rows in groups]
        return {"files": files, "workers": workers}


def read_refit_rows(
    source: Location,
    declared: SpecDeclaration,
    settings: SearchSettings,
    *,
    min_rows: int,
    workers: int | None = None,
) -> RefitRows:
    """Read the rows of a refit.

    Parquet with many cells is not read as a whole. The encoder is then fitted to the sample of the
    search, and to rows with the categories and missing values that the sample has too few of.

    Args:
        source: The table.
        declared: Declaration of its columns.
        settings: The settings of the search.
        min_rows: The number of rows that share a value of the model.
        workers: Workers that are asked for, which only train on a table that is streamed.

    Raises:
        DataError: If it is no table.
        StorageError: If it cannot be read.
    """
    is_parquet = source.suffix == ".parquet" or is_dataset(source)
    found = ParquetTable.open(source) if is_parquet else None
    if found is not None and found.n_rows:
        cells = found.n_rows * len(found.schema)
        if workers is not None or cells > _MOST_CELLS:
            return _streamed(found, declared, settings, min_rows)
    sample = read_sample(source, declared, rows=settings.rows, seed=settings.seed)
    return RefitRows(read_table(source, declared) if sample.is_part else sample.rows, sample)


def spec_of_other_rows(manifest: SearchManifest, table: pd.DataFrame, source: str) -> TableSpec:
    """Return the spec of rows that a search has not seen, in the same columns.

    Ranges and categories are those of the rows, and rules have as many exceptions as there are.
    A warning counts the rows in which text is not put together as in the search.

    Args:
        manifest: The search.
        table: The rows.
        source: Name of the table in error messages.

    Raises:
        DataError: If the rows cannot be modelled, or too many of them break a rule of the search.
    """
    declared = _for_other_rows(SpecDeclaration.from_mapping(manifest.spec), table)
    no_rules = declared.model_copy(update={"rules": RulesDeclaration(find=False)})
    found = TableSpec.infer(table, declared=no_rules, source=source)
    read = as_declared(table, found.columns)
    say_other_texts(found.columns, read, source)
    entries = []
    for rule in TableSpec.from_mapping(manifest.spec).rules:
        names = (rule.column, *rule.given)
        # A rule of columns that are not modelled is refused below.
        if set(names) <= set(found.names):
            view = TableView(read, [found[name] for name in names])
            share = float(rule.broken(view).mean())
            if rule.exceptions < share <= _MOST_EXCEPTIONS:
                rule = rule.model_copy(update={"exceptions": share})
        entries.append({"kind": rule.kind, **rule.model_dump(mode="json", exclude_defaults=True)})
    known = RulesDeclaration(find=False, add=tuple(entries))
    return found.model_copy(update={"rules": rules_of(read, found.columns, known, source)})


def _for_other_rows(declared: SpecDeclaration, table: pd.DataFrame) -> SpecDeclaration:
    """Return a declaration without what other rows of the same columns may change.

    A dtype that cannot be missing is left out where values of ``table`` are.
    """
    columns = {}
    for name, column in declared.columns.items():
        changes: dict[str, None] = dict.fromkeys(OF_THE_ROWS)
        if column.dtype is not None and _WITHOUT_MISSING.fullmatch(column.dtype):
            if name in table and table[name].isna().any():
                changes["dtype"] = None
        columns[name] = column.model_copy(update=changes)
    return declared.model_copy(update={"columns": columns})


def _streamed(
    table: ParquetTable, declared: SpecDeclaration, settings: SearchSettings, min_rows: int
) -> RefitRows:
    size = min(settings.rows or table.n_rows, table.n_rows)
    if size == table.n_rows:
        rows = frame_from_files(table.read(), declared, table.location)
        return RefitRows(rows, Sample(rows, len(rows)), table)
    positions = sample_positions(table.n_rows, size, settings.seed)
    drawn = table.take(positions)
    rare = rare_rows(
        table,
        drawn,
        positions,
        categorical=[
            name for name in table.schema.names if declared.kind_of(name) == "categorical"
        ],
        least=min_rows,
    )
    joined = pa.concat_tables([drawn, rare]).unify_dictionaries()
    sample = Sample(frame_from_files(drawn, declared, table.location), table.n_rows)
    return RefitRows(frame_from_files(joined, declared, table.location), sample, table)
