"""Where frames come from.

base.py          what every source is
file.py          video files (opening.py, decoder.py, seeking.py, orientation.py: its parts)
images.py        image files (listing.py: which, in which order, under which names)
synthetic.py     a rendered drive (drive/: its parts)
live.py          what all live sources are: network.py, camera.py, realtime.py
network.py       streams (uri.py, connection.py, units.py, tally.py, pace.py, refusal.py: its parts)
camera.py        cameras at this machine (hardware.py, v4l2.py, csi.py, quiet.py: its parts)
reconnecting.py  being lost and found again, for both (outages.py, patience.py: its parts)
realtime.py      a film or a drive, played as a camera
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from rtseg.errors import SourceError

if TYPE_CHECKING:
    from rtseg.sources.base import Source
    from rtseg.sources.live import LiveOptions, LiveSource

_STREAM = re.compile(r"(rtsps?|https?|udp|rtp|srt|rtmps?|tcp)://", re.IGNORECASE)
_CAMERA = re.compile(r"/dev/(video|v4l/).*|csi://.*", re.IGNORECASE)


def open_source(
    uri: str,
    *,
    stream: int | None = None,
    one_size: bool = True,
    live: LiveOptions | None = None,
    realtime: bool = False,
) -> Source:
    """Choose the source that `uri` names.

    A video file; an image, a folder or a pattern of them; synth://WIDTHxHEIGHT@FPS?seconds=S&seed=N; and what
    `open_live` takes.

    Nothing is read yet; entering the source does that. `stream` is the number of a video stream in a file,
    None for the best. With `one_size`, images are scaled to the first one's size, as an output film needs it;
    the frames of a film always are. `live` is for live sources; with `realtime`, a film or a drive is one.

    Raises:
        InputError: `uri` names no kind of source that exists, or one without numbered streams.
    """
    from rtseg.sources.listing import is_images

    if realtime or is_live(uri):
        return open_live(uri, live, stream=stream, realtime=realtime)
    if stream is not None and ("://" in uri or is_images(uri)):
        raise _without_streams(uri, stream)
    if uri.startswith("synth://"):
        from rtseg.sources.synthetic import SyntheticDrive

        return SyntheticDrive.from_uri(uri)
    if "://" in uri:
        scheme = uri.split("://", 1)[0]
        raise SourceError(
            f"{scheme}://… is no source that rtseg reads. Give a video file, images, a camera, "
            "rtsp://, http://, udp:// or synth://640x480@25."
        )
    if is_images(uri):
        from rtseg.sources.images import ImageFiles

        return ImageFiles(uri, scaled=one_size)
    from rtseg.sources.file import VideoFile

    return VideoFile(uri, stream=stream)


def open_live(
    uri: str, options: LiveOptions | None = None, *, stream: int | None = None, realtime: bool = False
) -> LiveSource:
    """Choose the live source that `uri` names.

    A stream (rtsp://, http://, udp://, …); a camera, by its number, its device /dev/videoN or csi://N; with
    `realtime` a video file or synth://….

    Nothing is opened yet; entering the source does that.

    Raises:
        InputError: it names none, or `stream` is given where there are no numbered streams.
    """
    from rtseg.sources.live import LiveOptions
    from rtseg.sources.uri import redacted

    options = options or LiveOptions()
    if realtime:
        return _open_realtime(uri, options, stream)
    if stream is not None:
        raise _without_streams(uri, stream)
    if _STREAM.match(uri):
        from rtseg.sources.network import NetworkStream

        return NetworkStream(uri, options)
    if is_live(uri):
        from rtseg.sources.camera import Camera

        return Camera(uri, options)
    raise SourceError(f"{redacted(uri)}: not a camera or a stream. A film becomes one with --realtime.")


def is_live(uri: str) -> bool:
    """Whether it names a camera or a stream. A number does, unless there is a file of that name."""
    if _STREAM.match(uri) or _CAMERA.fullmatch(uri):
        return True
    return uri.isascii() and uri.isdigit() and not Path(uri).exists()


def _open_realtime(uri: str, options: LiveOptions, stream: int | None) -> LiveSource:
    from rtseg.sources.listing import is_images
    from rtseg.sources.realtime import Realtime
    from rtseg.sources.uri import redacted

    if is_live(uri):
        raise SourceError(f"{redacted(uri)}: is live already. Leave --realtime out.")
    if "://" not in uri and is_images(uri):
        raise SourceError(f"{uri}: images have no times of their own. --realtime is for films and synth://….")
    return Realtime(lambda: open_source(uri, stream=stream), options)


def _without_streams(uri: str, stream: int) -> SourceError:
    from rtseg.sources.uri import redacted

    return SourceError(f"{redacted(uri)}: has no stream {stream}; --stream is for video files.")
