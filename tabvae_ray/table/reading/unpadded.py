"""CSV files without the spaces around their cells, where these are no part of the values."""

from collections.abc import Callable, Sequence

from tabvae_ray.table.declaration import ColumnDeclaration, SpecDeclaration
from tabvae_ray.table.formats.numerals.finding import find_number_format
from tabvae_ray.table.formats.padding import find_padding
from tabvae_ray.table.reading.cells import NULL_WORDS, Cells, Mask
from tabvae_ray.table.reading.csv_file import CsvFile
from tabvae_ray.table.reading.odd_dates import moments_among

__all__ = ["without_padding"]

# Cells that are looked at first, as most columns have no padding.
_LOOKED_AT = 100
# In a column of numbers, dates or codes, nearly all texts have a digit.
_MIN_SHARE = 0.9


def without_padding(
    file: CsvFile, declared: SpecDeclaration, say: Callable[[str, str], None]
) -> tuple[CsvFile, dict[str, str]]:
    """Return a file without the spaces around numbers, dates, truth values and codes.

    Other text stays as it is, unless its declaration says otherwise.

    Args:
        file: The file.
        declared: Declaration of some or all columns.
        say: Called with the name of a column and a warning.

    Returns:
        The file, and the padding of its columns where all cells of one have the same.
    """
    paddings: dict[str, str] = {}
    changed: dict[str, Cells] = {}
    for name in map(str, file.typed):
        if declared.leaves_out(name) or not _are_padded(file.texts(name, _LOOKED_AT)):
            continue
        own = declared.columns.get(name)
        cells = file.cells(name)
        texts: list[str] = cells.distinct.to_pylist()
        stripped = cells.respelled([text.strip(" ") for text in texts])
        if _are_padded(_declared_texts(own)) or not _are_values(stripped, own, declared, name):
            continue
        padding = None if own is None else own.padding
        if padding is None:
            padding = find_padding([t for t in texts if t.strip(" ") not in NULL_WORDS])
        if padding is not None:
            paddings[name] = padding
        elif _are_plain(stripped, own):
            say(
                name,
                "some of its cells have spaces around them and others have not; synthetic ones "
                "have none",
            )
        else:
            continue
        changed[name] = stripped
    return (file.with_cells(changed) if changed else file), paddings


def _are_padded(texts: Sequence[str]) -> bool:
    return any(text != text.strip(" ") and text.strip(" ") for text in texts)


def _declared_texts(own: ColumnDeclaration | None) -> list[str]:
    if own is None:
        return []
    given = (*(own.categories or ()), *(own.missing_values or ()), own.pattern, own.rare_label)
    return [text for text in given if isinstance(text, str)]


def _are_values(
    stripped: Cells, own: ColumnDeclaration | None, declared: SpecDeclaration, name: str
) -> bool:
    """Return True if the cells of a column are more than text without the spaces."""
    if declared.kind_of(name) in ("continuous", "datetime") or (own and own.categories):
        return True
    rest = ~stripped.are_null_words & ~stripped.are_blank
    has_digit = stripped.match(r"\d") & rest
    return bool(rest.any()) and (
        bool(has_digit.sum() >= _MIN_SHARE * rest.sum()) or _are_truths(stripped, rest)
    )


def _are_plain(stripped: Cells, own: ColumnDeclaration | None) -> bool:
    """Return True for numbers, amounts, dates and truth values, to which spaces add nothing."""
    rest = ~stripped.are_null_words & ~stripped.are_blank
    if not stripped.match(r"^[+-]?0\d")[rest].any() and stripped.are_numbers[rest].all():
        return True
    if find_number_format(stripped.words(rest)) is not None:
        return True
    moments, _ = moments_among(stripped, rest, None if own is None else own.format)
    return bool(moments[rest].all()) or _are_truths(stripped, rest)


def _are_truths(stripped: Cells, rest: Mask) -> bool:
    return bool(stripped.among({"True", "False", "TRUE", "FALSE", "true", "false"})[rest].all())
