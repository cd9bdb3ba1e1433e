"""Why a stream could not be opened, or was lost, in plain words."""

from __future__ import annotations

import errno
import os
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

import av
from av import error as av_error

from rtseg.errors import SourceError, SourceNotFoundError

if TYPE_CHECKING:
    from rtseg.sources.live import LiveOptions
    from rtseg.sources.uri import Address

_UNREACHABLE = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN}


@dataclass(frozen=True, slots=True)
class Refusal:
    """What went wrong, and what to do about it.

    Attributes:
        what: a few words, which also fit into a list of several.
        advice: a sentence or two.
        kind: the error to raise if this ends the first opening.
    """

    what: str
    advice: str
    kind: type[SourceError | SourceNotFoundError] = SourceError

    def error(self, shown_uri: str) -> SourceError | SourceNotFoundError:
        """The error for a source of that name, which is free of passwords."""
        return self.kind(f"{shown_uri}: {self.what}. {self.advice}")


def timed_out(address: Address, options: LiveOptions, *, connected: bool) -> Refusal:
    """Nothing came in time; `connected` tells whether the stream was open and only a picture was missing."""
    seconds = f"within {options.open_timeout_s:g} s"
    if address.scheme in ("udp", "rtp"):
        return Refusal(
            f"nothing that can be shown arrived {seconds}",
            "Check that the sender sends to this machine and port, and that no firewall drops UDP.",
        )
    if connected:
        advice = "Check that the camera sends video now."
        if address.scheme.startswith("rtsp") and options.transport == "udp":
            advice = "A firewall may drop UDP: try it with --transport tcp."
        return Refusal(f"it answers, but sent no picture {seconds}", advice)
    return Refusal(
        f"no answer {seconds}", "Check host and port, that the camera is on, and that no firewall is between."
    )


def broken_off_from(error: Exception) -> Refusal:
    """Why no more came on a connection that had been open."""
    broken = isinstance(error, (ConnectionError, BrokenPipeError))
    what = "the connection was broken" if broken else "the stream ended"
    return Refusal(what, "Look at the camera and the network.")


def refusal_from(error: Exception, address: Address, options: LiveOptions) -> Refusal:
    """Read what PyAV raised; its own text is not used, as the address with the password stands in it."""
    return _by_answer(error, address, options) or _by_network(error, address) or _by_content(error, address)


def _by_answer(error: Exception, address: Address, options: LiveOptions) -> Refusal | None:
    if isinstance(error, av_error.HTTPUnauthorizedError):
        if address.has_password:
            return Refusal(
                "the user or the password is wrong",
                "Check both; in the address, write @ as %40, / as %2F, : as %3A and % as %25.",
            )
        return Refusal(
            "it wants a user and a password",
            f"Give them in the address: {address.scheme}://USER:PASSWORD@HOST/…",
        )
    if isinstance(error, av_error.HTTPForbiddenError):
        return Refusal("access is forbidden (403)", "Check what this user may see.")
    if isinstance(error, av_error.HTTPNotFoundError):
        return Refusal("there is no such stream (404)", "Check the path in the address.", SourceNotFoundError)
    if isinstance(error, av_error.HTTPClientError):
        other = "udp" if options.transport == "tcp" else "tcp"
        advice = "Check the address."
        if address.scheme.startswith("rtsp"):
            advice = f"Check the address, or try it with --transport {other}."
        return Refusal("it refuses the request", advice)
    if isinstance(error, av_error.HTTPServerError):
        return Refusal("it reports a fault of its own (5xx)", "Look at the camera or server, or try later.")
    return None


def _by_network(error: Exception, address: Address) -> Refusal | None:
    number = getattr(error, "errno", None)
    if isinstance(error, ConnectionRefusedError):
        return Refusal("the connection was refused", "Check the port, and that the camera is on.")
    if isinstance(error, (ConnectionError, BrokenPipeError)):
        return Refusal("the connection was broken", "Check that the address is one of a video stream.")
    if number in _UNREACHABLE:
        return Refusal("the host cannot be reached", "Check the network, and that both are in the same one.")
    if number == errno.EADDRINUSE:
        return Refusal("another program listens at this port", "End it, or choose another port.")
    if number == errno.EADDRNOTAVAIL:
        return Refusal(
            "this machine has no such address", "Give its own address, or 0.0.0.0, before the port."
        )
    if address.host and not _resolves(address.host):
        escapes = " In a password, write @ as %40 and / as %2F." if address.has_password else ""
        return Refusal(
            "the host's name is not known", f"Check the name, and the network's name server.{escapes}"
        )
    if number == errno.ETIMEDOUT:
        return Refusal("no answer", "Check host and port, and that the camera is on.")
    return None


def _by_content(error: Exception, address: Address) -> Refusal:
    if isinstance(error, av_error.ProtocolNotFoundError):
        return Refusal(f"{address.scheme}:// is not known to this FFmpeg", "Use RTSP, HTTP or UDP instead.")
    if address.scheme in ("https", "rtsps") and getattr(error, "errno", None) == errno.EIO:
        return Refusal(
            "no secure connection can be made", "Check that the port speaks TLS, or leave the s out."
        )
    not_video = (av_error.InvalidDataError, av_error.DemuxerNotFoundError, EOFError)
    if isinstance(error, not_video) or getattr(error, "errno", None) == errno.EIO:
        return Refusal("what comes is not a video", "Check that the address is one of a video stream.")
    number = getattr(error, "errno", None)
    if isinstance(error, av.FFmpegError) and number is not None and 0 < number < 200:
        return Refusal(f"it cannot be opened ({os.strerror(number)})", "Check the address.")
    return Refusal("it cannot be opened", "Check the address.")


def _resolves(host: str) -> bool:
    try:
        socket.getaddrinfo(host, None)
    except OSError:
        return False
    except UnicodeError:
        return False
    return True
