"""What all tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parent.parent.parent / "shared"


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
