from __future__ import annotations

import contextlib
import random
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from rtseg.pipeline.mailbox import Mailbox, MailboxClosedError

if TYPE_CHECKING:
    from collections.abc import Iterator

SOON_S = 10.0


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as pool:
        yield pool


def full(items: list[int]) -> Mailbox[int]:
    mailbox: Mailbox[int] = Mailbox(len(items))
    for item in items:
        mailbox.put(item)
    return mailbox


def put_until_refused(mailbox: Mailbox[int]) -> int:
    """Put 0, 1, 2, …; returns the first that was refused."""
    item = 0
    with contextlib.suppress(MailboxClosedError):
        while True:
            mailbox.put(item)
            item += 1
    return item


def get_until_the_end(mailbox: Mailbox[int]) -> list[int]:
    got = []
    with contextlib.suppress(MailboxClosedError):
        while True:
            got.append(mailbox.get())
    return got


def test_keeps_order():
    mailbox = full([1, 2, 3])
    assert [mailbox.get() for _ in range(3)] == [1, 2, 3]


def test_refuses_no_room():
    with pytest.raises(ValueError, match="at least 1"):
        Mailbox(0)


def test_put_waits_for_room(pool):
    mailbox = full([1, 2])
    put = pool.submit(mailbox.put, 3)
    time.sleep(0.05)
    assert not put.done()
    assert mailbox.get() == 1
    put.result(SOON_S)
    assert [mailbox.get(), mailbox.get()] == [2, 3]


def test_get_waits_for_an_item(pool):
    mailbox: Mailbox[int] = Mailbox(1)
    got = pool.submit(mailbox.get)
    time.sleep(0.05)
    assert not got.done()
    mailbox.put(7)
    assert got.result(SOON_S) == 7


def test_close_lets_getters_drain_then_ends():
    mailbox = full([1, 2])
    mailbox.close()
    mailbox.close()
    assert [mailbox.get(), mailbox.get()] == [1, 2]
    with pytest.raises(MailboxClosedError):
        mailbox.get()
    with pytest.raises(MailboxClosedError):
        mailbox.put(3)


def test_cancel_hands_out_what_lay_inside_once():
    mailbox = full([1, 2])
    assert mailbox.cancel() == [1, 2]
    assert mailbox.cancel() == []
    with pytest.raises(MailboxClosedError):
        mailbox.get()
    with pytest.raises(MailboxClosedError):
        mailbox.put(3)


@pytest.mark.parametrize("end", ["close", "cancel"])
def test_the_end_wakes_everybody_who_waits(pool, end):
    empty: Mailbox[int] = Mailbox(1)
    crowded = full([1])
    waiting = [pool.submit(empty.get) for _ in range(3)] + [pool.submit(crowded.put, 2) for _ in range(3)]
    time.sleep(0.05)
    getattr(empty, end)()
    getattr(crowded, end)()
    for future in waiting:
        with pytest.raises(MailboxClosedError):
            future.result(SOON_S)


def test_each_item_leaves_exactly_once_whenever_it_is_cancelled(pool):
    """What was got, then what `cancel` returned, is all that was put: for 200 random instants."""
    draw = random.Random(1)
    for _ in range(200):
        mailbox: Mailbox[int] = Mailbox(draw.randint(1, 3))
        producer = pool.submit(put_until_refused, mailbox)
        consumer = pool.submit(get_until_the_end, mailbox)
        time.sleep(draw.random() * 0.002)
        thrown_away = mailbox.cancel()
        refused = producer.result(SOON_S)
        assert consumer.result(SOON_S) + thrown_away == list(range(refused))


def test_no_item_is_lost_among_many_threads(pool):
    mailbox: Mailbox[int] = Mailbox(2)

    def produce(first: int):
        for item in range(first, first + 500):
            mailbox.put(item)

    consumers = [pool.submit(get_until_the_end, mailbox) for _ in range(3)]
    for producer in [pool.submit(produce, first) for first in (0, 500, 1000)]:
        producer.result(SOON_S)
    mailbox.close()
    got = [item for consumer in consumers for item in consumer.result(SOON_S)]
    assert sorted(got) == list(range(1500))
