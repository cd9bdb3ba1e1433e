"""The table: a row for every frame, with the shares counted exactly."""

from __future__ import annotations

import csv
from fractions import Fraction

import numpy as np
import pyarrow.parquet as pq
import pytest

from rtseg.classes import CAMVID
from rtseg.errors import OutputError
from rtseg.frame import Frame, LabelMap, Painted
from rtseg.sinks.table import TableSink, check_table_output
from tests.sinks.test_video import Facts, painted


class Drive(Facts):
    uri = "drive.mp4"


FACTS = Drive(time_base=Fraction(1, 30000))


def rows_of(path):
    """The table's rows as text would not lose them: Parquet's own values, CSV's parsed."""
    if path.suffix == ".parquet":
        return pq.read_table(path).to_pylist()
    with path.open(newline="") as file:
        return [
            {key: value in ("true",) if key == "stale" else _parsed(value) for key, value in row.items()}
            for row in csv.DictReader(file)
        ]


def _parsed(text):
    try:
        return float(text)
    except ValueError:
        return text or None


def item(index, pts, ids, **changes):
    frame = Frame(index, pts, FACTS.time_base, 0, painted(FACTS, 0).picture, **changes)
    frame.busy_ns.update(capture=1_500_000, infer=20_250_000)
    return Painted(frame, LabelMap(ids, "held" if index == 1 else "fresh"), frame.picture)


@pytest.mark.parametrize("ending", [".parquet", ".csv"])
def test_a_row_says_what_the_frame_was(tmp_path, ending):
    ids = np.zeros((2, 4), np.uint8)
    ids[0] = 3
    ids[1, 0] = 8
    path = tmp_path / f"t{ending}"
    with TableSink(path, FACTS, CAMVID) as sink:
        sink.write(item(0, 0, ids))
        sink.write(item(1, 1001, ids))
    rows = rows_of(path)
    assert [row["frame"] for row in rows] == [0, 1]
    assert [row["pts_s"] for row in rows] == [0, 1001 / 30000]
    shares = {key: value for key, value in rows[0].items() if key.startswith("share_")}
    assert shares.pop("share_road") == 0.5
    assert shares.pop("share_car") == 0.125
    assert shares.pop("share_sky") == 0.375
    assert len(shares) == 8
    assert set(shares.values()) == {0}
    assert [(row["stale"], row["fate"]) for row in rows] == [(False, "fresh"), (True, "held")]
    assert (rows[0]["ms_capture"], rows[0]["ms_infer"], rows[0]["ms_colorize"]) == (1.5, 20.25, None)
    assert "name" not in rows[0]


@pytest.mark.parametrize("ending", [".parquet", ".csv"])
def test_thousands_of_rows_come_back_in_order(tmp_path, ending):
    ids = np.zeros((1, 1), np.uint8)
    path = tmp_path / f"t{ending}"
    with TableSink(path, FACTS, CAMVID) as sink:
        for index in range(2500):
            sink.write(item(index, index, ids, name=f"image {index}"))
    rows = rows_of(path)
    assert [row["frame"] for row in rows] == list(range(2500))
    assert rows[-1]["name"] == "image 2499"
    assert [path.name for path in tmp_path.iterdir()] == [path.name]


def test_after_an_error_elsewhere_the_rows_so_far_are_there(tmp_path):
    sink = TableSink(tmp_path / "t.parquet", FACTS, CAMVID)
    sink.__enter__()
    sink.write(item(0, 0, np.zeros((1, 1), np.uint8)))
    sink.__exit__(RuntimeError, RuntimeError("elsewhere"), None)
    assert len(rows_of(tmp_path / "t.parquet")) == 1


def test_nothing_written_leaves_what_was_there(tmp_path):
    (tmp_path / "t.csv").write_text("an older table")
    with TableSink(tmp_path / "t.csv", FACTS, CAMVID):
        pass
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("t.csv", "an older table")]


@pytest.mark.parametrize("name", ["t.xlsx", "t", "no/t.csv"])
def test_a_place_for_no_table_is_refused(tmp_path, name):
    with pytest.raises(OutputError):
        check_table_output(tmp_path / name, "clip.mp4")
