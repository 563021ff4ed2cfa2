"""Content of a CSV file: its columns with inferred dtypes, and its cells as text."""

import codecs
import csv
import io
import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import islice

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from tabvae_ray.errors import DataError, warn
from tabvae_ray.table.reading.cells import Cells
from tabvae_ray.table.reading.hints import USUAL_MARKERS

__all__ = ["CsvFile", "check_names"]

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_LETTER = re.compile(r"[^\W\d_]")
_OTHER_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}
# So many bytes and rows show how a file is laid out.
_SAMPLE = 2**20
_SAMPLE_ROWS = 30


class CsvFile:
    """Columns of a CSV file.

    Args:
        content: The bytes of the file, not compressed.
        source: Name of the file in error messages.
        is_rewritten: Whether the content was read before, and changed.

    Attributes:
        typed: The columns with the dtypes that pandas infers.
        unnamed: Names that pandas gives to columns without one, such as ``Unnamed: 0``.

    Raises:
        DataError: If the name of a column occurs twice.
        ValueError: If the content is not CSV.
    """

    def __init__(self, content: bytes, source: str, *, is_rewritten: bool = False) -> None:
        if not is_rewritten:
            _check_layout(content)
        self._content, self._source = content, source
        try:
            # Two rows, because from the header alone pandas would take an unnamed column as index.
            header = pd.read_csv(
                io.BytesIO(content), header=None, nrows=2, dtype=str, keep_default_na=False
            )
            self.typed: pd.DataFrame = pd.read_csv(io.BytesIO(content), low_memory=False)
        except pd.errors.ParserError as error:
            raise ValueError(_reason(str(error))) from None
        check_names([name for name in header.iloc[0] if name], source)
        names = zip(self.typed.columns, header.iloc[0], strict=False)
        self.unnamed = tuple(str(name) for name, written in names if not written)
        if not is_rewritten:
            self._check_lengths()
            self._check_header(header.iloc[0].tolist())

    def cells(self, name: str) -> Cells:
        """Return the cells of a column as text."""
        return Cells(name, self._texts.column(self.typed.columns.get_loc(name)))

    def texts(self, name: str, limit: int) -> list[str]:
        """Return different texts of a column, those of its first cells that have one."""
        column = pc.drop_null(self._texts.column(self.typed.columns.get_loc(name)))
        found: list[str] = pc.unique(column.slice(0, limit)).to_pylist()
        return found

    def missing_texts(self, values: pd.Series) -> dict[str, int]:
        """Return the texts that a column has where values are missing, and how often.

        Those that are missing in every column, such as ``NA``, and white space are left out.

        Args:
            values: The column as it was read.
        """
        gone = (values.isna() & self.typed[str(values.name)].notna()).to_numpy(bool)
        if not gone.any():
            return {}
        place = self.typed.columns.get_loc(values.name)
        words = pd.Series(self._texts.column(place).filter(pa.array(gone)).to_pylist())
        words = words.dropna().str.strip()
        return {str(word): int(n) for word, n in words[words != ""].value_counts().items()}

    def with_cells(self, changed: Mapping[str, Cells]) -> "CsvFile":
        """Return a file in which some columns have other cells."""
        names = ["" if name in self.unnamed else str(name) for name in self.typed.columns]
        arrays = [
            changed[str(name)].texts() if str(name) in changed else self._texts.column(i)
            for i, name in enumerate(self.typed.columns)
        ]
        made = io.BytesIO()
        # Text in quotes, so that a row without values is no blank line.
        arrays = [pc.fill_null(array, "") for array in arrays]
        pa_csv.write_csv(pa.Table.from_arrays(arrays, names=names), made)
        return CsvFile(made.getvalue(), self._source, is_rewritten=True)

    def nullable(self, names: list[str]) -> pd.DataFrame:
        """Return columns with nullable dtypes, in which integers may be missing."""
        table: pd.DataFrame = pd.read_csv(
            io.BytesIO(self._content), usecols=names, dtype_backend="numpy_nullable"
        )
        return table

    def _check_lengths(self) -> None:
        """Warn of rows that have fewer fields than the header."""
        if self._short_rows:
            warn(
                f"{self._source}: {self._short_rows:,} of {len(self.typed):,} rows have fewer "
                f"fields than the header, which has {len(self.typed.columns)}; the fields that "
                "they lack are read as empty"
            )

    def _check_header(self, names: list[str]) -> None:
        """Warn of a header that looks like a row."""
        written = [name for name in names if name]
        numbers = [name for name in written if _NUMBER.fullmatch(name)]
        if written and len(numbers) * 2 > len(written) and "." in "".join(numbers):
            warn(
                f"{self._source}: its header has names such as {numbers[0]!r}; if its first line "
                "is a row, put a line with the names of the columns before it"
            )

    @property
    def _texts(self) -> pa.Table:
        return self._parsed[0]

    @property
    def _short_rows(self) -> int:
        return self._parsed[1]

    @cached_property
    def _parsed(self) -> tuple[pa.Table, int]:
        """The cells as text, and the number of rows with too few fields."""
        n_short = 0

        def skip(row: pa_csv.InvalidRow) -> str:
            nonlocal n_short
            n_short += bool(row.text.strip())
            return "skip"

        names = [str(i) for i in range(len(self.typed.columns))]
        try:
            table = pa_csv.read_csv(
                io.BytesIO(self._content.lstrip(b"\r\n")),
                read_options=pa_csv.ReadOptions(column_names=names, skip_rows_after_names=1),
                parse_options=pa_csv.ParseOptions(
                    newlines_in_values=b'"' in self._content, invalid_row_handler=skip
                ),
                convert_options=pa_csv.ConvertOptions(
                    column_types=dict.fromkeys(names, pa.string()),
                    null_values=[""],
                    strings_can_be_null=True,
                ),
            )
            if len(table) == len(self.typed):
                return table, n_short
        except pa.ArrowInvalid:
            pass
        # pandas fills short rows, and reads what Arrow does not.
        texts = pd.read_csv(
            io.BytesIO(self._content), dtype=str, keep_default_na=False, na_values=[""]
        )
        columns = [pa.chunked_array([pa.array(texts[name], pa.string())]) for name in texts]
        return pa.table(columns, names=names), n_short


def _reason(message: str) -> str:
    """Return the reason of pandas for which a file cannot be read, in plain words, and its own."""
    if found := re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", message):
        expected, line, fields = found.groups()
        return f"line {line} has {fields} fields, but the header has {expected} ({found[0]})"
    if found := re.search(r"EOF inside string starting at row (\d+)", message):
        # pandas counts from 0.
        line = int(found[1]) + 1
        return f"a quotation mark in line {line} has no second one that ends the text ({found[0]})"
    return message


def check_names(names: Sequence[str], source: str) -> None:
    """Check that the names of columns differ.

    Raises:
        DataError: If one occurs more than once.
    """
    seen: dict[str, int] = {}
    for place, name in enumerate(names, start=1):
        if name in seen:
            raise DataError(
                f"{source}: column {name!r}: occurs more than once, as columns {seen[name]} and "
                f"{place}; rename one of them"
            )
        seen[name] = place


def _check_layout(content: bytes) -> None:
    """Refuse text with another encoding or separator, or lines above its header.

    Raises:
        ValueError: Naming all of that, and how to convert the file without a loss.
    """
    faults, options = [], []
    other = _other_encoding(content)
    sample = content[:_SAMPLE].decode(other[1] if other else "utf-8", errors="ignore")
    text = sample.lstrip("\ufeff")
    if len(content) > _SAMPLE:
        # The last line may be cut.
        text = text[: text.rfind("\n") + 1]
    rows, separator = _sample(text)
    above = _n_above_header(rows)
    if other is not None:
        faults.append(other[0])
    if separator != ",":
        faults.append(f"its columns are separated by {_OTHER_SEPARATORS[separator]}")
        options.append(f"sep={separator!r}")
    if other is not None:
        options.append(f"encoding={other[1]!r}")
    if above:
        has_mark = _names_separator(rows)
        line = "its first line names a separator"
        faults.append(line if has_mark else f"its columns are named in row {above + 1}, not 1")
        options.append(f"skiprows={above}")
    if faults:
        raise ValueError(
            f"{'; '.join(faults)}; make it UTF-8 with commas by pandas.read_csv(file, "
            f"{', '.join(options)}, dtype=str, keep_default_na=False).to_csv(new_file, index=False)"
        )


def _other_encoding(content: bytes) -> tuple[str, str] | None:
    """Return what text that is not UTF-8 is, in words and as Python calls it.

    Raises:
        ValueError: If it is no text.
    """
    start = content[:4096]
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "it is text in UTF-16", "utf-16"
    for place, code in ((1, "utf-16-le"), (0, "utf-16-be")):
        if len(start) > 1 and set(start[place:100:2]) == {0}:
            return "it is text in UTF-16", code
    if start.startswith(b"\x1f\x8b"):
        raise ValueError("it is compressed by gzip; its name must end in .csv.gz")
    if b"\0" in start:
        raise ValueError("it holds binary data")
    try:
        content.decode()
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        # Where Latin-1 has control characters, Windows has the euro sign and quotation marks.
        is_windows = 0x80 <= content[error.start] < 0xA0
        name, code = ("Windows-1252", "cp1252") if is_windows else ("Latin-1", "latin-1")
        return f"line {line} is not UTF-8 text, but perhaps {name}", code
    return None


def _sample(text: str) -> tuple[list[list[str]], str]:
    """Return the cells of the first rows and their separator, a comma if no other one is sure."""
    samples = {separator: _first_rows(text, separator) for separator in (",", *_OTHER_SEPARATORS)}
    # Names and texts may hold another separator, but where all lines have as many commas as the
    # header, these are no decimal commas.
    if _even_width(samples[","]):
        return samples[","], ","
    widths = {key: _even_width(rows[_n_above_header(rows) :]) for key, rows in samples.items()}
    # The first of equal ones, which is the comma.
    separator = max(widths, key=lambda key: widths[key])
    return samples[separator], separator


def _first_rows(text: str, separator: str) -> list[list[str]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        return [[cell.strip() for cell in row] for row in islice(reader, _SAMPLE_ROWS)]
    except csv.Error:
        return []


def _even_width(rows: list[list[str]]) -> int:
    """Return the number of columns that all rows have, 0 for none or one."""
    widths = {len(row) for row in rows if row}
    return widths.pop() if len(widths) == 1 and widths != {1} else 0


def _names_separator(rows: list[list[str]]) -> bool:
    return bool(rows) and "".join(rows[0])[:4].lower() == "sep="


def _n_above_header(rows: list[list[str]]) -> int:
    """Return the number of rows above the names of the columns, such as a title and a blank line.

    0 unless it is sure: the rows above may be a title, at least half of their cells are empty, and
    below a name there are numbers or dates alone.
    """
    if _names_separator(rows):
        return 1 + _n_above_header(rows[1:])
    width = max(map(len, rows), default=0)
    for place, names in enumerate(rows):
        written = [name for name in names if name]
        if width > 1 and 2 * len(written) > width:
            below = [row for row in rows[place + 1 :] if len(row) == width]
            is_sure = (
                any(map(any, rows[:place]))
                and all(_may_be_title(row, width) for row in rows[:place])
                and len(names) == width
                and len({*written}) == len(written)
                and all(map(_may_be_name, written))
                and any(_are_amounts([row[i] for row in below]) for i in range(width) if names[i])
            )
            return place if is_sure else 0
    return 0


def _may_be_title(row: list[str], width: int) -> bool:
    """Return False for names of columns of which some have none, such as an index."""
    return not any(row[1:]) or (len(row) < width and row[0] != "")


def _may_be_name(cell: str) -> bool:
    return _LETTER.search(cell) is not None and cell.lower() not in USUAL_MARKERS


def _are_amounts(cells: list[str]) -> bool:
    """Return True if all of two cells or more are numbers, amounts or dates."""
    present = [cell for cell in cells if cell]
    return len(present) > 1 and all(
        re.search(r"\d", cell) and not _LETTER.search(cell) for cell in present
    )
