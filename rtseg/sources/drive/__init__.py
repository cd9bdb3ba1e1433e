"""The synthetic drive: a street rendered with its exact class labels.

In the order in which a frame is made:

    dice       chance, as a function of what it is for
    texture    pixels with a class, in several sizes, and noise
    light      time of day and weather
    path       where the road goes and the camera is
    view       the canvas: perspective, polygons, textured walls
    sky, ground, facades, growth, frontage, furniture, vehicles, people
               what there is to see
    scene      what is in sight, far things first
    finish     lens and sensor
    strip      the frame's number in the picture
    render     all of it: one frame from its numbers

Everything is integers or IEEE-exact arithmetic (+ - * / only), so that the same numbers give the same pixels
everywhere: no sine, no power, no matrix product, no filter in floating point.
"""

from __future__ import annotations

from rtseg.sources.drive.render import render
from rtseg.sources.drive.strip import number_from_strip

__all__ = ["number_from_strip", "render"]
