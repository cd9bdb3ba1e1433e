"""The GPU's painter on the emulator: paints what the CPU's does, and leaves nothing behind."""

from __future__ import annotations

import threading

import av
import cv2
import numpy as np
import pytest

from rtseg.classes import CAMVID
from rtseg.errors import DeviceError, DeviceFault, InputError
from rtseg.frame import Labelled, LabelMap
from rtseg.options import RunOptions
from rtseg.stages.colorize import Colorize
from rtseg.stages.look import Look
from tests.cuda.on_host import corner_of, farthest, first_picture, levels_of
from tests.cuda.real import needs_emulator
from tests.stages.pictures import frame_of, labelled, yuv_picture
from tests.stages.test_colorize import blobs

LOOKS = [
    {"opacity": 0.5},
    {"opacity": 0.3, "legend": True, "mark_stale": True},
    {"opacity": 1.0},
    {"only": frozenset({"road", "car"})},
    {"only": frozenset({"road", "sky", "tree"}), "opacity": 0.8},
    {"view": "mask", "only": frozenset({"road"})},
    {"view": "side-by-side", "legend": True},
]
"""All ways of painting."""


@pytest.fixture
def painted_by_gpu(clean):  # noqa: ARG001  # at the end, nothing may be left of it
    """Makes colorize stages that paint on the emulator."""
    from rtseg.cuda.painter import GpuPainter

    return lambda **look: Colorize(CAMVID, painter=GpuPainter(), **look)


@pytest.fixture(scope="module")
def ids(camvid):
    """A real label map at the model's size; it has void in it, an id without a class."""
    annotation = sorted((camvid / "valannot").glob("*.png"))[40]
    read = cv2.imread(str(annotation), cv2.IMREAD_GRAYSCALE)
    return cv2.resize(read, (480, 360), interpolation=cv2.INTER_NEAREST)


@pytest.mark.parametrize("look", LOOKS)
def test_a_real_frame_is_painted_as_by_the_cpu(painted_by_gpu, videos, ids, look):
    item = labelled(first_picture(videos / "highway.mp4"), ids)
    with painted_by_gpu(**look) as stage:
        one = stage.process(item).picture
    other = Colorize(CAMVID, **look).process(item).picture
    assert (one.width, one.height, one.format.name) == (other.width, other.height, other.format.name)
    assert (one.pts, one.colorspace, one.color_range) == (other.pts, other.colorspace, other.color_range)
    worst, share = farthest(levels_of(one), levels_of(other))
    assert worst <= 1
    assert share < 0.001


@pytest.mark.parametrize("size", [(1, 1), (7, 3), (33, 9), (201, 101), (96, 72), (320, 180), (480, 360)])
@pytest.mark.parametrize("labels", [(36, 48), (72, 96), (35, 47)])
def test_any_size_of_picture_and_labels(painted_by_gpu, size, labels):
    noise = np.random.default_rng(1).integers(0, len(CAMVID), labels, np.uint8)
    item = labelled(yuv_picture(size), noise if labels == (35, 47) else blobs(*labels))
    for look in ({"opacity": 0.5}, {"only": frozenset({"road", "car", "tree"})}):
        with painted_by_gpu(**look) as stage:
            one = stage.process(item).picture
        worst, share = farthest(levels_of(one), levels_of(Colorize(CAMVID, **look).process(item).picture))
        assert worst <= 1
        assert share < 0.002


@pytest.mark.parametrize("colorspace", [1, 5, 9])
@pytest.mark.parametrize("color_range", [1, 2])
def test_colours_follow_matrix_and_range(painted_by_gpu, videos, ids, colorspace, color_range):
    picture = corner_of(
        first_picture(videos / "london.mp4"), (321, 201), colorspace=colorspace, color_range=color_range
    )
    item = labelled(picture, ids)
    with painted_by_gpu() as stage:
        one = stage.process(item).picture
    worst, _ = farthest(levels_of(one), levels_of(Colorize(CAMVID).process(item).picture))
    assert worst <= 1


def test_looks_sizes_and_matrices_change_from_picture_to_picture(painted_by_gpu):
    looks = [Look(opacity=0.5), Look(view="mask"), Look(only=frozenset({"car"})), Look(opacity=0.2)]
    cpu = Colorize(CAMVID)
    with painted_by_gpu() as stage:
        for index in range(12):
            stage.look = cpu.look = looks[index % 4]
            picture = yuv_picture(
                [(96, 72), (95, 71), (64, 48)][index // 4], colorspace=[1, 6][index % 2], seed=index
            )
            item = labelled(picture, blobs(*[(36, 48), (24, 36)][index // 3 % 2], seed=index))
            before = levels_of(picture)
            one = stage.process(item).picture
            worst, _ = farthest(levels_of(one), levels_of(cpu.process(item).picture))
            assert worst <= 1
            assert farthest(levels_of(picture), before)[0] == 0


def test_other_formats_and_stages_in_threads_of_their_own(painted_by_gpu):
    source = yuv_picture((96, 72)).reformat(format="yuv444p", threads=1)
    item, found = labelled(source, blobs(36, 48)), []

    def run():
        with painted_by_gpu() as stage:
            found.extend(levels_of(stage.process(item).picture) for _ in range(3))

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = levels_of(Colorize(CAMVID).process(item).picture)
    assert len(found) == 9
    assert all(farthest(levels, expected)[0] <= 1 for levels in found)


@pytest.mark.parametrize("integrated", [False, True])
def test_no_more_bytes_go_over_the_bus_than_must(clean, painted_by_gpu, integrated):
    needs_emulator()
    clean.configure(integrated=integrated)
    picture_bytes, frames = 320 * 180 * 3 // 2, 5
    with painted_by_gpu() as stage:
        for seed in range(frames):
            stage.process(labelled(yuv_picture((320, 180), seed=seed), blobs(72, 96, seed)))
    traffic = clean.traffic()
    up, down = traffic["h2d_bytes"], traffic["d2h_bytes"]
    if integrated:  # it works in the host's memory
        assert (up, down) == (0, 0)
    else:
        assert (up, down) == (1024 + frames * (picture_bytes + 72 * 96), frames * picture_bytes)
    assert clean.calls()["cuModuleLoadDataEx"] == 1


def test_a_stage_may_be_opened_again(painted_by_gpu):
    item, stage = labelled(yuv_picture((96, 72)), blobs(36, 48)), painted_by_gpu()
    for _ in range(2):
        with stage:
            stage.process(item)
    with pytest.raises(RuntimeError, match="not open"):
        stage.process(item)


def test_a_stage_may_be_closed_in_another_thread(painted_by_gpu):
    stage = painted_by_gpu().__enter__()
    stage.process(labelled(yuv_picture((96, 72)), blobs(36, 48)))
    other = threading.Thread(target=stage.__exit__, args=(None, None, None))
    other.start()
    other.join()


def test_what_cannot_be_is_said_in_a_line_or_two(on_host, painted_by_gpu, monkeypatch):
    stage, item = painted_by_gpu(), labelled(yuv_picture((96, 72)), blobs(36, 48))
    on_host.configure(quiet=True)
    for api in ("memory", "cuMemHostAlloc", "cuStreamCreate", "cuEventCreate"):
        if api == "memory":  # pycuda tries this twice
            on_host.configure(total_memory=1000)
        else:
            on_host.fail_next(api, 2)
        with pytest.raises(
            (DeviceError, DeviceFault), match=r"out of memory[^\n]*\n?[^\n]*--overlay-on cpu"
        ) as raised:
            stage.__enter__()
        assert len(str(raised.value).splitlines()) <= 2
        assert not any(on_host.live().values())
        on_host.configure(total_memory=8 << 30)
    for api in ("cuModuleLoadDataEx", "cuModuleGetFunction"):
        on_host.fail_next(api, 200)
        with pytest.raises(DeviceError, match=r"does not take the compiled kernels.*\nUpdate the driver"):
            stage.__enter__()
        assert not any(on_host.live().values())
    with stage:
        on_host.configure(total_memory=4096)
        with pytest.raises(DeviceFault, match="out of memory"):
            stage.process(item)
        on_host.configure(total_memory=8 << 30)
        stage.process(item)
        on_host.fail_next("cuLaunchKernel", 1)
        with pytest.raises(DeviceFault, match="invalid value") as kept:  # as a pipeline keeps its first error
            stage.process(item)
        stage.process(item)
        large = Labelled(frame_of(av.VideoFrame(16386, 2, "yuv420p")), LabelMap(blobs(36, 48)))
        with pytest.raises(InputError, match="too large for --overlay-on gpu"):
            stage.process(large)
    assert not any(on_host.live().values())
    assert len(str(kept.value).splitlines()) == 1
    monkeypatch.setattr("rtseg.cuda.cubin.compilers_for", lambda _: [])
    monkeypatch.setenv("XDG_CACHE_HOME", "/nonexistent")
    with pytest.raises(DeviceError, match="no compiler for the GPU's kernels"):
        stage.__enter__()
    on_host.configure(devices=0)
    with pytest.raises(DeviceError, match="no NVIDIA GPU"):
        stage.__enter__()


def test_it_goes_with_the_tensorrt_backend_alone(tmp_path):
    from rtseg.session import Session

    for place, words in (("gpu", "goes with --backend tensorrt"), ("tpu", "no such place")):
        options = RunOptions(
            "synth://64x48@10?seconds=1", out=tmp_path / "o.mp4", backend="simulated", overlay_on=place
        )
        with pytest.raises(InputError, match=words):
            Session(options)
    assert not (tmp_path / "o.mp4").exists()
