"""What belongs to a film beside its pictures: sound, subtitles, chapters and metadata, copied as they are."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import av
from av.bitstream import BitStreamFilterContext

from rtseg.timeline import Timeline

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from av.container import InputContainer, OutputContainer
    from av.packet import Packet
    from av.stream import Stream

_KINDS = {"audio": "sound", "subtitle": "subtitles"}
_MP4 = {"mp4", "mov"}
# What a muxer says of the file and the stream that it writes; of a copy it would be wrong.
_OF_THE_FILE = {"major_brand", "minor_version", "compatible_brands", "encoder", "duration", "bps"}
_OF_THE_STREAM = ("_statistics", "number_of_", "bps-", "duration-", "vendor_id")
_USUAL_PACKETS_A_SECOND = 50


@dataclass(slots=True)
class _Copy:
    """One stream that is copied: where to, what keeps its timestamps rising, what rewraps its packets."""

    stream: Stream
    timeline: Timeline
    rewrap: BitStreamFilterContext | None

    def packets_from(self, packet: Packet[Stream]) -> list[Packet[Stream]]:
        """Give the packet the output's stream; its bytes stay, its times too where they rise."""
        dts = self.timeline.repair(packet.dts)
        if packet.pts is not None and packet.dts is not None:
            packet.pts += dts - packet.dts
        packet.dts = dts
        packets = self.rewrap.filter(packet) if self.rewrap is not None else [packet]
        for one in packets:
            one.stream = self.stream
        return packets


class Companions:
    """Copies sound and subtitles of a source file into an output, packet by packet, in step with its video.

    Used by one thread.

    Attributes:
        warnings: one line for each stream that the output cannot hold, that broke off or was repaired.
    """

    def __init__(self, path: str, output: OutputContainer, output_name: str) -> None:
        """Open the source file once more, and give the output its metadata and a stream for each to copy."""
        self.warnings: list[str] = []
        self._output = output
        self._output_name = output_name
        self._input: InputContainer = av.open(path)
        self._copies: dict[int, _Copy] = {}
        output.metadata.update(kept_metadata(self._input.metadata))
        output.set_chapters(self._input.chapters())
        for stream in self._input.streams:
            if stream.type in _KINDS:
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
            repaired = copy.timeline.repaired
            if repaired:
                self.warnings.append(
                    f"{self._output_name}: {repaired} timestamps of stream {index} did not rise; repaired"
                )
        self._input.close()

    def _add(self, stream: Stream) -> None:
        codec = getattr(stream, "codec_context", None)
        if codec is None or codec.codec.canonical_name not in self._output.supported_codecs:
            name = codec.name if codec is not None else "unknown codec"
            self.warnings.append(
                f"{self._output_name}: this kind of file cannot hold the {_KINDS[stream.type]} of stream "
                f"{stream.index} ({name}); left out. Try an output ending in "
                f"{'.mkv' if self._output.format.name in _MP4 else '.mp4'}."
            )
            return
        copy = self._output.add_stream_from_template(stream)
        copy.metadata.update(kept_metadata(stream.metadata))
        copy.disposition = stream.disposition
        # Transport streams wrap each AAC packet in a header of its own; MP4 has one for all.
        wrapped = codec.name == "aac" and not codec.extradata and self._output.format.name in _MP4
        assert stream.time_base is not None
        self._copies[stream.index] = _Copy(
            copy,
            Timeline(stream.time_base, Fraction(_USUAL_PACKETS_A_SECOND)),
            BitStreamFilterContext("aac_adtstoasc", stream) if wrapped else None,
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

    def _copy(self, packet: Packet[Stream]) -> None:
        for copied in self._copies[packet.stream.index].packets_from(packet):
            self._output.mux(copied)
        self._waiting = next(self._packets, None)


def kept_metadata(metadata: Mapping[str, str]) -> dict[str, str]:
    """What holds for a copy too: all but what a muxer says of the very file."""
    return {
        key: value
        for key, value in metadata.items()
        if key.lower() not in _OF_THE_FILE and not key.lower().startswith(_OF_THE_STREAM)
    }


def _begin_s(packet: Packet[Stream]) -> Fraction:
    assert packet.dts is not None
    assert packet.time_base is not None
    return packet.dts * packet.time_base
