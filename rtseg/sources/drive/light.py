"""Time of day and weather: how bright each side of things is, and what colour distance has."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from rtseg.sources.drive.dice import Dice

if TYPE_CHECKING:
    from rtseg.sources.drive.texture import Rgb


@dataclass(frozen=True, slots=True)
class Light:
    """The light of one drive; factors multiply a surface's own colour.

    Attributes:
        zenith, horizon: colours of the sky above and at the horizon.
        haze: what far things fade into.
        haze_m: distance at which half of a thing's colour is haze.
        left, right, front, top: light on faces that stand on the left and look right, stand on the right and
            look left, look towards the camera, and look up.
        shadow: how much light is left under a car, 0…1.
        clouds: 0 none … 255 overcast.
        tint: of everything, as the sensor sees it, 256 each for none.
        grain: sensor noise, in levels.
    """

    zenith: Rgb
    horizon: Rgb
    haze: Rgb
    haze_m: float
    left: float
    right: float
    front: float
    top: float
    shadow: float
    clouds: int
    tint: Rgb
    grain: int


@dataclass(frozen=True, slots=True)
class _Mood:
    """A kind of day: what `Light` is drawn from."""

    zenith: Rgb
    horizon: Rgb
    haze: Rgb
    haze_m: float
    sunlit: float
    shaded: float
    shadow: float
    clouds: int
    tint: Rgb
    grain: int


_MOODS = (
    # Clear noon, low sun, overcast, broken cloud, dusk, winter.
    _Mood((86, 142, 208), (196, 220, 238), (186, 204, 220), 420.0, 1.15, 0.72, 0.38, 70, (256, 254, 248), 4),
    _Mood((112, 150, 196), (246, 226, 196), (222, 204, 180), 330.0, 1.18, 0.52, 0.42, 90, (264, 250, 226), 5),
    _Mood(
        (166, 174, 184), (214, 218, 222), (194, 198, 204), 260.0, 0.88, 0.82, 0.62, 235, (252, 256, 258), 5
    ),
    _Mood((98, 140, 196), (206, 218, 230), (190, 202, 214), 360.0, 1.05, 0.70, 0.45, 160, (256, 256, 252), 4),
    _Mood((92, 104, 142), (222, 186, 164), (150, 142, 150), 250.0, 0.70, 0.48, 0.60, 130, (246, 240, 254), 7),
    _Mood((120, 164, 214), (226, 236, 242), (206, 216, 226), 300.0, 1.0, 0.55, 0.45, 40, (246, 252, 262), 4),
)


@lru_cache(maxsize=64)
def light_of(seed: int) -> Light:
    """The light of a seed's drive."""
    dice = Dice(seed, "light")
    # Neighbouring seeds differ; after six of them the moods come round with other sides in the sun.
    mood = _MOODS[(seed + 3 * (seed // len(_MOODS))) % len(_MOODS)]
    sun_on_left_faces = dice.chance(0.5)
    behind = dice.unit()
    return Light(
        zenith=mood.zenith,
        horizon=mood.horizon,
        haze=mood.haze,
        haze_m=mood.haze_m * dice.between(0.8, 1.3),
        left=mood.sunlit if sun_on_left_faces else mood.shaded,
        right=mood.shaded if sun_on_left_faces else mood.sunlit,
        front=mood.shaded + (mood.sunlit - mood.shaded) * behind,
        top=(mood.sunlit * 2 + mood.shaded) / 3,
        shadow=mood.shadow,
        clouds=max(20, min(245, mood.clouds + dice.below(60) - 30)),
        tint=mood.tint,
        grain=mood.grain,
    )
