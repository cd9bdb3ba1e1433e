"""Time of day and weather: how bright each side of things is, and what colour distance has."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from rtseg.sources.drive.dice import Dice
from rtseg.sources.drive.texture import Rgb


@dataclass(frozen=True, slots=True)
class Light:
    """The light of one drive; factors multiply a surface's own colour.

    Attributes:
        zenith, horizon: colours of the sky above and at the horizon.
        haze: what far things fade into.
        haze_m: distance at which half of a thing's colour is haze.
        left, right, front, top: light on faces that look to the right-hand side of the road (they stand on the
            left), to the left, towards the camera, and up.
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


_MOODS = (
    # name, zenith, horizon, haze, haze_m, sunlit, shaded, shadow, clouds, tint, grain
    ("clear noon", (86, 142, 208), (196, 220, 238), (186, 204, 220), 420.0, 1.15, 0.72, 0.38, 70, (256, 254, 248), 4),
    ("low sun", (112, 150, 196), (246, 226, 196), (222, 204, 180), 330.0, 1.18, 0.52, 0.42, 90, (264, 250, 226), 5),
    ("overcast", (166, 174, 184), (214, 218, 222), (194, 198, 204), 260.0, 0.88, 0.82, 0.62, 235, (252, 256, 258), 5),
    ("broken cloud", (98, 140, 196), (206, 218, 230), (190, 202, 214), 360.0, 1.05, 0.70, 0.45, 160, (256, 256, 252), 4),
    ("dusk", (92, 104, 142), (222, 186, 164), (150, 142, 150), 250.0, 0.70, 0.48, 0.6, 130, (246, 240, 254), 7),
    ("winter", (120, 164, 214), (226, 236, 242), (206, 216, 226), 300.0, 1.0, 0.55, 0.45, 40, (246, 252, 262), 4),
)  # fmt: skip


@lru_cache(maxsize=64)
def light_of(seed: int) -> Light:
    """The light of a seed's drive."""
    dice = Dice(seed, "light")
    _, zenith, horizon, haze, haze_m, sunlit, shaded, shadow, clouds, tint, grain = _MOODS[
        (seed + 3 * (seed // len(_MOODS))) % len(_MOODS)
    ]
    sun_on_left_faces = dice.chance(0.5)
    behind = dice.unit()
    return Light(
        zenith=zenith,
        horizon=horizon,
        haze=haze,
        haze_m=haze_m * dice.between(0.8, 1.3),
        left=sunlit if sun_on_left_faces else shaded,
        right=shaded if sun_on_left_faces else sunlit,
        front=shaded + (sunlit - shaded) * behind,
        top=(sunlit * 2 + shaded) / 3,
        shadow=shadow,
        clouds=max(20, min(245, clouds + dice.below(60) - 30)),
        tint=tint,
        grain=grain,
    )
