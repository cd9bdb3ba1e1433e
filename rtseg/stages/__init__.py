"""What happens to the pixels, in the order a frame meets it. No threads here.

capture.py       a source, cut to the length asked for
preprocess.py    the model's input from the decoded picture
infer.py         labels from the model's input
motion.py        labels of a frame from an earlier one
colorize.py      labels blended over the picture (its parts: look.py, painter.py, enlarge.py, tint.py,
                 colours.py, legend.py, mark.py, patch.py)
present.py       the painted picture to every sink
"""
