"""Rows of a table on the disk, until the table is whole: a Parquet file without its end cannot be read."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from rtseg.errors import MissingDependencyError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_BLOCK = 1 << 20


class Rows:
    """A file of Arrow streams, one behind the other, each whole in itself. Used by one thread."""

    def __init__(self, path: Path) -> None:
        """Make the file, empty; OSError if it cannot be made."""
        # pyarrow takes no file name that is not UTF-8, and a file it opened hides what the disk said.
        self._file = path.open("w+b")

    def take_over(self, path: Path, length: int) -> None:
        """Add the first `length` bytes of another such file; OSError if that fails or there are fewer."""
        with path.open("rb") as other:
            while length > 0:
                block = other.read(min(length, _BLOCK))
                if not block:
                    raise OSError(f"{path.name} is shorter than it was")
                self._file.write(block)
                length -= len(block)
        self._file.flush()

    def append(self, table: Any) -> None:  # noqa: ANN401 (pyarrow's types are not imported)
        """Add the rows of `table`, a pyarrow Table; OSError if the disk is full, or gone."""
        with load_pyarrow().ipc.new_stream(self._file, table.schema) as stream:
            stream.write_table(table)
        self._file.flush()

    def tables(self) -> Iterator[Any]:
        """All rows there are, as pyarrow Tables, in order."""
        pyarrow = load_pyarrow()
        self._file.seek(0, os.SEEK_END)
        end = self._file.tell()
        self._file.seek(0)
        while self._file.tell() < end:
            with pyarrow.ipc.open_stream(self._file) as stream:
                yield stream.read_all()

    def close(self) -> None:
        """Close the file; it stays."""
        self._file.close()


def load_pyarrow() -> Any:  # noqa: ANN401 (the module)
    """Import pyarrow, with the parts that `import pyarrow` leaves out.

    Raises:
        MissingDependencyError: it is not installed.
    """
    try:
        import pyarrow
        import pyarrow.csv
        import pyarrow.ipc
        import pyarrow.parquet
    except ImportError as error:
        raise MissingDependencyError("pyarrow", extra="table") from error
    return pyarrow
