"""What a person sees while a command works and when it is done: progress bars and small tables.

Everything goes to standard error but results that a command was asked for, so that `--report -` stays clean.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rich.progress import ProgressColumn


def standard_error() -> Console:
    """For progress, notes and warnings."""
    return Console(stderr=True, highlight=False)


def console_for(report: str | None) -> Console:
    """For tables: standard output, unless the report goes there."""
    return Console(stderr=report == "-", highlight=False)


def progress_bar(*details: str) -> Progress:
    """A bar on standard error with a count, elapsed time and ETA, and a column a field in `details`."""
    fields: list[ProgressColumn] = [TextColumn(f"{{task.fields[{name}]}}") for name in details]
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        *fields,
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=standard_error(),
    )


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], *, text: int = 1) -> Table:
    """A table whose first `text` columns are words, to the left, and the others figures, to the right."""
    made = Table(title=title, title_justify="left", title_style="bold")
    for index, column in enumerate(columns):
        made.add_column(column, justify="left" if index < text else "right", overflow="fold")
    for row in rows:
        made.add_row(*map(escape, row))
    return made


def facts(pairs: Mapping[str, str]) -> Table:
    """Names and values, two columns without a frame."""
    made = Table.grid(padding=(0, 2))
    for name, value in pairs.items():
        made.add_row(f"[bold]{escape(name)}[/bold]", escape(value))
    return made
