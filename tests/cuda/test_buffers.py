"""Memory that host and GPU have in common, on the emulated driver."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from rtseg.cuda.buffers import buffer_for
from rtseg.runtimes import load_pycuda


@pytest.mark.parametrize("is_integrated", [False, True])
def test_bytes_go_to_the_gpu_and_come_back(device, emulator, is_integrated):
    stream, shape = load_pycuda().Stream(1), (3, 5)
    buffer = buffer_for(replace(device.gpu, is_integrated=is_integrated), shape)
    assert (buffer.host.shape, buffer.host.dtype, buffer.address % 256) == (shape, np.uint8, 0)
    for value in (7, 8):
        buffer.host[:] = value
        buffer.upload(stream)
        stream.synchronize()
        buffer.download(stream)
        stream.synchronize()
        assert set(buffer.host.flat) == {value}
    if not emulator.is_real:
        assert emulator.traffic()["h2d_bytes"] == (0 if is_integrated else 2 * 15)
    buffer.free()
    buffer.free()
    assert emulator.live()["pinned"] == 0


def test_without_room_on_the_gpu_nothing_is_kept_on_the_host(device, emulator):
    emulator.configure(total_memory=10)
    with pytest.raises(load_pycuda().Error) as kept:  # as a pipeline keeps its first error
        buffer_for(device.gpu, (3, 5))
    assert emulator.live()["pinned"] == 0
    assert "out of memory" in str(kept.value)
