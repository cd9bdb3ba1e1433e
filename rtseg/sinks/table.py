"""A table of the frames: when each was, what it shows and what it cost. Parquet or CSV."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rtseg.errors import MissingDependencyError, OutputError, SinkFault
from rtseg.sinks.output import check_place, growing_path

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from numpy.typing import NDArray
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
    under a hidden name; the table takes its own when it is closed, after an error too.

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
        self._written = 0
        self._writer: Any = None

    def __enter__(self) -> Self:
        """Make the file; OutputError if it cannot be made there."""
        try:
            self._growing.touch()
        except OSError as error:
            raise OutputError(
                f"{self._path}: cannot be made ({error.strerror}). Choose another place."
            ) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Write what is left and give the table its name; SinkFault if its end could not be written."""
        try:
            self._write_rows()
            if self._writer is not None:
                self._writer.close()
        except OSError as failure:
            self._growing.unlink(missing_ok=True)
            if error is None:
                raise self._fault(failure) from failure
            return
        if self._written:
            self._growing.replace(self._path)
        else:
            self._growing.unlink(missing_ok=True)

    def write(self, painted: Painted) -> None:
        """Add a row; SinkFault if the disk is full, or gone."""
        self._rows.append(self._row(painted))
        if len(self._rows) >= _ROWS_A_BATCH:
            try:
                self._write_rows()
            except OSError as error:
                raise self._fault(error) from error

    def _row(self, painted: Painted) -> dict[str, Any]:
        frame, label_map = painted.frame, painted.label_map
        named = {} if frame.name is None else {"name": frame.name}
        shares = class_shares(label_map.ids, len(self._classes))
        return {
            "frame": frame.index,
            **named,
            "pts_s": float(frame.pts * frame.time_base),
            **{f"share_{name}": share for name, share in zip(self._classes.names, shares, strict=True)},
            "stale": label_map.fate != "fresh",
            "fate": label_map.fate,
            **{f"ms_{stage}": _ms(frame.busy_ns.get(stage)) for stage in STAGES},
        }

    def _write_rows(self) -> None:
        if not self._rows:
            return
        schema = self._schema("name" in self._rows[0])
        self._writer = self._writer or self._open_writer(schema)
        self._writer.write_table(_pyarrow().Table.from_pylist(self._rows, schema=schema))
        self._written += len(self._rows)
        self._rows.clear()

    def _schema(self, named: bool) -> Any:  # noqa: ANN401 (pyarrow's types are not imported)
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
        return pyarrow.schema(fields, metadata={"source": self._source_uri})

    def _open_writer(self, schema: Any) -> Any:  # noqa: ANN401 (as above)
        if self._path.suffix.lower() == ".csv":
            from pyarrow.csv import CSVWriter

            return CSVWriter(str(self._growing), schema)
        from pyarrow.parquet import ParquetWriter

        return ParquetWriter(str(self._growing), schema)

    def _fault(self, error: OSError) -> SinkFault:
        return SinkFault(
            f"{self._path}: writing failed ({error.strerror or error}). Make room and run again."
        )


def class_shares(ids: NDArray[np.uint8], classes: int) -> list[float]:
    """Each class's share of the pixels of `ids` (H, W)."""
    counts = np.bincount(ids.ravel(), minlength=classes)[:classes]
    return [float(count) / ids.size for count in counts]


def _ms(busy_ns: int | None) -> float | None:
    return None if busy_ns is None else busy_ns / 1e6


def _pyarrow() -> Any:  # noqa: ANN401 (the module)
    try:
        import pyarrow
    except ImportError as error:
        raise MissingDependencyError("pyarrow", extra="table") from error
    return pyarrow
