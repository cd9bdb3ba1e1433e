"""Datagrams to one address, or to a group of them."""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import Any

from rtseg.sources.uri import Address

DATAGRAM_BYTES = 1316
"""Seven packets of an MPEG transport stream: what fits an Ethernet frame, and what receivers expect."""

_HOPS = 16
"""How far a multicast goes, as FFmpeg's."""


class UdpSender:
    """Sends bytes in datagrams; nobody need be there to receive them. Used by one thread."""

    def __init__(self, url: str) -> None:
        """Find the address of udp://HOST:PORT; OSError if there is none."""
        address_of = Address.from_uri(url)
        found = socket.getaddrinfo(address_of.host, address_of.port, type=socket.SOCK_DGRAM)
        family, kind, _, _, address = found[0]
        self._address: Any = address
        self._socket = socket.socket(family, kind)
        self._socket.setblocking(False)
        if family == socket.AF_INET:
            self._socket.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, _HOPS)

    def send(self, data: bytes) -> None:
        """Send; OSError if there is no way there. Datagrams for which there is no room now are lost."""
        for start in range(0, len(data), DATAGRAM_BYTES):
            with suppress(BlockingIOError):  # a network that is too slow loses datagrams anyway
                self._socket.sendto(data[start : start + DATAGRAM_BYTES], self._address)

    def close(self) -> None:
        """Close."""
        self._socket.close()
