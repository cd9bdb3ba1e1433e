"""What belongs to a film beside its pictures: sound, subtitles, chapters and metadata, copied as they are."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from io import BytesIO
from math import ceil
from typing import TYPE_CHECKING

import av
from av.bitstream import BitStreamFilterContext
from av.stream import Discard

from rtseg.sources.opening import pick_stream
from rtseg.timeline import Timeline

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from av.container import InputContainer, OutputContainer
    from av.packet import Packet
    from av.stream import Stream

_KINDS = {"audio": "sound", "subtitle": "subtitles", "attachment": "attached file", "data": "data"}
_MP4 = {"mp4", "mov"}
_ENDINGS = {"mp4": ".mp4", "matroska": ".mkv", "mov": ".mov"}
# What a muxer says of the file and the stream that it writes; of a copy it would be wrong.
_OF_THE_FILE = {"major_brand", "minor_version", "compatible_brands", "encoder", "duration", "bps"}
_OF_THE_STREAM = ("_statistics", "number_of_", "bps-", "duration-", "vendor_id")
# What does not hold for pictures that were turned upright and have no alpha channel.
_OF_THE_PICTURES = {"rotate", "alpha_mode"}
# Tags that MP4 and MOV have places of their own for, where every player looks.
_PLACED = {
    *("album", "album_artist", "artist", "comment", "composer", "copyright", "creation_time", "date"),
    *("description", "genre", "grouping", "location", "lyrics", "synopsis", "title", "track"),
}
# Phones and cameras invent others: com.apple.quicktime.location.ISO6709, com.android.version …
_KEEP_ANY_TAG = "+use_metadata_tags"
_USUAL_PACKETS_A_SECOND = Fraction(50)
_LEAST_STEP_S = Fraction(1, 8000)
"""Between two packets' times: the coarsest unit of sound in MP4, which refuses equal times."""
_NO_SUBTITLE = b"\0\0"
"""A sample of `mov_text` without a letter (3GPP TS 26.245, 5.17)."""


@dataclass(slots=True)
class _Copy:
    """One stream that is copied.

    Attributes:
        stream: where to.
        timeline: what keeps its timestamps rising.
        rewrap: what rewraps its packets; None where they stay as they are.
        closed_at: the time, in the packets' units, at which an empty subtitle has to follow; None for never.
        damaged: packets that could not be rewrapped.
    """

    stream: Stream
    timeline: Timeline
    rewrap: BitStreamFilterContext | None
    closed_at: int | None
    damaged: int = 0

    def packets_from(self, packet: Packet[Stream]) -> list[Packet[Stream]]:
        """Give the packet the output's stream; its bytes stay, its times too where they rise."""
        closes = self.closed_at is not None and _end(packet) >= self.closed_at
        dts = self.timeline.repair(packet.dts)
        if packet.pts is not None and packet.dts is not None:
            packet.pts = dts + max(0, packet.pts - packet.dts)
        packet.dts = dts
        packets = self._rewrapped(packet)
        if closes:
            packets.append(_empty_subtitle_after(packet))
        for one in packets:
            one.stream = self.stream
        return packets

    def _rewrapped(self, packet: Packet[Stream]) -> list[Packet[Stream]]:
        if self.rewrap is None:
            return [packet]
        try:
            return self.rewrap.filter(packet)
        except av.FFmpegError:
            self.damaged += 1
            return []


class Companions:
    """Copies all but the pictures of a source file into an output, packet by packet, in step with its video.

    That is sound, subtitles, attached files, and the data that cameras write beside them, such as GoPro's
    positions. Timecode tracks and chapters are written anew from what the file says of them. Used by one
    thread.

    Attributes:
        warnings: one line for each stream that the output cannot hold, that broke off or was repaired.
    """

    def __init__(
        self, path: str, output: OutputContainer, output_name: str, *, shown: int | None = None
    ) -> None:
        """Open the source file once more, and give the output its metadata and a stream for each to copy.

        Args:
            path: the source file.
            output: where to; the stream for its pictures is there already, and its header not yet written.
            output_name: for messages.
            shown: number of the source's stream whose pictures the output has; None for the best.
        """
        self.warnings: list[str] = []
        self._output = output
        self._output_name = output_name
        self._input: InputContainer = av.open(path)
        self._copies: dict[int, _Copy] = {}
        self._describe_file()
        self._describe_pictures(pick_stream(self._input, path, shown))
        for stream in self._input.streams:
            if stream.type in _KINDS and not _is_written_anew(stream):
                self._add(stream)
        self._packets = self._read()
        self._waiting = next(self._packets, None)

    def copy_until(self, time_s: Fraction) -> None:
        """Copy what begins before `time_s`, seconds on the source's own clock.

        Raises:
            av.FFmpegError: the output takes no more.
        """
        while self._waiting is not None and _begin_s(self._waiting) < time_s:
            self._copy(self._waiting)

    def copy_rest(self) -> None:
        """Copy all that is left; raises as `copy_until`."""
        while self._waiting is not None:
            self._copy(self._waiting)

    def close(self) -> None:
        """Close the source file and say what had to be repaired."""
        for index, copy in self._copies.items():
            counted = (
                (copy.timeline.repaired, f"timestamps of stream {index} did not rise; repaired"),
                (copy.damaged, f"packets of stream {index} damaged; left out"),
            )
            self.warnings += [f"{self._output_name}: {count} {what}" for count, what in counted if count]
        self._input.close()

    def _describe_file(self) -> None:
        tags = kept_metadata(self._input.metadata)
        self._output.metadata.update(tags)
        self._output.set_chapters(self._input.chapters())
        # One key may come in several languages, as location and location-eng.
        if self._output.format.name in _MP4 and any(key.lower().split("-")[0] not in _PLACED for key in tags):
            options = self._output.options
            options["movflags"] = options.get("movflags", "") + _KEEP_ANY_TAG

    def _describe_pictures(self, stream: Stream) -> None:
        copy = self._output.streams.video[0]
        tags = kept_metadata(stream.metadata)
        copy.metadata.update({key: tags[key] for key in tags if key.lower() not in _OF_THE_PICTURES})
        copy.disposition = stream.disposition

    def _add(self, stream: Stream) -> None:
        if not _holds(self._output.format.name, stream):
            self._warn_of_missing(stream)
            return
        copy = self._output.add_stream_from_template(stream)
        copy.metadata.update(kept_metadata(stream.metadata))
        copy.disposition = stream.disposition
        in_mp4 = self._output.format.name in _MP4
        codec = getattr(stream, "codec_context", None)
        # Transport streams wrap each AAC packet in a header of its own; MP4 has one for all.
        wrapped = in_mp4 and stream.name == "aac" and codec is not None and not codec.extradata
        # MP4's muxer ends subtitles with an empty one, and in a fragmented file makes it as long as the one
        # before. After an empty one as short as can be it does no harm to the film's duration.
        closed = in_mp4 and stream.name == "mov_text" and stream.duration is not None
        assert stream.time_base is not None
        self._copies[stream.index] = _Copy(
            copy,
            Timeline(stream.time_base, _USUAL_PACKETS_A_SECOND, ceil(_LEAST_STEP_S / stream.time_base)),
            BitStreamFilterContext("aac_adtstoasc", stream) if wrapped else None,
            (stream.start_time or 0) + (stream.duration or 0) if closed else None,
        )

    def _warn_of_missing(self, stream: Stream) -> None:
        name = stream.metadata.get("handler_name") if stream.type == "data" else stream.name
        others = [ending for format_name, ending in _ENDINGS.items() if _holds(format_name, stream)]
        advice = f"Try an output ending in {others[0]}." if others else "No kind of output here can."
        self.warnings.append(
            f"{self._output_name}: this kind of file cannot hold the {_KINDS[stream.type]} of stream "
            f"{stream.index} ({name or 'unknown'}); left out. {advice}"
        )

    def _read(self) -> Iterator[Packet[Stream]]:
        """All packets to copy. Damage ends them; the pictures' own reader tells of that."""
        if not self._copies:
            return
        try:
            for packet in self._input.demux(*(self._input.streams[index] for index in self._copies)):
                if packet.size and packet.dts is not None:
                    yield packet
        except av.FFmpegError as error:
            self.warnings.append(f"{self._output_name}: the sound breaks off early ({error.strerror})")
        except IndexError:
            pass  # PyAV 18.1 stumbles at the very end over streams that turned up on the way.

    def _copy(self, packet: Packet[Stream]) -> None:
        # First the next one, so that after an error this one is not tried again.
        self._waiting = next(self._packets, None)
        for copied in self._copies[packet.stream.index].packets_from(packet):
            self._output.mux(copied)


def kept_metadata(metadata: Mapping[str, str]) -> dict[str, str]:
    """What holds for a copy too: all but what a muxer says of the very file."""
    return {
        key: _said_once(key, value)
        for key, value in metadata.items()
        if key.lower() not in _OF_THE_FILE and not key.lower().startswith(_OF_THE_STREAM)
    }


def _said_once(key: str, value: str) -> str:
    """FFmpeg 9 strings the dates of MP4's two places together, though they are one date: "X;X"."""
    first, _, second = value.partition(";")
    return first if key.lower() == "creation_time" and first == second else value


def _is_written_anew(stream: Stream) -> bool:
    """Whether it is a timecode or a chapter track; demuxers mark the latter as not for reading."""
    return stream.type == "data" and ("timecode" in stream.metadata or stream.discard == Discard.all)


def _holds(format_name: str, stream: Stream) -> bool:
    """Whether a file of this format can hold the stream. Only trying tells; muxers promise too much."""
    if (
        stream.type == "data" and stream.name is None
    ):  # what FFmpeg has no name for, it copies without its head
        return False
    try:
        with av.open(BytesIO(), "w", format=format_name) as trial:
            trial.add_stream_from_template(stream)
            trial.start_encoding()
    except (av.FFmpegError, ValueError):
        return False
    return True


def _empty_subtitle_after(packet: Packet[Stream]) -> Packet[Stream]:
    empty: Packet[Stream] = av.Packet(_NO_SUBTITLE)
    empty.pts = empty.dts = _end(packet)
    empty.duration, empty.time_base = 1, packet.time_base
    return empty


def _begin_s(packet: Packet[Stream]) -> Fraction:
    assert packet.dts is not None
    return packet.dts * packet.time_base


def _end(packet: Packet[Stream]) -> int:
    assert packet.dts is not None
    return packet.dts + (packet.duration or 0)
