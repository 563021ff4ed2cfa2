"""The type of options that name a file or directory to read."""

from glob import has_magic, iglob
from pathlib import Path
from typing import Any

import click

from tabvae_ray.command_line.similar_paths import similar_beside
from tabvae_ray.uri import check_slashes, special_kind

__all__ = ["TABLE_SUFFIXES", "UNREADABLE", "InputPath", "InputTable", "no_table"]

TABLE_SUFFIXES = (".csv", ".csv.gz", ".parquet")
UNREADABLE = "cannot be read"
# How to convert files of other kinds with pandas, by suffix.
_TEXT = "dtype=str, keep_default_na=False).to_csv(new_file, index=False)"
_TYPED = ").to_parquet(new_file, index=False)"
_CONVERTED = {
    (".xlsx", ".xls", ".xlsm", ".xlsb", ".ods"): "read_excel(file).to_csv(new_file, index=False)",
    (".tsv", ".tab"): rf"read_csv(file, sep='\t', {_TEXT}",
    (".jsonl", ".ndjson"): f"read_json(file, lines=True{_TYPED}",
    (".json",): f"read_json(file{_TYPED}",
    (".feather", ".arrow"): f"read_feather(file{_TYPED}",
    (".orc",): f"read_orc(file{_TYPED}",
    (".dta",): f"read_stata(file{_TYPED}",
    (".sav",): f"read_spss(file{_TYPED}",
    (".sas7bdat", ".xpt"): f"read_sas(file, encoding='latin-1'{_TYPED}",
    (".pkl", ".pickle"): f"read_pickle(file{_TYPED}",
    (".csv.zip", ".csv.bz2", ".csv.xz", ".csv.zst"): f"read_csv(file, {_TEXT}",
}
_ABSENT = f"{UNREADABLE}: there is no such file or directory"


class InputPath(click.Path):
    """A path or URI to read from; a path on this machine, or glob pattern, must exist.

    Only that is checked, and that it is no pipe, socket or device, because it takes no time.
    Everything else is checked where the file is opened.

    Args:
        may_be_name: Whether a word without a suffix may be a name instead.
    """

    def __init__(self, *, may_be_name: bool = False) -> None:
        super().__init__(readable=False)
        self._may_be_name = may_be_name

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path as given, or raise ``click.BadParameter``."""
        text = str(super().convert(value, param, ctx))
        check_slashes(text)
        path = Path(text).expanduser()
        is_name = self._may_be_name and len(path.parts) == 1 and not path.suffix
        if "://" not in text and not is_name:
            try:
                absent = not path.exists() and not path.is_symlink()
            except (OSError, ValueError):
                # Left to the function that opens it, which says what is wrong with the name.
                absent = False
            if absent and not any(iglob(str(path), recursive=True)):
                self.fail(f"{text:.200}: {_ABSENT}{similar_beside(path)}")
            if (kind := special_kind(path)) not in (None, "directory"):
                self.fail(f"{text:.200}: {UNREADABLE}: is a {kind}, but must be a file")
        return text


class InputTable(InputPath):
    """A path or URI of a table, whose suffix says how it is read.

    Args:
        may_be_many: Whether it may be a directory or a glob pattern of files instead.
    """

    def __init__(self, *, may_be_many: bool = False) -> None:
        super().__init__()
        self._may_be_many = may_be_many

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path as given, or raise ``click.BadParameter``."""
        text: str = super().convert(value, param, ctx)
        if "://" in text or text.lower().endswith(TABLE_SUFFIXES):
            return text
        if self._may_be_many and (Path(text).expanduser().is_dir() or has_magic(text)):
            return text
        self.fail(f"{text:.200}: {no_table(text)}", param, ctx)


def no_table(name: str) -> str:
    """Return what is wrong with a file whose name is not that of a table, and what helps."""
    rule = f"a table must end in {', '.join(TABLE_SUFFIXES)}"
    for suffixes, call in _CONVERTED.items():
        if name.lower().endswith(suffixes):
            return f"{rule}; make it one by pandas.{call}"
    return rule
