"""Documents that people write and scripts fill: a part stands between <!-- NAME --> and <!-- /NAME -->."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path


def refresh(document: Path, parts: Mapping[str, str]) -> None:
    """Replace each part by its text; one that the document has no place for is left out."""
    text = document.read_text()
    for name, part in parts.items():
        begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
        before, is_there, rest = text.partition(begin)
        if is_there:
            text = f"{before}{begin}{part}\n{end}{rest.partition(end)[2]}"
    document.write_text(text)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
