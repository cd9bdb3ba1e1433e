"""Memory that the C library keeps for later, given back to the system."""

from __future__ import annotations

import ctypes
from contextlib import suppress


def give_back() -> None:
    """Give the system what is free on the heap; takes milliseconds, and does nothing without glibc.

    A connection that broke leaves packets and pictures of its own between those of others, so that with every
    outage the heap would grow a little, though all of it is free.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
