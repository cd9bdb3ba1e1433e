from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from rtseg.pipeline.books import Bookkeeper, Books


def test_balance_counts_every_fate():
    keeper = Bookkeeper()
    for _ in range(10):
        keeper.capture()
    for fate in ("fresh", "fresh", "propagated", "held"):
        keeper.show(fate)
    keeper.drop("infer failed")
    keeper.drop("stopped before infer", 4)
    assert keeper.books() == Books(10, 2, 1, 1, {"infer failed": 1, "stopped before infer": 4})
    assert keeper.books().shown == 4
    assert keeper.books().in_flight == 1
    assert not keeper.books().balanced
    keeper.drop("infer failed")
    assert keeper.books().balanced


def test_no_frames_dropped_leave_no_cause():
    keeper = Bookkeeper()
    keeper.drop("stopped before infer", 0)
    assert keeper.books().dropped == {}


def test_a_frame_counted_twice_does_not_balance():
    assert not Books(captured=1, fresh=1, propagated=0, held=0, dropped={"late": 1}).balanced


def test_books_are_a_snapshot():
    keeper = Bookkeeper()
    keeper.drop("late")
    books = keeper.books()
    keeper.drop("late")
    assert books.dropped == {"late": 1}
    with pytest.raises(AttributeError):
        books.captured = 5


def test_counts_from_many_threads_add_up():
    keeper = Bookkeeper()

    def count(_: int) -> None:
        for _ in range(2000):
            keeper.capture()
            keeper.drop("late")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(count, range(4)))
    assert keeper.books().captured == 8000
    assert keeper.books().dropped == {"late": 8000}
