"""The ids that the drive paints, by name, so that no number stands in the painting code."""

from __future__ import annotations

from rtseg.classes import CAMVID

SKY, BUILDING, POLE, ROAD, PAVEMENT, TREE, SIGN, FENCE, CAR, PEDESTRIAN, BICYCLIST = range(len(CAMVID))
VOID = CAMVID.void_id
