"""A table of the frames: when each was, what it shows and what it cost. Parquet or CSV."""

from __future__ import annotations

import json
import os
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from rtseg.errors import OutputError, SinkFault
from rtseg.report import rtseg_version
from rtseg.sinks.kept import synced_state
from rtseg.sinks.output import check_place, growing_path
from rtseg.sinks.rows import Rows, load_pyarrow

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from types import TracebackType

    from typing_extensions import Self

    from rtseg.classes import ClassSet
    from rtseg.frame import Frame, Painted
    from rtseg.sinks.kept import Kept
    from rtseg.sources.base import Source

ENDINGS = (".parquet", ".csv")
STAGES = ("capture", "preprocess", "infer", "colorize")
"""The stages whose time a row tells; the row is written in the last one, present."""

_ROWS_A_BATCH = 1024
_ROWS_A_GROUP = 16384
"""Of a Parquet file."""


def check_table_output(path: Path, source_uri: str) -> None:
    """Check that a table can be written to `path`. Nothing is made.

    Raises:
        OutputError: it is not named as a table, or its place cannot be written to.
        MissingDependencyError: pyarrow is not installed.
    """
    if path.suffix.lower() not in ENDINGS or path.is_dir():
        raise OutputError(f"{path}: not a kind of table. Let the name end in one of: {' '.join(ENDINGS)}")
    check_place(path, source_uri)
    load_pyarrow()


def rows_path(path: Path) -> Path:
    """Where the rows of the table `path` wait: hidden beside it."""
    return growing_path(path.with_name(f"{path.name}.rows"))


class TableSink:
    """One row a frame: frame, pts_s, share_CLASS, stale, fate, ms_STAGE; name too for image files.

    In a live run also latency_ms, from capture to the instant at which the sinks were given the frame.

    Shares are of the model's pixels and sum to 1. Rows wait in a hidden file (`Rows`); the table is made of
    them when it is closed, after an error too, and takes its name whole. Memory does not grow.

    Attributes:
        warnings: stays empty.
    """

    def __init__(
        self,
        path: Path,
        source: Source,
        classes: ClassSet,
        *,
        kept: Sequence[Kept] = (),
        rows: Path | None = None,
        live: bool = False,
    ) -> None:
        """Choose the file; its ending decides on the format.

        Args:
            path: the table.
            source: the entered source of the frames.
            classes: the classes that ids stand for.
            kept: files of `Rows`, or whole Parquet tables, whose rows go before all others.
            rows: the file in which rows wait, for who wants to keep it; None for one that is removed.
            live: whether rows tell the frames' latency.
        """
        self.warnings: list[str] = []
        self._path = path
        self._growing = growing_path(path)
        self._rows_path = rows or rows_path(path)
        self._rows_are_ours = rows is None
        self._source_uri = source.uri
        self._classes = classes
        self._kept = kept
        self._live = live
        self._rows: list[dict[str, Any]] = []
        self._failure: OSError | None = None

    def __enter__(self) -> Self:
        """Make the file, and take over what is kept; OutputError if it cannot be made there."""
        try:
            self._store = Rows(self._rows_path)
        except OSError as error:
            raise OutputError(
                f"{self._path}: cannot be made ({error.strerror}). Choose another place."
            ) from error
        try:
            for kept in self._kept:
                self._take_over(kept)
        except OSError as error:
            self._store.close()
            self._rows_path.unlink(missing_ok=True)
            raise self._fault(error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Make the table of the rows and give it its name; SinkFault if that failed."""
        self._store_rows()
        if self._failure is None:
            self._write_table()
        self._close_store()
        if self._rows_are_ours:
            self._rows_path.unlink(missing_ok=True)
        if self._failure is not None and error is None:
            raise self._fault(self._failure) from self._failure

    def write(self, painted: Painted) -> None:
        """Add a row; SinkFault if the disk is full, or gone."""
        self._rows.append(self._row(painted))
        if len(self._rows) >= _ROWS_A_BATCH:
            self._store_rows()
            self._raise_failure()

    def end_segment(self) -> dict[str, Any]:
        """Bring all rows to the disk; returns what is needed to keep them. SinkFault if it is full."""
        self._store_rows()
        self._raise_failure()
        try:
            return synced_state(self._rows_path)
        except OSError as error:
            raise self._fault(error) from error

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
            **({"latency_ms": _latency_ms(frame)} if self._live else {}),
        }

    def _take_over(self, kept: Kept) -> None:
        """Add the rows of another table, whole or growing."""
        if "bytes" in kept.state:
            self._store.take_over(kept.path, kept.state["bytes"])
            return
        with kept.path.open("rb") as file, load_pyarrow().parquet.ParquetFile(file) as table:
            for batch in table.iter_batches():
                self._store.append(load_pyarrow().Table.from_batches([batch], schema=table.schema_arrow))

    def _store_rows(self) -> None:
        """Store the rows in hand. The first failure is kept, and nothing is stored after it."""
        rows, self._rows = self._rows, []
        if not rows or self._failure is not None:
            return
        schema = self._make_schema("name" in rows[0])
        try:
            self._store.append(load_pyarrow().Table.from_pylist(rows, schema=schema))
        except OSError as error:
            self._failure = error

    def _write_table(self) -> None:
        """Make the table of all stored rows, in bounded memory; none if there are none. A failure is kept."""
        writer: Any = None
        try:
            with self._growing.open("wb") as file:
                for table in self._groups():
                    writer = writer or self._open_writer(file, table.schema)
                    writer.write_table(table)
                if writer is not None:
                    writer.close()
                    file.flush()
                    os.fsync(file.fileno())
            if writer is not None:
                self._growing.replace(self._path)
        except OSError as error:
            self._failure = error
        self._growing.unlink(missing_ok=True)

    def _make_schema(self, named: bool) -> Any:  # noqa: ANN401 (pyarrow's types are not imported)
        pyarrow = load_pyarrow()
        fields = [
            ("frame", pyarrow.int64()),
            *([("name", pyarrow.string())] if named else []),
            ("pts_s", pyarrow.float64()),
            *((f"share_{name}", pyarrow.float32()) for name in self._classes.names),
            ("stale", pyarrow.bool_()),
            ("fate", pyarrow.string()),
            *((f"ms_{stage}", pyarrow.float32()) for stage in STAGES),
            *([("latency_ms", pyarrow.float64())] if self._live else []),
        ]
        metadata = {
            "rtseg": rtseg_version(),
            "source": _utf8(self._source_uri),
            "classes": json.dumps(self._classes.names),
        }
        return pyarrow.schema(fields, metadata=metadata)

    def _close_store(self) -> None:
        try:
            self._store.close()
        except OSError as error:
            self._failure = self._failure or error

    def _groups(self) -> Iterator[Any]:
        """All stored rows, in tables of some size: Parquet reads those best."""
        tables: list[Any] = []
        for table in self._store.tables():
            tables.append(table)
            if sum(map(len, tables)) >= _ROWS_A_GROUP:
                yield load_pyarrow().concat_tables(tables)
                tables = []
        if tables:
            yield load_pyarrow().concat_tables(tables)

    def _open_writer(self, file: IO[bytes], schema: Any) -> Any:  # noqa: ANN401 (as above)
        pyarrow = load_pyarrow()
        if self._path.suffix.lower() == ".csv":
            return pyarrow.csv.CSVWriter(file, schema)
        return pyarrow.parquet.ParquetWriter(file, schema)

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._fault(self._failure) from self._failure

    def _fault(self, error: OSError) -> SinkFault:
        return SinkFault(
            f"{self._path}: writing failed ({error.strerror or error}). No table is left; "
            "make room and run again with --resume."
        )


def _utf8(name: str) -> str:
    """A name as text: file names may hold bytes that are not, which come out as \\udcXX."""
    return name.encode("utf-8", "backslashreplace").decode()


def _latency_ms(frame: Frame) -> float:
    assert frame.slot is not None
    return (frame.slot.shown_ns - frame.captured_ns) / 1e6


def _ms(busy_ns: int | None) -> float | None:
    return None if busy_ns is None else busy_ns / 1e6
