"""Where frames come from.

base.py          what every source is
file.py          video files (opening.py, decoder.py, orientation.py, timeline.py: its parts)
synthetic.py     a rendered drive (drive/: its parts)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtseg.errors import SourceError

if TYPE_CHECKING:
    from rtseg.sources.base import Source


def open_source(uri: str) -> Source:
    """Choose the source that `uri` names: a video file, or synth://WIDTHxHEIGHT@FPS?seconds=S&seed=N.

    Nothing is read yet; entering the source does that.

    Raises:
        InputError: `uri` names no kind of source that exists.
    """
    if uri.startswith("synth://"):
        from rtseg.sources.synthetic import SyntheticDrive

        return SyntheticDrive.from_uri(uri)
    if "://" in uri:
        scheme = uri.split("://", 1)[0]
        raise SourceError(
            f"{scheme}://… is no source that rtseg reads. Give a video file or synth://640x480@25."
        )
    from rtseg.sources.file import VideoFile

    return VideoFile(uri)
