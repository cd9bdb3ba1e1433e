"""Pictures that come in several packets, put together."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import av

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.stream import VideoStream


class Units:
    """Joins packets of one time, once a stream was seen to have such.

    GStreamer puts the parameter sets before every slice of a key frame, if told to send them with each, and
    FFmpeg takes each set for the beginning of a picture: there is one packet, and one torn picture, a slice.
    In such a stream a key frame is held back until the next packet comes. All other packets pass at once.
    """

    def __init__(self) -> None:
        self._tears = False
        self._held: Packet[VideoStream] | None = None
        self._last_pts: int | None = None

    def push(self, packet: Packet[VideoStream]) -> list[Packet[VideoStream]]:
        """Take the next packet; returns those that are whole now, in order."""
        self._tears |= packet.pts is not None and packet.pts == self._last_pts
        self._last_pts = packet.pts
        held, self._held = self._held, None
        if held is not None and held.pts == packet.pts:
            self._held = _joined(held, packet)
            return []
        whole = [held] if held is not None else []
        if self._tears and packet.is_keyframe and packet.pts is not None:
            self._held = packet
        else:
            whole.append(packet)
        return whole


def _joined(first: Packet[VideoStream], second: Packet[VideoStream]) -> Packet[VideoStream]:
    packet = cast("Packet[VideoStream]", av.Packet(bytes(first) + bytes(second)))
    packet.pts, packet.dts, packet.time_base = first.pts, first.dts, first.time_base
    packet.is_keyframe = first.is_keyframe
    return packet
