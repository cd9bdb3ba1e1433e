"""What all tests share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests import rtsp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SHARED = Path(__file__).resolve().parent.parent.parent / "shared"


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One cache for all tests of a run, and never the user's."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / "cache"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        yield


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real clips and labelled frames beside the checkout; tests skip where it is absent."""
    if SHARED.is_dir():
        return SHARED
    if os.environ.get("CI"):
        pytest.fail(f"{SHARED.name}/ is missing beside the checkout; in CI nothing may skip for that")
    pytest.skip("needs the folder shared/ beside the checkout (real clips and CamVid)")


@pytest.fixture(scope="session")
def videos(shared: Path) -> Path:
    """Real clips."""
    return shared / "videos"


@pytest.fixture(scope="session")
def camvid(shared: Path) -> Path:
    """CamVid train and val in SegNet's layout."""
    return shared / "data" / "camvid"


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[int, int], Path]:
    """The drive as H.264 for the RTSP server, by size: the usual one first, then a smaller one."""
    folder = tmp_path_factory.mktemp("clips")
    return {
        size: rtsp.write_clip(folder / f"{size[0]}x{size[1]}.h264", rtsp.h264_of(rtsp.images_of(size)))
        for size in (rtsp.SIZE, rtsp.SMALL)
    }


@pytest.fixture
def rtsp_server(
    clips: dict[tuple[int, int], Path], tmp_path: Path
) -> Iterator[Callable[..., rtsp.RtspServer]]:
    """A maker of RTSP servers that play `clips` and end with the test; it takes what `RtspServer` takes."""
    missing = rtsp.why_no_server()
    if missing is not None:
        pytest.skip(missing)
    servers: list[rtsp.RtspServer] = []

    def make(**options: Any) -> rtsp.RtspServer:
        options = {"clips": clips, "log": tmp_path / f"pushed{len(servers)}.txt", **options}
        servers.append(rtsp.RtspServer(**options))
        return servers[-1]

    yield make
    for server in servers:
        server.kill()
