"""The page: whole in itself, whatever stands in the report."""

from __future__ import annotations

import copy
import re
from xml.etree import ElementTree

import pytest

from rtseg.bench import plots
from rtseg.bench.fit import line_through
from rtseg.bench.page import page_of, write_page
from rtseg.bench.scaling import Curve
from rtseg.bench.sustained import Slice, sustained_facts
from rtseg.errors import SinkFault


def svgs(page: str) -> list[ElementTree.Element]:
    return [ElementTree.fromstring(found) for found in re.findall(r"<svg.*?</svg>", page, re.DOTALL)]


def test_it_loads_nothing(done):
    page = page_of(done.report)
    assert not re.search(
        r"https?:|//|\bsrc\s*=|\bhref\s*=|@import|url\(|<script|<link", page.replace("synth://", "")
    )


def test_every_result_is_there_and_every_plot_is_well_formed(done):
    page = page_of(done.report)
    assert {"simulated:2 fp32", "simulated:6 fp32"} <= set(re.findall(r"simulated:\d fp32", page))
    titles = [plot.attrib["aria-label"] for plot in svgs(page)]
    assert len(titles) == len(set(titles)) >= 12
    assert not re.search(r"\b(nan|inf)\b", page, re.IGNORECASE)


def test_words_from_outside_stay_words(done):
    made = copy.deepcopy(done.report)
    made["source"]["uri"] = made["warnings"][:] = made["results"][0]["device"] = "<script>alert(1)</script>"
    made["warnings"] = ["<b>"]
    page = page_of(made)
    assert "<script" not in page
    assert "<b>" not in page


def test_sustained_load_and_scaling_have_their_plots(done):
    made = copy.deepcopy(done.report)
    run = done.bench.records[0].file[0]
    slices = [
        Slice(at, run, {"cpu_mhz": 2000.0 + at, "core_c": 50.0}) for at in (5, 25, 45, 65, 85, 105, 125)
    ]
    made["results"][0]["sustained"] = sustained_facts(slices, 1)
    points = [{"megapixels": x, "cpu_ms": 3 + 2 * x} for x in (0.1, 0.5, 2.0)]
    line = line_through([point["megapixels"] for point in points], [point["cpu_ms"] for point in points])
    made["results"][0]["scaling"] = {"sizes": Curve(points, "law", line).facts()}
    titles = [plot.attrib["aria-label"] for plot in svgs(page_of(made))]
    assert {"frames a second over time", "°C over time", "MHz over time"} <= set(titles)
    assert "CPU ms a frame by the picture's size" in titles


def test_a_page_that_cannot_be_written_leaves_nothing(done, tmp_path):
    target = tmp_path / "there"
    target.mkdir()
    with pytest.raises(SinkFault, match="cannot be written"):
        write_page(done.report, str(target))
    assert list(tmp_path.iterdir()) == [target]


def test_curves_end_where_the_axis_does():
    drawn = plots.plot("t", "x", "y", [plots.Series("s", [0, 1, 1000], [0, 5, 5])], most_x=10)
    xs = [float(x) for x in re.findall(r"L([\d.]+) ", drawn)]
    assert max(xs) <= plots.WIDTH
    assert plots.plot("t", "x", "y", []) == ""
