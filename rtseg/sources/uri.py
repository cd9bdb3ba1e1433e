"""Addresses of streams, shown without what must stay secret."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote

HIDDEN = "***"
_PARTS = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/?#]*)(?P<rest>.*)", re.DOTALL)
_HOST_AND_PORT = re.compile(r"(?P<host>\[[^\]]*\]|[^:\[\]@]*)(:(?P<port>\d*))?")
_PATH_PAIR = re.compile(r"(?P<key>[^/&=?#]+)=(?P<value>[^&?#]*)")
_QUERY_PAIR = re.compile(r"(?P<key>[^&=#?]+)=(?P<value>[^&#]*)")
_SECRET = re.compile(
    r"pass|pwd|secret|token|key|auth|sig|cred|session|jwt|login|user|usr|\A(p|pw|u|code|sid|hash|ticket)\Z",
    re.IGNORECASE,
)
_HIGHEST_PORT = 65_535
_KEPT = "%:!$&'()*+,;=-._~"
"""Left as they are in user and password; a % there is an escape already, or FFmpeg takes it as it is."""


@dataclass(frozen=True, slots=True)
class Address:
    """The parts of scheme://user:password@host:port/path?query.

    Attributes:
        scheme: lower case.
        user_info: what stands before the @ of the host, as given; None where no @ does.
        host: name or number; IPv6 without its brackets.
        port: None where none is given.
        rest: path, query and fragment, as given.
    """

    scheme: str
    user_info: str | None
    host: str
    port: int | None
    rest: str

    @classmethod
    def from_uri(cls, uri: str) -> Address:
        """Take an address apart; a password with / ? or # in it is understood where that is the only reading.

        Raises:
            ValueError: it has no scheme:// or its port is no number; the text has no password in it.
        """
        match = _PARTS.fullmatch(uri)
        if match is None:
            raise ValueError("an address begins with scheme://")
        authority, rest = match["authority"], match["rest"]
        if "@" in rest and not _HOST_AND_PORT.fullmatch(authority.rpartition("@")[2]):
            before, _, after = (authority + rest).rpartition("@")
            host_and_port, rest = _cut(after, r"[/?#]")
            authority = f"{before}@{host_and_port}"
        user_info, at, host_and_port = authority.rpartition("@")
        host_match = _HOST_AND_PORT.fullmatch(host_and_port)
        if host_match is None:
            raise ValueError("after the host and a : there must be a port, a number")
        port = int(host_match["port"]) if host_match["port"] else None
        if port is not None and port > _HIGHEST_PORT:
            raise ValueError(f"the port must be a number up to {_HIGHEST_PORT}")
        return cls(
            match["scheme"].lower(), user_info if at else None, host_match["host"].strip("[]"), port, rest
        )

    @property
    def has_password(self) -> bool:
        """Whether a user or a password stands in it."""
        return bool(self.user_info and self.user_info != ":")

    def for_ffmpeg(self) -> str:
        """The address, with all in user and password escaped that would be taken for something else."""
        user_info = f"{quote(self.user_info, safe=_KEPT)}@" if self.user_info is not None else ""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = f":{self.port}" if self.port is not None else ""
        return f"{self.scheme}://{user_info}{host}{port}{self.rest}"


def redacted(uri: str) -> str:
    """What `uri` names, without users, passwords, tokens and keys: fit for screens, logs and reports.

    Where an address can be read in several ways, too much is hidden rather than too little. What has no scheme://
    stays as it is.
    """
    match = _PARTS.fullmatch(uri)
    if match is None:
        return uri
    authority, rest = match["authority"], match["rest"]
    path, query = _cut(rest, r"[?#]")
    _, at, host = authority.rpartition("@")
    before_at = query.rpartition("@")[0]
    if "@" in query and "=" not in before_at and (at or not _HOST_AND_PORT.fullmatch(authority)):
        # A password with ? or # in it.
        authority, rest = f"{HIDDEN}@", query.rpartition("@")[2]
    elif "@" in path and (at or ":" in authority):
        # A password with a slash in it; or a path with an @, which cannot be told apart.
        authority, rest = f"{HIDDEN}@", path.rpartition("@")[2] + query
    elif at:
        authority = f"{HIDDEN}@{host}" if authority != f"@{host}" else authority
    path, query = _cut(rest, r"[?#]")
    return f"{match['scheme']}://{authority}{_PATH_PAIR.sub(_hide, path)}{_QUERY_PAIR.sub(_hide, query)}"


def _cut(text: str, pattern: str) -> tuple[str, str]:
    """What stands before the first match, and the rest."""
    match = re.search(pattern, text)
    begin = match.start() if match is not None else len(text)
    return text[:begin], text[begin:]


def _hide(pair: re.Match[str]) -> str:
    """Hide the value of a key=value that is secret by its name, or has something of that kind inside."""
    key, value = unquote(pair["key"]), unquote(pair["value"])
    is_secret = _SECRET.search(key) or ("=" in value and _SECRET.search(value)) or "@" in value
    return f"{pair['key']}={HIDDEN}" if is_secret and value else pair[0]
