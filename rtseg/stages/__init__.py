"""What happens to the pixels, in the order a frame meets it. No threads here.

capture.py       a source, cut to the length asked for
preprocess.py    the model's input from the decoded picture
infer.py         labels from the model's input
propagate.py     labels for every frame in its slot, live (its part: motion.py)
follow.py        over a file: how each frame follows from those before it, and which are inferred (keys.py)
between.py       the others' labels, from both sides (vote.py); all of these by flow.py
colorize.py      labels blended over the picture (its parts: look.py, painter.py, enlarge.py, tint.py,
                 colours.py, legend.py, mark.py, patch.py)
present.py       the painted picture to every sink
"""
