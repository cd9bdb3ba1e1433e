from __future__ import annotations

import pytest

from rtseg.sources.uri import Address, redacted


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("rtsp://camera/stream", "rtsp://camera/stream"),
        ("rtsp://10.0.0.7:554/h264?channel=1&subtype=0", "rtsp://10.0.0.7:554/h264?channel=1&subtype=0"),
        ("rtsp://anna:geheim@10.0.0.7:554/x", "rtsp://***@10.0.0.7:554/x"),
        ("RTSP://anna@10.0.0.7/x", "RTSP://***@10.0.0.7/x"),
        ("rtsp://:geheim@10.0.0.7/x", "rtsp://***@10.0.0.7/x"),
        ("rtsp://anna:ge@heim@10.0.0.7/x", "rtsp://***@10.0.0.7/x"),
        ("rtsp://anna:ge%40he%im@10.0.0.7/x", "rtsp://***@10.0.0.7/x"),
        ("rtsp://anna:ge/heim@10.0.0.7:554/x", "rtsp://***@10.0.0.7:554/x"),
        ("rtsp://anna:12/34@10.0.0.7:554/x", "rtsp://***@10.0.0.7:554/x"),
        ("rtsp://anna:ge@he/im@10.0.0.7:554/x", "rtsp://***@10.0.0.7:554/x"),
        ("rtsp://anna:ge?heim@10.0.0.7/x", "rtsp://***@10.0.0.7/x"),
        ("rtsp://anna:ge#heim@10.0.0.7/x", "rtsp://***@10.0.0.7/x"),
        ("rtsp://anna:geheim@[fe80::1]:554/x", "rtsp://***@[fe80::1]:554/x"),
        ("rtsp://[fe80::1]:554/x", "rtsp://[fe80::1]:554/x"),
        ("udp://@239.0.0.1:5000", "udp://@239.0.0.1:5000"),
        ("http://cam/mjpg?token=ge/he+im==&fps=5", "http://cam/mjpg?token=***&fps=5"),
        ("http://cam/mjpg?access_token=geheim", "http://cam/mjpg?access_token=***"),
        ("http://cam/mjpg?a=1;pwd=geheim&b=2", "http://cam/mjpg?a=***&b=2"),
        ("http://cam/mjpg?usr=anna&pwd=geheim&res=vga", "http://cam/mjpg?usr=***&pwd=***&res=vga"),
        (
            "http://cam/mjpg?API%4BEY=geheim&Auth=x#key=geheim",
            "http://cam/mjpg?API%4BEY=***&Auth=***#key=***",
        ),
        ("http://cam/mjpg?keyframes=", "http://cam/mjpg?keyframes="),
        (
            "rtsp://cam/user=anna&password=geheim&channel=1.sdp",
            "rtsp://cam/user=***&password=***&channel=1.sdp",
        ),
        ("rtsp://cam/user=anna_password=geheim_channel=1", "rtsp://cam/user=***"),
        ("rtsp://cam/channel=1_password=geheim", "rtsp://cam/channel=***"),
        ("http://proxy/?url=rtsp%3A%2F%2Fanna%3Ageheim%40cam", "http://proxy/?url=***"),
        ("clip.mp4", "clip.mp4"),
        ("/dev/video0", "/dev/video0"),
        ("folder/user=anna@home.mp4", "folder/user=anna@home.mp4"),
    ],
)
def test_nothing_secret_is_shown(uri: str, shown: str):
    assert redacted(uri) == shown
    assert redacted(shown) == shown


@pytest.mark.parametrize(
    ("uri", "parts", "for_ffmpeg"),
    [
        ("RTSP://Cam:8554/a?b=c", ("rtsp", None, "Cam", 8554, "/a?b=c"), "rtsp://Cam:8554/a?b=c"),
        ("rtsp://u:p@cam/a", ("rtsp", "u:p", "cam", None, "/a"), "rtsp://u:p@cam/a"),
        ("rtsp://u:p@w@cam/a", ("rtsp", "u:p@w", "cam", None, "/a"), "rtsp://u:p%40w@cam/a"),
        ("rtsp://u:p%40w@cam/a", ("rtsp", "u:p%40w", "cam", None, "/a"), "rtsp://u:p%40w@cam/a"),
        ("rtsp://u:p/w@cam:5/a", ("rtsp", "u:p/w", "cam", 5, "/a"), "rtsp://u:p%2Fw@cam:5/a"),
        ("rtsp://u:p?w@cam:5/a", ("rtsp", "u:p?w", "cam", 5, "/a"), "rtsp://u:p%3Fw@cam:5/a"),
        ("rtsp://u@[::1]:5/a", ("rtsp", "u", "::1", 5, "/a"), "rtsp://u@[::1]:5/a"),
        ("udp://@239.0.0.1:5", ("udp", "", "239.0.0.1", 5, ""), "udp://@239.0.0.1:5"),
        ("udp://:5", ("udp", None, "", 5, ""), "udp://:5"),
    ],
)
def test_addresses_are_taken_apart(uri: str, parts: tuple[object, ...], for_ffmpeg: str):
    address = Address.from_uri(uri)
    assert (address.scheme, address.user_info, address.host, address.port, address.rest) == parts
    assert address.for_ffmpeg() == for_ffmpeg


@pytest.mark.parametrize("uri", ["clip.mp4", "rtsp://u:geheim@cam:port/x", "rtsp://cam:5a"])
def test_what_is_no_address_is_said_without_secrets(uri: str):
    with pytest.raises(ValueError, match=r"scheme|port") as caught:
        Address.from_uri(uri)
    assert "geheim" not in str(caught.value)
