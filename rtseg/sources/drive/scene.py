"""What is in sight at one moment, and in which order it is painted: far things first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtseg.sources.drive.dice import Dice
from rtseg.sources.drive.facades import LOT_M
from rtseg.sources.drive.frontage import TREE_FAR_M, lot_of, paint_boundary, paint_lot, paint_tree
from rtseg.sources.drive.furniture import paint_crossing_marks, paint_lamp, paint_sign, paint_traffic_light
from rtseg.sources.drive.ground import ROAD_HALF_M, paint_ground
from rtseg.sources.drive.path import FAR_M, LANE_M, wave
from rtseg.sources.drive.people import paint_bicyclist, paint_crossing, paint_pedestrian, person_of
from rtseg.sources.drive.sky import paint_sky
from rtseg.sources.drive.vehicles import bus_of, paint_vehicle, vehicle_of
from rtseg.sources.drive.view import NEAR_M

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rtseg.sources.drive.view import View

    Item = tuple[float, Callable[[], None]]

# Painting order is by distance plus these: at the same distance, what stands farther out comes first.
WALL_BEFORE_M = 7.0
PAVEMENT_BEFORE_M = 4.5

LAMP_EVERY_M, SIGN_EVERY_M, CROSSING_EVERY_M = 27.0, 19.0, 110.0
PARKED_EVERY_M, PARKED_M = 6.8, ROAD_HALF_M - 1.05
PEOPLE_FAR_M, CARS_FAR_M = 75.0, 130.0


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


def _slots(view: View, every_m: float, speed: float, near_m: float, far_m: float) -> Iterator[tuple[int, float]]:
    """The numbers of the slots in sight, and how far ahead each begins; all move at `speed` m/s along the road."""
    origin = view.pose.travelled_m - speed * view.pose.seconds
    number = int((origin + near_m) // every_m)
    while (z := number * every_m - origin) < far_m:
        yield number, z
        number += 1


def _frontage(view: View, seed: int) -> Iterator[Item]:
    travelled = view.pose.travelled_m
    for side in (-1, 1):
        for number, z in _slots(view, LOT_M, 0.0, 0.0, float(FAR_M) - LOT_M):
            far = z + LOT_M + WALL_BEFORE_M
            yield far + 0.5, lambda s=side, n=number: paint_lot(view, seed, s, n)
            yield far, lambda s=side, n=number: paint_boundary(view, seed, s, n)
            for at, out, *looks in lot_of(seed, side, number).trees:
                ahead = at - travelled
                if NEAR_M < ahead < TREE_FAR_M:
                    before = WALL_BEFORE_M + (0.6 if out > 8.0 else -2.6)
                    yield (
                        ahead + before + max(0.0, out - 8.0),
                        lambda x=side * out, z=ahead, w=looks[0], c=looks[1], t=looks[2]: paint_tree(
                            view, seed, x, z, w, c, t
                        ),
                    )


def _furniture(view: View, seed: int) -> Iterator[Item]:
    dusk = view.light.top < 0.65
    for side in (-1, 1):
        for number, z in _slots(view, LAMP_EVERY_M, 0.0, NEAR_M, 150.0):
            z += 13.0 * (side > 0)
            if z > NEAR_M:
                x = side * (ROAD_HALF_M + 0.45)
                yield z + PAVEMENT_BEFORE_M, lambda x=x, z=z, s=side: paint_lamp(view, x, z, s, lit=dusk)
        for number, z in _slots(view, SIGN_EVERY_M, 0.0, NEAR_M, 90.0):
            dice = Dice(seed, "sign", side, number)
            z += dice.between(0.0, 12.0)
            if dice.chance(0.7 if side > 0 else 0.45) and z > NEAR_M:
                x, kind = side * (ROAD_HALF_M + 0.5), dice.below(6)
                yield z + PAVEMENT_BEFORE_M, lambda x=x, z=z, k=kind: paint_sign(view, x, z, k)


def _crossings(view: View, seed: int) -> Iterator[Item]:
    for number, z in _slots(view, CROSSING_EVERY_M, 0.0, NEAR_M, 140.0):
        if z <= NEAR_M:
            continue
        state = 2 if z < 60.0 or number % 2 else 0
        for side in (-1, 1):
            x = side * (ROAD_HALF_M + 0.35)
            yield z + PAVEMENT_BEFORE_M, lambda x=x, z=z: paint_traffic_light(view, x, z, state)
        dice = Dice(seed, "crossers", number)
        for _ in range(1 + dice.below(3)):
            # They cross while the camera comes from 110 m to 15 m, at a walk, so that nobody is run over.
            side = dice.pick((-1, 1))
            share = (112.0 - z + dice.between(-9.0, 9.0)) / 92.0
            person = person_of(dice, away=False)
            ahead = z + dice.between(0.4, 2.4)
            if 0.0 < share < 1.0:
                x = side * (14.0 * share - 7.0)
                yield (
                    ahead + (PAVEMENT_BEFORE_M if abs(x) > ROAD_HALF_M else 0.0),
                    lambda p=person, x=x, z=ahead: paint_crossing(view, p, x, z, 1.1 * view.pose.seconds),
                )


def _parked(view: View, seed: int) -> Iterator[Item]:
    for side in (-1, 1):
        for number, z in _slots(view, PARKED_EVERY_M, 0.0, NEAR_M - 5.0, CARS_FAR_M):
            dice = Dice(seed, "parked", side, number)
            if not dice.chance(0.5) or _near_crossing(number * PARKED_EVERY_M):
                continue
            vehicle = vehicle_of(dice)
            x, ahead = side * (PARKED_M + dice.between(-0.1, 0.1)), z + dice.between(0.0, 1.2)
            oncoming = dice.chance(0.85 if side < 0 else 0.12)
            yield (
                ahead + vehicle.body.length_m,
                lambda v=vehicle, x=x, z=ahead, o=oncoming: paint_vehicle(view, v, x, z, oncoming=o),
            )


def _near_crossing(along_m: float) -> bool:
    past = along_m % CROSSING_EVERY_M
    return past < 6.0 or past > CROSSING_EVERY_M - 14.0


def _traffic(view: View, seed: int) -> Iterator[Item]:
    dice = Dice(seed, "lead")
    gap = dice.between(15.0, 26.0) + 5.0 * wave(view.pose.seconds / 17.0 + dice.unit())
    for place in range(2):
        vehicle = bus_of(dice) if place and dice.chance(0.35) else vehicle_of(dice)
        x = LANE_M + 0.15 * wave(view.pose.seconds / 11.0 + dice.unit())
        yield gap + vehicle.body.length_m, lambda v=vehicle, x=x, z=gap: paint_vehicle(view, v, x, z, oncoming=False)
        gap += dice.between(16.0, 40.0)
    speed = -Dice(seed, "oncoming").between(8.0, 11.0)
    for number, z in _slots(view, 29.0, speed, NEAR_M - 12.0, CARS_FAR_M):
        dice = Dice(seed, "oncoming", number)
        if dice.chance(0.55):
            vehicle = bus_of(dice) if dice.chance(0.12) else vehicle_of(dice)
            ahead, x = z + dice.between(0.0, 14.0), -LANE_M + dice.between(-0.15, 0.15)
            yield (
                ahead + vehicle.body.length_m,
                lambda v=vehicle, x=x, z=ahead: paint_vehicle(view, v, x, z, oncoming=True),
            )


def _walkers(view: View, seed: int) -> Iterator[Item]:
    for side in (-1, 1):
        for way in (-1, 1):
            for number, z in _slots(view, 8.5, way * 1.3, NEAR_M - 8.0, PEOPLE_FAR_M):
                dice = Dice(seed, "walker", side, way, number)
                ahead = z + dice.between(0.0, 7.0)
                if not dice.chance(0.36) or ahead < NEAR_M:
                    continue
                person, x = person_of(dice, away=way > 0), side * (ROAD_HALF_M + dice.between(0.8, 2.2))
                steps = dice.unit() + view.pose.seconds * dice.between(0.85, 1.0)
                yield (
                    ahead + PAVEMENT_BEFORE_M,
                    lambda p=person, x=x, z=ahead, n=steps: paint_pedestrian(view, p, x, z, n),
                )


def _riders(view: View, seed: int) -> Iterator[Item]:
    for way, every in ((1, 42.0), (-1, 60.0)):
        for number, z in _slots(view, every, way * 4.6, NEAR_M - 20.0, PEOPLE_FAR_M + 15.0):
            dice = Dice(seed, "rider", way, number)
            ahead = z + dice.between(0.0, 18.0)
            if ahead < NEAR_M:
                continue
            person, x = person_of(dice, away=way > 0), way * (2.72 + dice.between(-0.1, 0.15))
            turns = dice.unit() + view.pose.seconds * 1.1
            yield ahead, lambda p=person, x=x, z=ahead, n=turns: paint_bicyclist(view, p, x, z, n)
