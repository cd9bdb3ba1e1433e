"""Where painted pictures go.

base.py      what every sink is
video.py     a video file (output.py, fragments.py: its parts)
"""
