"""What is in sight at one moment, and in which order it is painted: far things first."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from rtseg.sources.drive.bodies import bus_of, vehicle_of
from rtseg.sources.drive.dice import Dice
from rtseg.sources.drive.facades import LOT_M
from rtseg.sources.drive.frontage import lot_of, paint_boundary, paint_lot
from rtseg.sources.drive.furniture import (
    SIGN_KINDS,
    paint_crossing_marks,
    paint_lamp,
    paint_sign,
    paint_traffic_light,
)
from rtseg.sources.drive.ground import EDGE_M, ROAD_HALF_M, paint_ground
from rtseg.sources.drive.path import FAR_M, LANE_M, wave
from rtseg.sources.drive.people import paint_bicyclist, paint_crossing, paint_pedestrian, person_of
from rtseg.sources.drive.sky import paint_sky
from rtseg.sources.drive.trees import paint_tree
from rtseg.sources.drive.vehicles import paint_vehicle
from rtseg.sources.drive.view import NEAR_M

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rtseg.sources.drive.view import View

    Item = tuple[float, Callable[[], None]]

# Painting order is by distance plus these: at the same distance, what stands farther out comes first.
WALL_BEFORE_M = 7.0
PAVEMENT_BEFORE_M = 4.5

LAMP_EVERY_M, LAMP_OUT_M = 27.0, ROAD_HALF_M + 0.45
SIGN_EVERY_M, SIGN_OUT_M = 19.0, ROAD_HALF_M + 0.5
CROSSING_EVERY_M, LIGHT_OUT_M = 110.0, ROAD_HALF_M + 0.35
PARKED_EVERY_M, PARKED_OUT_M, PARKED_SHARE = 6.8, ROAD_HALF_M - 1.05, 0.36
ONCOMING_EVERY_M = 29.0
WALKER_EVERY_M, WALKER_SHARE = 8.5, 0.55
RIDER_OUT_M = 2.72
PEOPLE_FAR_M, TREES_FAR_M, CARS_FAR_M = 65.0, 90.0, 110.0


def paint_scene(view: View, seed: int) -> None:
    """Paint everything."""
    paint_sky(view, seed)
    paint_ground(view, seed)
    for number, z in _slots(view, CROSSING_EVERY_M, 0.0, NEAR_M - 5.0, 120.0):
        paint_crossing_marks(view, z, seed, number)
    items = [
        *_frontage(view, seed),
        *_furniture(view, seed),
        *_crossings(view, seed),
        *_parked(view, seed),
        *_traffic(view, seed),
        *_walkers(view, seed),
        *_riders(view, seed),
    ]
    items.sort(key=lambda item: -item[0])
    for _, paint in items:
        paint()


def _slots(
    view: View, every_m: float, speed: float, near_m: float, far_m: float
) -> Iterator[tuple[int, float]]:
    """Numbers of the slots in sight, and metres ahead to where each begins; all move at `speed` m/s."""
    origin = view.pose.travelled_m - speed * view.pose.seconds
    number = int((origin + near_m) // every_m)
    while (z := number * every_m - origin) < far_m:
        yield number, z
        number += 1


def _frontage(view: View, seed: int) -> Iterator[Item]:
    for side in (-1, 1):
        for number, z in _slots(view, LOT_M, 0.0, 0.0, float(FAR_M) - LOT_M):
            far = z + LOT_M + WALL_BEFORE_M
            yield far + 0.5, partial(paint_lot, view, seed, side, number)
            yield far, partial(paint_boundary, view, seed, side, number)
            for tree in lot_of(seed, side, number).trees:
                ahead = tree.along_m - view.pose.travelled_m
                if NEAR_M < ahead < TREES_FAR_M:
                    # Behind the fence: after the lot's building, before its fence, far trees first.
                    order = (
                        far + 0.1 + 0.03 * (ahead - z) if tree.out_m > EDGE_M else ahead + PAVEMENT_BEFORE_M
                    )
                    yield order, partial(paint_tree, view, seed, tree, side * tree.out_m, ahead)


def _furniture(view: View, seed: int) -> Iterator[Item]:
    dusk = view.light.top < 0.65
    for side in (-1, 1):
        for _, z in _slots(view, LAMP_EVERY_M, 0.0, NEAR_M, 150.0):
            ahead = z + LAMP_EVERY_M / 2 * (side > 0)
            yield (
                ahead + PAVEMENT_BEFORE_M,
                partial(paint_lamp, view, side * LAMP_OUT_M, ahead, side, lit=dusk),
            )
        for number, z in _slots(view, SIGN_EVERY_M, 0.0, NEAR_M, 90.0):
            dice = Dice(seed, "sign", side, number)
            ahead = z + dice.between(0.0, 12.0)
            if dice.chance(0.7 if side > 0 else 0.45):
                kind = dice.below(SIGN_KINDS)
                yield ahead + PAVEMENT_BEFORE_M, partial(paint_sign, view, side * SIGN_OUT_M, ahead, kind)


def _crossings(view: View, seed: int) -> Iterator[Item]:
    for number, z in _slots(view, CROSSING_EVERY_M, 0.0, NEAR_M, 140.0):
        if z <= NEAR_M:
            continue
        state = 2 if z < 60.0 or number % 2 else 0
        for side in (-1, 1):
            yield z + PAVEMENT_BEFORE_M, partial(paint_traffic_light, view, side * LIGHT_OUT_M, z, state)
        dice = Dice(seed, "crossers", number)
        for _ in range(1 + dice.below(3)):
            # They cross while the camera comes from 110 m to 20 m, at a walk, so that nobody is run over.
            side = dice.pick((-1, 1))
            share = (112.0 - z + dice.between(-9.0, 9.0)) / 92.0
            person, ahead = person_of(dice, away=False), z + dice.between(0.4, 2.4)
            x = side * (14.0 * share - 7.0)
            if 0.0 < share < 1.0:
                before = PAVEMENT_BEFORE_M if abs(x) > ROAD_HALF_M else 0.0
                steps = 1.1 * view.pose.seconds
                yield (
                    ahead + before,
                    partial(paint_crossing, view, person, x, ahead, steps, rightwards=side > 0),
                )


def _parked(view: View, seed: int) -> Iterator[Item]:
    for side in (-1, 1):
        for number, z in _slots(view, PARKED_EVERY_M, 0.0, NEAR_M - 6.0, CARS_FAR_M):
            dice = Dice(seed, "parked", side, number)
            if not dice.chance(PARKED_SHARE) or _near_crossing(number * PARKED_EVERY_M):
                continue
            vehicle = vehicle_of(dice)
            x, ahead = side * (PARKED_OUT_M + dice.between(-0.1, 0.1)), z + dice.between(0.0, 1.2)
            oncoming = dice.chance(0.85 if side < 0 else 0.12)
            yield (
                ahead + vehicle.body.length_m,
                partial(paint_vehicle, view, vehicle, x, ahead, oncoming=oncoming),
            )


def _near_crossing(along_m: float) -> bool:
    past = along_m % CROSSING_EVERY_M
    return past < 6.0 or past > CROSSING_EVERY_M - 14.0


def _traffic(view: View, seed: int) -> Iterator[Item]:
    dice = Dice(seed, "lead")
    ahead = dice.between(15.0, 26.0) + 5.0 * wave(view.pose.seconds / 17.0 + dice.unit())
    for place in range(2):
        vehicle = bus_of(dice) if place and dice.chance(0.35) else vehicle_of(dice)
        x = LANE_M + 0.15 * wave(view.pose.seconds / 11.0 + dice.unit())
        yield (
            ahead + vehicle.body.length_m,
            partial(paint_vehicle, view, vehicle, x, ahead, oncoming=False),
        )
        ahead += dice.between(16.0, 40.0)
    speed = -Dice(seed, "oncoming").between(8.0, 11.0)
    for number, z in _slots(view, ONCOMING_EVERY_M, speed, NEAR_M - 26.0, CARS_FAR_M):
        dice = Dice(seed, "oncoming", number)
        if dice.chance(0.55):
            vehicle = bus_of(dice) if dice.chance(0.12) else vehicle_of(dice)
            ahead, x = z + dice.between(0.0, 14.0), -LANE_M + dice.between(-0.15, 0.15)
            yield (
                ahead + vehicle.body.length_m,
                partial(paint_vehicle, view, vehicle, x, ahead, oncoming=True),
            )


def _walkers(view: View, seed: int) -> Iterator[Item]:
    for side in (-1, 1):
        for way in (-1, 1):
            for number, z in _slots(view, WALKER_EVERY_M, way * 1.3, NEAR_M - 8.0, PEOPLE_FAR_M):
                dice = Dice(seed, "walker", side, way, number)
                ahead, x = z + dice.between(0.0, 7.0), side * (ROAD_HALF_M + dice.between(0.8, 2.6))
                if not dice.chance(WALKER_SHARE) or ahead < NEAR_M or not view.sees(x, ahead, 0.5):
                    continue
                person = person_of(dice, away=way > 0)
                steps = dice.unit() + view.pose.seconds * dice.between(0.85, 1.0)
                yield ahead + PAVEMENT_BEFORE_M, partial(paint_pedestrian, view, person, x, ahead, steps)


def _riders(view: View, seed: int) -> Iterator[Item]:
    for way, every in ((1, 42.0), (-1, 60.0)):
        for number, z in _slots(view, every, way * 4.6, NEAR_M - 20.0, PEOPLE_FAR_M + 15.0):
            dice = Dice(seed, "rider", way, number)
            ahead, x = z + dice.between(0.0, 18.0), way * (RIDER_OUT_M + dice.between(-0.1, 0.15))
            if ahead >= NEAR_M and view.sees(x, ahead, 0.5):
                person = person_of(dice, away=way > 0)
                turns = dice.unit() + view.pose.seconds * 1.1
                yield ahead, partial(paint_bicyclist, view, person, x, ahead, turns)
