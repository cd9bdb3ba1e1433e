"""Where frames come from.

base.py          what every source is
file.py          video files (opening.py, decoder.py, seeking.py, orientation.py: its parts)
images.py        image files (listing.py: which, in which order, under which names)
synthetic.py     a rendered drive (drive/: its parts)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtseg.errors import SourceError

if TYPE_CHECKING:
    from rtseg.sources.base import Source


def open_source(uri: str, *, stream: int | None = None, one_size: bool = True) -> Source:
    """Choose the source that `uri` names.

    A video file; an image, a folder or a pattern of them; synth://WIDTHxHEIGHT@FPS?seconds=S&seed=N.

    Nothing is read yet; entering the source does that. `stream` is the number of a video stream in a file,
    None for the best. With `one_size`, images are scaled to the first one's size, as an output film needs it;
    the frames of a film always are.

    Raises:
        InputError: `uri` names no kind of source that exists, or one without numbered streams.
    """
    from rtseg.sources.listing import is_images

    if stream is not None and ("://" in uri or is_images(uri)):
        raise SourceError(f"{uri}: has no stream {stream}; --stream is for video files.")
    if uri.startswith("synth://"):
        from rtseg.sources.synthetic import SyntheticDrive

        return SyntheticDrive.from_uri(uri)
    if "://" in uri:
        scheme = uri.split("://", 1)[0]
        raise SourceError(
            f"{scheme}://… is no source that rtseg reads. Give a video file, images or synth://640x480@25."
        )
    if is_images(uri):
        from rtseg.sources.images import ImageFiles

        return ImageFiles(uri, scaled=one_size)
    from rtseg.sources.file import VideoFile

    return VideoFile(uri, stream=stream)
