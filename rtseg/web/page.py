"""A run's page: its server, the latest picture on it, and what is told of the run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtseg.web.server import PageServer
from rtseg.web.shelf import Shelf

if TYPE_CHECKING:
    from collections.abc import Callable

    from rtseg.sinks.metrics import Figures
    from rtseg.web.film import Film
    from rtseg.web.rtc import Peer
    from rtseg.web.server import Serve
    from rtseg.web.state import Watched


class RunPage:
    """Made before a run, so that nothing begins if the address is taken; started with it.

    Attributes:
        shelf: the sink that the run hands its pictures to.
        link: what to open in a browser.
        port: where its server listens.
        stays: whether it is to stay when the run is over.
    """

    def __init__(self, serve: Serve) -> None:
        """Take the address; raises as `PageServer` does."""
        self._server = PageServer(serve)
        self.shelf = Shelf()
        self.link = self._server.link
        self.port = self._server.port
        self.stays = serve.stays

    def start(self, watched: Watched, figures: Callable[[], Figures], opacity: float) -> None:
        """Serve; see `rtseg.web.app.App`."""
        from rtseg.web.app import App

        make_peer = None if self._server.is_loopback else _rtc()
        self._server.start(App(watched, self.shelf, figures, opacity=opacity, make_peer=make_peer))

    def close(self) -> None:
        """Tell viewers that it is over, and end. Twice is as once."""
        self._server.close()
        self.shelf.close()


def _rtc() -> Callable[[Film], Peer] | None:
    """What answers offers of WebRTC; None where aiortc is not installed."""
    try:
        from rtseg.web.rtc import Peer
    except ImportError:
        return None
    return Peer
