"""The synthetic drive: a street rendered with its exact class labels.

In the order in which a frame is made:

    dice       chance, as a function of what it is for
    classes    class ids by name
    shapes     outlines that several things share
    texture    pixels with a class, in several sizes, and noise
    light      time of day and weather
    path       where the road goes and the camera is
    view       the canvas: perspective and polygons
    wall       textured walls on the canvas
    sky        sky and far skyline
    ground     road, kerbs, pavement and verge
    facades    fronts of buildings, as textures
    growth     crowns, hedges and fences, as textures
    trees      trees
    frontage   buildings and fences along the street
    furniture  lamps, signs, traffic lights, crossings
    bodies     kinds of vehicles
    vehicles   vehicles
    people     pedestrians and bicyclists
    scene      what is in sight, far things first
    finish     lens and sensor
    strip      the frame's number in the picture
    render     all of it: one frame from its numbers
    picture    RGB to the planes that encoders want

Everything is integers or IEEE-exact arithmetic (+ - * / only), so that the same numbers give the same pixels
everywhere: no sine, no power, no matrix product, no filter in floating point.
"""

from __future__ import annotations

from rtseg.sources.drive.picture import picture_from_rgb
from rtseg.sources.drive.render import render
from rtseg.sources.drive.strip import number_from_strip

__all__ = ["number_from_strip", "picture_from_rgb", "render"]
