"""A table of the frames: when each was, what it shows and what it cost. Parquet or CSV."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import numpy as np

from rtseg.errors import MissingDependencyError, OutputError, SinkFault
from rtseg.report import rtseg_version
from rtseg.sinks.output import check_place, growing_path

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from typing_extensions import Self

    from rtseg.classes import ClassSet
    from rtseg.frame import Painted
    from rtseg.sources.base import Source

ENDINGS = (".parquet", ".csv")
STAGES = ("capture", "preprocess", "infer", "colorize")
"""The stages whose time a row tells; the row is written in the last one, present."""

_ROWS_A_BATCH = 1024


def check_table_output(path: Path, source_uri: str) -> None:
    """Check that a table can be written to `path`. Nothing is made.

    Raises:
        OutputError: it is not named as a table, or its place cannot be written to.
        MissingDependencyError: pyarrow is not installed.
    """
    if path.suffix.lower() not in ENDINGS or path.is_dir():
        raise OutputError(f"{path}: not a kind of table. Let the name end in one of: {' '.join(ENDINGS)}")
    check_place(path, source_uri)
    _pyarrow()


class TableSink:
    """One row a frame: frame, pts_s, share_CLASS, stale, fate, ms_STAGE; name too for image files.

    Shares are of the model's pixels and sum to 1. Rows are kept in batches of about a thousand and written
    under a hidden name; the table takes its own when it is closed, after an error too. A full disk leaves the
    whole batches of a CSV file, and nothing of a Parquet file, which cannot be read without its end.

    Attributes:
        warnings: stays empty.
    """

    def __init__(self, path: Path, source: Source, classes: ClassSet) -> None:
        self.warnings: list[str] = []
        self._path = path
        self._growing = growing_path(path)
        self._source_uri = source.uri
        self._classes = classes
        self._rows: list[dict[str, Any]] = []
        self._schema: Any = None
        self._writer: Any = None
        self._failure: OSError | None = None
        self._whole_bytes = 0

    def __enter__(self) -> Self:
        """Make the file; OutputError if it cannot be made there."""
        try:
            # pyarrow takes no file name that is not UTF-8, and a file it opened hides what the disk said.
            self._file = self._growing.open("wb")
        except OSError as error:
            raise OutputError(
                f"{self._path}: cannot be made ({error.strerror}). Choose another place."
            ) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Write what is left and give the table its name; SinkFault if its end could not be written."""
        self._write_rows()
        self._close_file()
        if self._whole_bytes:
            os.truncate(self._growing, self._whole_bytes)
            self._growing.replace(self._path)
        else:
            self._growing.unlink(missing_ok=True)
        if self._failure is not None and error is None:
            raise self._fault(self._failure) from self._failure

    def write(self, painted: Painted) -> None:
        """Add a row; SinkFault if the disk is full, or gone."""
        self._rows.append(self._row(painted))
        if len(self._rows) >= _ROWS_A_BATCH:
            self._write_rows()
            if self._failure is not None:
                raise self._fault(self._failure) from self._failure

    def _row(self, painted: Painted) -> dict[str, Any]:
        frame, label_map = painted.frame, painted.label_map
        named = {} if frame.name is None else {"name": _utf8(frame.name)}
        counts = np.bincount(label_map.ids.ravel(), minlength=len(self._classes))
        return {
            "frame": frame.index,
            **named,
            "pts_s": float(frame.pts * frame.time_base),
            **{
                f"share_{name}": count / label_map.ids.size
                for name, count in zip(self._classes.names, counts.tolist(), strict=True)
            },
            "stale": label_map.fate != "fresh",
            "fate": label_map.fate,
            **{f"ms_{stage}": _ms(frame.busy_ns.get(stage)) for stage in STAGES},
        }

    def _write_rows(self) -> None:
        """Write the rows in hand as one batch. The first failure is kept, and nothing is written after it."""
        rows, self._rows = self._rows, []
        if not rows or self._failure is not None:
            return
        try:
            if self._writer is None:
                self._schema = self._make_schema("name" in rows[0])
                self._writer = self._open_writer()
            self._writer.write_table(_pyarrow().Table.from_pylist(rows, schema=self._schema))
            self._file.flush()
        except OSError as error:
            self._failure = error
            return
        if self._is_csv:
            self._whole_bytes = self._file.tell()

    def _close_file(self) -> None:
        """Write the table's end and close the file; the first failure is kept."""
        for part in (self._writer, self._file):
            try:
                if part is not None:
                    part.close()
            except OSError as error:
                self._failure = self._failure or error
        if self._failure is None:
            self._whole_bytes = self._growing.stat().st_size

    @property
    def _is_csv(self) -> bool:
        return self._path.suffix.lower() == ".csv"

    def _make_schema(self, named: bool) -> Any:  # noqa: ANN401 (pyarrow's types are not imported)
        pyarrow = _pyarrow()
        fields = [
            ("frame", pyarrow.int64()),
            *([("name", pyarrow.string())] if named else []),
            ("pts_s", pyarrow.float64()),
            *((f"share_{name}", pyarrow.float32()) for name in self._classes.names),
            ("stale", pyarrow.bool_()),
            ("fate", pyarrow.string()),
            *((f"ms_{stage}", pyarrow.float32()) for stage in STAGES),
        ]
        metadata = {
            "rtseg": rtseg_version(),
            "source": _utf8(self._source_uri),
            "classes": json.dumps(self._classes.names),
        }
        return pyarrow.schema(fields, metadata=metadata)

    def _open_writer(self) -> Any:  # noqa: ANN401 (as above)
        if self._is_csv:
            from pyarrow.csv import CSVWriter

            return CSVWriter(self._file, self._schema)
        from pyarrow.parquet import ParquetWriter

        return ParquetWriter(self._file, self._schema)

    def _fault(self, error: OSError) -> SinkFault:
        kept = "The rows before are kept" if self._is_csv and self._whole_bytes else "No table is left"
        return SinkFault(
            f"{self._path}: writing failed ({error.strerror or error}). {kept}; make room and run again."
        )


def _utf8(name: str) -> str:
    """A name as text: file names may hold bytes that are not, which come out as \\udcXX."""
    return name.encode("utf-8", "backslashreplace").decode()


def _ms(busy_ns: int | None) -> float | None:
    return None if busy_ns is None else busy_ns / 1e6


def _pyarrow() -> Any:  # noqa: ANN401 (the module)
    try:
        import pyarrow
    except ImportError as error:
        raise MissingDependencyError("pyarrow", extra="table") from error
    return pyarrow
