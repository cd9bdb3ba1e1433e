from __future__ import annotations

from rtseg.bench.rounds import interleaved


def test_candidates_stand_side_by_side_and_every_second_round_is_backwards():
    order = [f"{number}{step}{one}" for number, step, one in interleaved(2, ["x", "y"], ["A", "B", "C"])]
    assert " ".join(order) == "0xA 0xB 0xC 0yA 0yB 0yC 1xC 1xB 1xA 1yC 1yB 1yA"
