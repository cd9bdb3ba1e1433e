"""Where a page is reached: scheme, name and port, as browsers put them into Host and Origin."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from rtseg.errors import InputError

USUAL_PORTS = {"http": 80, "https": 443}
"""What browsers do not write."""

HOST = re.compile(r"[\w.:\[\]-]+")
"""No user, path or query."""


@dataclass(frozen=True, slots=True)
class Origin:
    """A server as others see it; `str` gives what browsers send as Origin.

    Attributes:
        scheme: "http" or "https".
        name: a name in small letters, or an address, IPv6 without brackets.
        port: its port.
    """

    scheme: str
    name: str
    port: int

    @classmethod
    def from_host(cls, scheme: str, host: str) -> Origin | None:
        """The origin that a Host header of such a connection tells; None if it is no host."""
        try:
            parts = urlsplit(f"//{host}")
            name, port = parts.hostname, parts.port
        except ValueError:
            return None
        if name is None or not HOST.fullmatch(host):
            return None
        return cls(scheme, name, port or USUAL_PORTS[scheme])

    @classmethod
    def from_text(cls, text: str, scheme: str, port: int) -> Origin:
        """The one that a person has written: NAME, NAME:PORT, or https://NAME[:PORT].

        Args:
            text: what was written.
            scheme: which it is, where the text does not say so.
            port: where it is, where the text says neither port nor scheme.

        Raises:
            InputError: it is none of these.
        """
        told, separator, host = text.rpartition("://")
        host = host.removesuffix("/")
        found = cls.from_host(told or scheme, host) if (told or scheme) in USUAL_PORTS else None
        if found is None or (separator and not told):
            raise InputError(f"{text}: no name of a server. Write NAME, NAME:PORT or https://NAME.")
        has_port = urlsplit(f"//{host}").port is not None
        return found if told or has_port else cls(scheme, found.name, port)

    def __str__(self) -> str:
        """Scheme, name, and port where it is not the usual one."""
        name = f"[{self.name}]" if ":" in self.name else self.name
        port = "" if self.port == USUAL_PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{name}{port}"
