"""The table: a row for every frame, with the shares counted exactly."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from rtseg.classes import CAMVID
from rtseg.errors import MissingDependencyError, OutputError
from rtseg.frame import Frame, LabelMap, Painted
from rtseg.sinks.kept import Kept
from rtseg.sinks.table import TableSink, check_table_output
from rtseg.training.data import LabelledFolder
from tests.sinks.test_video import Facts, painted


class Drive(Facts):
    uri = "drive.mp4"


FACTS = Drive(time_base=Fraction(1, 30000))


def rows_of(path):
    """The table's rows as text would not lose them: Parquet's own values, CSV's parsed."""
    if path.suffix == ".parquet":
        return pq.read_table(BytesIO(path.read_bytes())).to_pylist()
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


@pytest.mark.parametrize("ending", [".parquet", ".csv"])
def test_shares_of_real_maps_are_those_counted_by_hand(camvid, tmp_path, ending):
    folder = LabelledFolder(camvid, "val", CAMVID, every=20)
    maps = [np.minimum(folder.read(index)[1], 10) for index in range(len(folder))]  # void is never predicted
    with TableSink(tmp_path / f"t{ending}", FACTS, CAMVID) as sink:
        for index, ids in enumerate(maps):
            sink.write(item(index, index, ids))
    for row, ids in zip(rows_of(tmp_path / f"t{ending}"), maps, strict=True):
        pixels = ids.tolist()
        counts = [sum(line.count(number) for line in pixels) for number in range(11)]
        assert [np.float32(row[f"share_{name}"]) for name in CAMVID.names] == [
            np.float32(count / ids.size) for count in counts
        ]
        assert sum(row[f"share_{name}"] for name in CAMVID.names) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("ending", [".parquet", ".csv"])
def test_times_lose_no_bit(tmp_path, ending):
    times = [0, 1, *(int(pts) for pts in np.random.default_rng(0).integers(0, 2**50, 100))]
    with TableSink(tmp_path / f"t{ending}", FACTS, CAMVID) as sink:
        for index, pts in enumerate(times):
            sink.write(item(index, pts, np.zeros((1, 1), np.uint8)))
    assert [row["pts_s"] for row in rows_of(tmp_path / f"t{ending}")] == [
        float(Fraction(pts, 30000)) for pts in times
    ]


def test_a_parquet_table_says_types_and_where_it_comes_from(tmp_path):
    with TableSink(tmp_path / "t.parquet", FACTS, CAMVID) as sink:
        sink.write(item(0, 0, np.zeros((1, 1), np.uint8), name="crossing"))
    schema = pq.read_schema(tmp_path / "t.parquet")
    types = {str(field.type) for field in schema if field.name.startswith(("share_", "ms_"))}
    assert types == {"float"}
    assert [str(schema.field(name).type) for name in ("frame", "name", "pts_s", "stale", "fate")] == [
        "int64",
        "string",
        "double",
        "bool",
        "string",
    ]
    assert sorted(schema.metadata) == [b"classes", b"rtseg", b"source"]
    assert json.loads(schema.metadata[b"classes"]) == list(CAMVID.names)
    assert schema.metadata[b"source"] == b"drive.mp4"


@pytest.mark.parametrize("ending", [".parquet", ".csv"])
def test_names_that_are_not_utf8_come_out_as_text(tmp_path, ending):
    odd = b"caf\xe9".decode("utf-8", "surrogateescape")

    class OddDrive(Drive):
        uri = f"{odd}.mp4"

    path = tmp_path / f"{odd}{ending}"
    with TableSink(path, OddDrive(), CAMVID) as sink:
        sink.write(item(0, 0, np.zeros((1, 1), np.uint8), name=odd))
    assert [row["name"] for row in rows_of(path)] == ["caf\\udce9"]
    assert list(tmp_path.iterdir()) == [path]


def test_without_pyarrow_nothing_is_made_and_the_command_is_told(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingDependencyError, match="pyarrow is not installed"):
        check_table_output(tmp_path / "t.csv", "clip.mp4")
    assert list(tmp_path.iterdir()) == []


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
sys.path[:0] = [sys.argv[2]]
import numpy as np
from rtseg.classes import CAMVID
from rtseg.errors import SinkFault
from tests.sinks.test_table import FACTS, TableSink, item
limit = int(sys.argv[3])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    with TableSink(Path(sys.argv[1]), FACTS, CAMVID) as sink:
        for index in range(int(sys.argv[4])):
            ids = np.random.default_rng(index).integers(0, 11, (16, 16), np.uint8)
            sink.write(item(index, index, ids))
except SinkFault as fault:
    print(fault)
    sys.exit(fault.exit_code)
"""


@pytest.mark.parametrize(
    ("ending", "limit_bytes", "frames"),
    [
        (".parquet", 50, 700),
        (".parquet", 5_000, 700),  # at the end
        (".parquet", 30_000, 6000),  # on the way
        (".csv", 50, 700),
        (".csv", 30_000, 700),
        (".csv", 840_000, 6000),  # while the table is made
    ],
)
def test_a_full_disk_leaves_no_half_table(tmp_path, ending, limit_bytes, frames):
    root = Path(__file__).resolve().parents[2]
    path = tmp_path / f"t{ending}"
    command = [sys.executable, "-c", FULL_DISK, str(path), str(root), str(limit_bytes), str(frames)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=root, check=False)
    assert (run.returncode, run.stderr) == (3, "")
    assert "writing failed (File too large)" in run.stdout
    assert "No table is left" in run.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ending", [".parquet", ".csv"])
def test_a_table_goes_on_where_another_ended(tmp_path, ending):
    """What came after the end of a segment is not taken over, half a row of it neither."""

    def write(name, begin, end, **more):
        state = {}
        with TableSink(tmp_path / f"{name}{ending}", FACTS, CAMVID, **more) as sink:
            for index in range(begin, end):
                sink.write(item(index, index, np.zeros((1, 1), np.uint8)))
                if index == 1199:
                    state = sink.end_segment()
        return state

    write("whole", 0, 3000)
    state = write("first", 0, 1500, rows=tmp_path / "rows")
    write("again", 1200, 3000, kept=[Kept(tmp_path / "rows", 1200, state)])
    assert rows_of(tmp_path / f"again{ending}") == rows_of(tmp_path / f"whole{ending}")
