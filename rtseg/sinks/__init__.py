"""Where painted pictures go.

base.py      what every sink is
video.py     the overlay as a video (encoder.py, companions.py: its parts)
images.py    the overlay as images
labels.py    the label maps, lossless
table.py     a row for each frame (rows.py: its rows, until it is whole)
output.py    whether something can be written there, and under which name it grows
growing.py   a video file that takes its name when it is whole (segments.py, fragments.py: its parts)
kept.py      what an earlier run left of an output
"""
