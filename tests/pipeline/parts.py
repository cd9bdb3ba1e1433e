"""Light sources and stages: real `Frame` records with a stand-in picture, stages that fail when told to."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from rtseg.frame import Frame

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rtseg.pipeline import Books


class Picture:
    """Stands in for the pixels, which the pipeline must not touch."""


class OnPurposeError(Exception):
    """What the stages here raise."""


def frame(index: int) -> Frame:
    picture: Any = Picture()
    return Frame(
        index, pts=index, time_base=Fraction(1, 30), captured_ns=time.monotonic_ns(), picture=picture
    )


def frames(count: int, *, every_s: float = 0.0) -> Iterator[Frame]:
    for index in range(count):
        time.sleep(every_s)
        yield frame(index)


@dataclass
class Step:
    """A stage that passes frames on, notes its calls, and fails in "enter", in "exit" or at an index."""

    name: str
    fails: str | int = ""
    delay_s: float = 0.0
    error: BaseException = field(default_factory=lambda: OnPurposeError("on purpose"))
    seen: list[int] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    threads: set[str] = field(default_factory=set)
    exit_error: BaseException | None = None

    def __enter__(self) -> Step:
        self._note("enter")
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        self.exit_error = error
        self._note("exit")

    def process(self, item: Frame) -> Frame:
        self.threads.add(threading.current_thread().name)
        time.sleep(self.delay_s)
        if self.fails == item.index and self.fails != "":
            raise self.error
        self.seen.append(item.index)
        return item

    def _note(self, call: str) -> None:
        self.calls.append(call)
        self.threads.add(threading.current_thread().name)
        if self.fails == call:
            raise self.error


def steps(*names: str, delay_s: float = 0.0) -> list[Step]:
    return [Step(name, delay_s=delay_s) for name in names]


def assert_closed_in_order(stages: list[Step]) -> None:
    """Each stage was opened once, and closed once if it opened, all in the thread that bears its name."""
    for stage in stages:
        assert stage.calls == (["enter"] if stage.fails == "enter" else ["enter", "exit"]), stage.name
        assert stage.threads == {stage.name}


def assert_balanced(books: Books) -> None:
    assert books.balanced
    assert books.captured == books.fresh + books.propagated + books.held + sum(books.dropped.values())
