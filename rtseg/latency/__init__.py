"""From light to light: how old a picture is when it is shown, cameras, cables and buffers included.

card.py      the picture that tells when it was made
sender.py    shows or streams it; a process of its own
reader.py    the sink that reads it back, and what it has found
"""
