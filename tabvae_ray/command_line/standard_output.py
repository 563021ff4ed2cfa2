"""A table on stdout, for the option ``--out -``."""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["STDOUT", "table_for_stdout"]

STDOUT = "-"


@contextmanager
def table_for_stdout() -> Iterator[str]:
    """Yield the path of a CSV file, and copy what the block has written to it to stdout.

    A block that fails prints nothing, so that no reader takes a part for the whole.
    """
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "rows.csv"
        yield str(path)
        with path.open("rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)
        sys.stdout.buffer.flush()
