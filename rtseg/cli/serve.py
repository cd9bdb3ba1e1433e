"""The options of a page for browsers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from rtseg.cli.options import existing_or_not
from rtseg.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rtseg.web.server import Serve

_OPTIONS = (
    click.option(
        "--serve",
        metavar="[HOST:PORT]",
        is_flag=False,
        flag_value="127.0.0.1:8080",
        help="Show it in browsers, at 127.0.0.1:8080 if nothing follows; off this machine by a link only.",
    ),
    click.option(
        "--tls-cert", type=existing_or_not, metavar="PEM", help="Certificate of --serve, for https."
    ),
    click.option("--tls-key", type=existing_or_not, metavar="PEM", help="… and its private key."),
    click.option(
        "--serve-name",
        metavar="NAME",
        help="Where else it is reached, as through a proxy: NAME, NAME:PORT or https://NAME.",
    ),
)


def serve_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def serve_from(given: dict[str, Any], *, stays: bool) -> Serve | None:
    """What the options say; None without --serve.

    Args:
        given: all options by name.
        stays: whether the page stays when the work is done.

    Raises:
        InputError: some go with --serve only, and that is not given.
    """
    address, *others = (given[name] for name in ("serve", "tls_cert", "tls_key", "serve_name"))
    if address is None:
        if any(others):
            raise InputError("--tls-cert, --tls-key and --serve-name go with --serve. Give it, too.")
        return None
    from rtseg.web.server import Serve

    certificate, key, name = others
    return Serve(address, tls_cert=certificate, tls_key=key, name=name, stays=stays)
