"""What has become of each file of a batch: JSON Lines, one line appended whenever one is done with."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from rtseg.errors import SinkFault

if TYPE_CHECKING:
    from pathlib import Path

NAME = "manifest.jsonl"

State = Literal["done", "cut", "failed"]
"""Whole; made as far as the file goes, which ends early; not made."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What a line says.

    Attributes:
        source: the file.
        hash: what it held; see `rtseg.journal.content_of`.
        state: what has become of it.
        frames: how many frames the outputs hold.
        seconds: how long the work took, over all workers.
        error: one or two plain lines; None where there is nothing to say.
        outputs: paths by kind.
        options: what they were made with, JSON-ready.
    """

    source: str
    hash: str
    state: State
    frames: int
    seconds: float
    error: str | None
    outputs: dict[str, str]
    options: dict[str, Any]


class Manifest:
    """The file; entries are appended by one process, and the last one of a source counts."""

    def __init__(self, path: Path) -> None:
        """Read what is there; a last line that was torn is passed over, others that cannot be read too."""
        self.path = path
        self.entries: dict[str, Entry] = {}
        self._ends_in_a_line = True
        try:
            text = path.read_text(encoding="utf-8")
        except OSError:
            return
        self._ends_in_a_line = not text or text.endswith("\n")
        for line in text.splitlines():
            try:
                entry = Entry(**json.loads(line))
            except (ValueError, TypeError):
                continue
            self.entries[entry.source] = entry

    def append(self, entry: Entry) -> None:
        """Add a line; SinkFault if the disk is full, or gone."""
        line = json.dumps(asdict(entry), ensure_ascii=False) + "\n"
        try:
            with self.path.open("a", encoding="utf-8", errors="backslashreplace") as file:
                file.write(line if self._ends_in_a_line else "\n" + line)
        except OSError as error:
            raise SinkFault(
                f"{self.path}: writing failed ({error.strerror}). Make room and run again."
            ) from error
        self._ends_in_a_line = True
        self.entries[entry.source] = entry
