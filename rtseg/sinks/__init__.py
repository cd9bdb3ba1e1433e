"""Where painted pictures go.

base.py      what every sink is
video.py     a video file (output.py: where one may be written)
"""
