"""Refuse to refit on a table that is not like the one of the search: other columns, other kinds.

Other values of the same kind are allowed: new categories, and numbers and dates beyond the range.
"""

import re
from collections.abc import Collection, Mapping
from typing import Any, Literal

import numpy as np
import pandas as pd

from tabvae_ray.errors import DataError, brief, closest
from tabvae_ray.results.search_manifest import SearchManifest
from tabvae_ray.table.declaration import ColumnDeclaration, SpecDeclaration
from tabvae_ray.table.dtypes import dtype_from_name
from tabvae_ray.table.formats.clock import clock_format, clock_moments
from tabvae_ray.table.formats.finding import possible_formats
from tabvae_ray.table.formats.number_texts import find_text_format, odd_text, read_numbers
from tabvae_ray.table.kinds import as_numeric
from tabvae_ray.table.parsing import as_datetimes, parse_iso
from tabvae_ray.table.values.spans import is_span, moments_of_spans

__all__ = ["check_alike"]

Found = Literal[
    "text", "numbers", "whole numbers", "truth values", "dates", "times of day", "durations"
]

# So many different texts show what a column of text holds.
_TEXTS = 10_000
# So many show how they are written.
_FEW_TEXTS = 100
_TRUTHS = {"true", "false"}
_WORD, _NUMBER = re.compile(r"[^\W\d_]+"), re.compile(r"\d+")
_LETTER = re.compile(r"[A-Za-z]")
_TIME = re.compile(r"time\d")
_DAY = pd.Timedelta(days=1)


def check_alike(
    table: pd.DataFrame, manifest: SearchManifest, model: Mapping[str, Any], source: str
) -> None:
    """Check that a table has the columns of that of a search, with values of the same kinds.

    Args:
        table: The rows, or some of them.
        manifest: The search.
        model: The document of its export, which tells what identifiers looked like.
        source: Name of the table in error messages.

    Raises:
        DataError: Naming every column that is gone, new, or of another kind, with a value of it.
    """
    columns = SpecDeclaration.from_mapping(manifest.spec).columns
    errors = _other_names(list(table.columns), manifest, list(columns))
    sources = {column["name"]: column.get("made_of") for column in model["spec"]["columns"]}
    for name, column in columns.items():
        if name not in table:
            continue
        patterns = [part["pattern"] for part in (sources.get(name) or {}).get("patterns", ())]
        error = _other_kind(table[name], column, patterns)
        if error is not None:
            errors.append(f"column {name!r}: {error}")
    if errors:
        raise DataError("\n".join(f"{source}: {error}" for error in errors))


def _other_names(
    names: list[str], manifest: SearchManifest, modelled: Collection[str]
) -> list[str]:
    gone = [name for name in modelled if name not in names]
    errors = [
        f"column {name!r}: is in the table of the search, but not in this one{closest(name, names)}"
        for name in gone
    ]
    left_out = manifest.left_out
    new = [name for name in names if name not in modelled and name not in (left_out or ())]
    if left_out is None and len(new) <= manifest.table["columns"] - len(modelled):
        # A search of an earlier version tells only how many columns it has left out.
        return errors
    return errors + [
        f"column {name!r}: is not in the table of the search{closest(name, gone)}; remove it, or "
        "search again to have it in the model"
        for name in new
    ]


def _other_kind(
    values: pd.Series, column: ColumnDeclaration, patterns: Collection[str]
) -> str | None:
    """Return what is wrong with the values of a column, None if nothing is."""
    present = values.dropna()
    if present.empty:
        return "has no values, but had some in the search"
    if isinstance(present.dtype, pd.CategoricalDtype):
        present = present.astype(present.cat.categories.dtype)
    wanted = _wanted(column)
    present = as_numeric(present)
    if wanted in ("numbers", "whole numbers"):
        # As the search wrote them, such as those below a limit of detection.
        present = read_numbers(present, column.format)
    is_text = pd.api.types.infer_dtype(present) == "string"
    found = _kind_of_text(present) if is_text else _kind_of_typed(present)
    if found is None or wanted is None:
        return None
    numbers = ("numbers", "whole numbers")
    if wanted == "text":
        known = column.categories or ()
        fits = found == wanted or (
            _look_so(present, found, known, patterns) if is_text else _are_among(present, known)
        )
    elif wanted == "truth values":
        # Text would be read by whether it is empty.
        fits = not is_text and (found == wanted or (found in numbers and _are_bits(present)))
    elif wanted in numbers:
        fits = found in numbers and (wanted == "numbers" or not len(_fractions(present)))
    else:
        fits = (
            found == wanted
            # Text that is no moment is refused when it is read.
            or (found == "text" and (wanted == "dates" or column.format is not None))
            or (found in numbers and _are_moments(present, column))
            or ((wanted, found) == ("durations", "times of day") and is_text)
        )
    return None if fits else _said(wanted, found, present, column.format)


def _said(wanted: Found, found: Found, values: pd.Series, written: str | None) -> str:
    odd = values
    if wanted in ("numbers", "whole numbers"):
        odd = _fractions(values) if found == "numbers" else values[_as_floats(values).isna()]
    odd = odd if len(odd) else values
    # The column may have a format in which most texts are numbers.
    text = odd_text(odd, written) if wanted in ("numbers", "whole numbers") else None
    value = odd.iloc[0] if text is None else text
    value = value.item() if isinstance(value, np.generic) else value
    shown = brief(value if isinstance(value, bool | int | float | str) else str(value))
    return f"must be {wanted} as in the search, but has {found}, such as {shown}"


def _wanted(column: ColumnDeclaration) -> Found | None:
    """Return what a column of the search held, None if that is not known."""
    dtype: Any = None if column.dtype is None else dtype_from_name(column.dtype)
    if column.kind == "datetime":
        return _kind_of_typed(pd.Series([], dtype=dtype)) if is_span(dtype) else "dates"
    if column.kind == "continuous":
        return "whole numbers" if pd.api.types.is_integer_dtype(dtype) else "numbers"
    if column.kind == "categorical" and column.categories:
        first = column.categories[0]
        if isinstance(first, bool | str):
            return "text" if isinstance(first, str) else "truth values"
        return "whole numbers" if isinstance(first, int) else "numbers"
    if dtype is None:
        return None
    return "text" if column.dtype == "str" else _kind_of_typed(pd.Series([], dtype=dtype))


def _kind_of_typed(values: pd.Series) -> Found | None:
    """Return what values are that are no text, None for types that are refused elsewhere."""
    types, dtype = pd.api.types, values.dtype
    inferred = types.infer_dtype(values)
    if types.is_bool_dtype(dtype) or inferred == "boolean":
        return "truth values"
    if is_span(dtype) or inferred in ("time", "timedelta", "timedelta64"):
        is_time = inferred == "time" or _TIME.match(str(dtype)) is not None
        return "times of day" if is_time else "durations"
    if types.is_datetime64_any_dtype(dtype) or inferred in ("date", "datetime", "datetime64"):
        return "dates"
    if types.is_integer_dtype(dtype):
        return "whole numbers"
    if types.is_numeric_dtype(dtype) and not types.is_complex_dtype(dtype):
        return "whole numbers" if len(values) and not len(_fractions(values)) else "numbers"
    return "text" if types.is_string_dtype(dtype) and not types.is_object_dtype(dtype) else None


def _kind_of_text(texts: pd.Series, *, may_be: bool = False) -> Found:
    """Return what all of some texts are, or with ``may_be`` could be."""
    distinct = texts.drop_duplicates().head(_TEXTS).astype("str").reset_index(drop=True)
    if set(distinct.str.lower()) <= _TRUTHS:
        return "truth values"
    if find_text_format(distinct, is_number=True) is not None:
        return "numbers"
    spans = moments_of_spans(distinct)
    if spans is None and clock_format(distinct.astype(object)) is not None:
        # Without seconds, or with AM and PM.
        spans = clock_moments(distinct)
    if spans is not None:
        passed = spans - pd.Timestamp(0)
        is_day = bool(((passed >= pd.Timedelta(0)) & (passed < _DAY)).all())
        return "times of day" if is_day else "durations"
    if parse_iso(distinct) is not None or possible_formats(distinct, is_date=may_be):
        return "dates"
    return "text"


def _look_so(
    values: pd.Series, found: Found, known: Collection[object], patterns: Collection[str]
) -> bool:
    """Return True if texts of the search looked like what is found, such as codes of digits."""
    if not known:
        # Of identifiers there are patterns alone, and none if they are left out.
        return not patterns or any(_LETTER.search(pattern) is None for pattern in patterns)
    texts = [str(category) for category in known]
    if any(text.isdigit() for text in texts) and bool(values.str.isdigit().all()):
        return True
    if any(_kind_of_text(pd.Series([text]), may_be=True) == found for text in texts):
        return True
    # A single month, quarter or time of day looks like text.
    shapes = {_shape(text) for text in values.drop_duplicates().head(_FEW_TEXTS)}
    of_shape = [text for text in texts if _shape(text) in shapes]
    joined = pd.Series([*of_shape, *values.drop_duplicates()], dtype="str")
    return bool(of_shape) and _kind_of_text(joined, may_be=True) == found


def _shape(text: str) -> str:
    """Return a text with one letter for each word, and one digit for each number."""
    return _WORD.sub("a", _NUMBER.sub("0", text))


def _are_among(values: pd.Series, known: Collection[object]) -> bool:
    """Return True if values that are no text are categories of the search once they are text."""
    return bool(values.astype("str").isin([str(category) for category in known]).any())


def _are_moments(values: pd.Series, column: ColumnDeclaration) -> bool:
    """Return True for numbers that are moments in the format of their column."""
    if column.format is None:
        return False
    try:
        as_datetimes(values, "", written=column.format)
    except DataError:
        return False
    return True


def _as_floats(values: pd.Series) -> pd.Series:
    return pd.to_numeric(values, errors="coerce").astype("float64")


def _fractions(values: pd.Series) -> pd.Series:
    """Return the values that are no whole numbers."""
    return values[(_as_floats(values) % 1 != 0).to_numpy(bool)]


def _are_bits(values: pd.Series) -> bool:
    return bool(values.isin([0, 1]).all())
