"""What happens to the pixels, in the order a frame meets it. No threads here.

capture.py       a source, cut to the length asked for
preprocess.py    the model's input from the decoded picture
infer.py         labels from the model's input
colorize.py      labels blended over the picture (enlarge.py, tint.py, colours.py, legend.py: its parts)
present.py       the painted picture to every sink
"""
