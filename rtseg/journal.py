"""What has been made of a run's outputs so far, so that it can be gone on with after any end."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
import socket
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rtseg.errors import OutputError, SinkFault
from rtseg.sinks.kept import Forerun, Kept, found, synced_state
from rtseg.sinks.segments import frames_on_disk
from rtseg.sources import listing

if TYPE_CHECKING:
    from collections.abc import Mapping

_COMMITS = 8
"""How many are remembered: a run that goes on may be killed before it wrote as much as the one before."""

_HASHED_BYTES = 1 << 20
"""Of a source file, at its beginning and its end; besides, its length is compared."""


@dataclass(frozen=True, slots=True)
class Commit:
    """A point up to which all outputs were written.

    Attributes:
        next_frame: number of the source's frame that comes after it.
        last_pts: presentation time of the last of them.
        states: what each output's sink said then.
        propagated: how many of the frames before it have labels that were moved to them.
    """

    next_frame: int
    last_pts: int
    states: Mapping[str, Mapping[str, Any]]
    propagated: int = 0


@dataclass(slots=True)
class Journal:
    """A small hidden file beside the first output of a run; it is there while the outputs are not whole.

    Written whole or not at all, and synced, after each segment: whatever ends the run, it tells which frames
    are safe and where they are.

    Attributes:
        path: the file.
        outputs: the run's outputs by kind, "video", "labels" or "table".
        facts: what the outputs are made from and how; a run with other facts cannot go on with them.
        writer: host, process and the process's start, of who wrote it.
        commits: the last ones, the newest last. There are several, because muxers hold frames back.
    """

    path: Path
    outputs: Mapping[str, Path]
    facts: Mapping[str, Any] = field(default_factory=dict)
    writer: tuple[str, int, str | None] = ("", 0, None)
    commits: list[Commit] = field(default_factory=list)

    @classmethod
    def beside(cls, outputs: Mapping[str, Path]) -> Journal:
        """The journal of a run with these outputs, one at least: what an earlier run left, or an empty one.

        Raises:
            OutputError: another process is writing these outputs now.
        """
        journal = cls.peek(outputs)
        journal._check_writer()
        return journal

    @classmethod
    def peek(cls, outputs: Mapping[str, Path]) -> Journal:
        """As `beside`, but also of outputs that are being written now: to look at, not to write to."""
        first = next(iter(outputs.values()))
        journal = cls(first.with_name(f".{first.name}.resume"), outputs)
        try:
            read = json.loads(journal.path.read_text(encoding="utf-8"))
            commits = [Commit(*commit) for commit in read["commits"]]
            writer = (read["host"], read["process"], read["started"])
            facts = read["facts"]
        except (OSError, ValueError, LookupError, TypeError):
            return journal
        journal.facts, journal.commits, journal.writer = facts, commits, writer
        return journal

    @property
    def first(self) -> Path:
        """The output that it lies beside."""
        return next(iter(self.outputs.values()))

    @property
    def _growing(self) -> Path:
        return self.path.with_name(f"{self.path.name}.part")

    @property
    def exists(self) -> bool:
        """Whether an earlier run left it: its outputs are not whole."""
        return bool(self.facts)

    @property
    def frames(self) -> int:
        """How many frames were written when it was last looked at."""
        return self.commits[-1].next_frame - int(self.facts.get("begin", 0)) if self.commits else 0

    def differences(self, facts: Mapping[str, Any]) -> list[str]:
        """What has changed since the earlier run, a few words each."""
        # Through JSON, as the earlier ones: it knows no tuples.
        now: dict[str, Any] = json.loads(json.dumps(facts))
        names = [name for name in {**self.facts, **now} if self.facts.get(name) != now.get(name)]
        return [f"{name} was {self.facts.get(name)}, is {now.get(name)}" for name in names]

    def forerun(self) -> Forerun | None:
        """The newest commit whose frames are all on the disk, and where they are; None if there is none."""
        counted: dict[Path, int] = {}
        for commit in reversed(self.commits):
            kept = {
                kind: self._kept_of(kind, commit, counted) for kind, state in commit.states.items() if state
            }
            whole = {kind: [one] for kind, one in kept.items() if one is not None}
            if len(whole) == len(kept):
                return Forerun(commit.next_frame, commit.last_pts, whole, commit.propagated)
        return None

    def begin(self, facts: Mapping[str, Any], *, anew: bool) -> None:
        """Claim the outputs for this process; `anew` forgets what an earlier run left.

        Raises:
            OutputError: the journal cannot be written, or another process has begun meanwhile.
        """
        Journal.peek(self.outputs)._check_writer()
        self.facts = facts
        if anew:
            self.commits = []
        self._remove_parts()
        try:
            self._write()
        except OSError as error:
            raise OutputError(
                f"{self.path.parent}: cannot be written to ({error.strerror}). Choose another place."
            ) from error

    def commit(self, commit: Commit) -> None:
        """Note how far all outputs were written; SinkFault if the disk is full, or gone."""
        self.commits = [*self.commits[1 - _COMMITS :], commit]
        try:
            self._write()
        except OSError as error:
            raise SinkFault(
                f"{self.path}: writing failed ({error.strerror}). Make room and run again with --resume."
            ) from error
        self._remove_parts()

    def settle(self) -> None:
        """The run has ended in order, but early: what has its name is whole as far as it goes."""
        self.commits = [
            dataclasses.replace(
                commit, states={kind: self._settled(kind, state) for kind, state in commit.states.items()}
            )
            for commit in self.commits
        ]
        with suppress(OSError):  # a disk that is full now was not when the last commit was made
            self._write()

    def remove(self) -> None:
        """The outputs are whole: nothing is left but them."""
        self.commits = []
        self._remove_parts()
        self._growing.unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)

    def _check_writer(self) -> None:
        host, process, started = self.writer
        is_other = host == socket.gethostname() and process != os.getpid()
        if is_other and started is not None and _start_of(process) == started:
            raise OutputError(
                f"{self.first}: another rtseg, process {process}, is writing it now. "
                "Wait for it, or end it first."
            )

    def _kept_of(self, kind: str, commit: Commit, counted: dict[Path, int]) -> Kept | None:
        """An output as it was at a commit; None if not all of its frames are on the disk.

        `counted` remembers how many frames are in which film: counting reads it whole.
        """
        output, state = self.outputs[kind], commit.states[kind]
        path = found(output, state)
        if path is None:
            return None
        frames = commit.next_frame - int(self.facts.get("begin", 0))
        if kind != "table" and path not in counted:
            counted[path] = frames_on_disk(path, self._synced_bytes(kind, path))
        if counted.get(path, frames) < frames:
            return None
        return Kept(path, frames, state)

    def _settled(self, kind: str, state: Mapping[str, Any]) -> Mapping[str, Any]:
        output = self.outputs[kind]
        if state and output.is_file() and output.stat().st_ino == state["inode"]:
            return {**state, **synced_state(output), "file": state["file"]}
        return state

    def _synced_bytes(self, kind: str, path: Path) -> int:
        """How much of a growing file was on the disk for sure when the last commit was made."""
        states = [commit.states[kind] for commit in self.commits]
        return max(int(state["bytes"]) for state in states if state["file"] == path.name)

    def _remove_parts(self) -> None:
        """Remove growing files that no commit refers to any more: of runs that were killed."""
        kept = {state.get("file") for commit in self.commits for state in commit.states.values()}
        for output in self.outputs.values():
            pattern = re.compile(rf"\.{re.escape(output.name)}(\.rows)?\.[0-9a-f]{{8}}\.part")
            for path in output.parent.iterdir():
                if pattern.fullmatch(path.name) and path.name not in kept:
                    path.unlink(missing_ok=True)

    def _write(self) -> None:
        text = json.dumps(
            {
                "host": socket.gethostname(),
                "process": os.getpid(),
                "started": _start_of(os.getpid()),
                "facts": self.facts,
                "commits": [
                    (one.next_frame, one.last_pts, one.states, one.propagated) for one in self.commits
                ],
            }
        )
        self._growing.write_text(text, encoding="utf-8")
        synced_state(self._growing)
        self._growing.replace(self.path)


def content_of(uri: str) -> str:
    """What tells whether a source is still the same.

    Of a file its length and a hash of its two ends; of several images their names and lengths.
    """
    if "://" in uri:
        return uri
    if not Path(uri).is_file():
        paths = listing.image_paths(uri)
        text = "\n".join(f"{path} {path.stat().st_size}" for path in paths)
        return f"{len(paths)} images, {hashlib.sha256(os.fsencode(text)).hexdigest()[:16]}"
    size = Path(uri).stat().st_size
    digest = hashlib.sha256()
    with Path(uri).open("rb") as file:
        digest.update(file.read(_HASHED_BYTES))
        file.seek(max(0, size - _HASHED_BYTES))
        digest.update(file.read(_HASHED_BYTES))
    return f"{size} bytes, {digest.hexdigest()[:16]}"


def _start_of(process: int) -> str | None:
    """When a process was started, in the system's own counting, so that a number used again is told apart.

    None where there is no such process, or no /proc.
    """
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return None
