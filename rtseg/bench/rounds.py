"""All candidates in turns, round after round: A B C, then C B A."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    Step = TypeVar("Step")
    One = TypeVar("One")


def interleaved(
    rounds: int, steps: Sequence[Step], candidates: Sequence[One]
) -> Iterator[tuple[int, Step, One]]:
    """Every step of every round for every candidate, the candidates next to each other.

    So what is compared, one step of several candidates, is as close in time as can be. Every second round
    goes through them backwards: whoever is always first would always meet the cooler machine.
    """
    for number in range(rounds):
        turn = candidates if number % 2 == 0 else candidates[::-1]
        for step in steps:
            for candidate in turn:
                yield number, step, candidate
