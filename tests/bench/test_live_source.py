"""A camera or a stream as the source: the model alone, and live at the stream's own rate."""

from __future__ import annotations

import pytest

from rtseg.bench.bench import Bench
from rtseg.bench.request import Request
from rtseg.bench.results import report_of
from rtseg.gpu_report import frames
from rtseg.tensorrt.cache import Terms


@pytest.mark.live
@pytest.mark.usefixtures("quickly")
def test_a_stream_is_measured_live_at_its_own_rate(rtsp_server, monkeypatch):
    monkeypatch.setattr(frames, "_OF_A_SOURCE", 3)
    bench = Bench(Request(rtsp_server().url, backends=("simulated:2",), seconds=1), Terms())
    bench.run(lambda _: None)
    (result,) = report_of(bench)["results"]
    assert result["pipeline_fps"] is result["efficiency"] is None
    assert list(result["live"]) == ["own"]
    assert result["live"]["own"]["frames"]["shown"] > 0
    assert result["bound_fps"] > 0
