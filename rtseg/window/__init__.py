"""A window that shows a run while it lasts, and lets its look be changed.

    display.py    whether there can be a window here; before anything else is imported
    latest.py     the latest picture, handed from the pipeline's thread to the window's
    keys.py       what each key means
    strip.py      the line of figures below the picture, and the help over it
    snapshot.py   a picture and its labels as PNG files
    window.py     puts them together

The window belongs to the main thread, as GUI libraries want it, and draws what is latest when it comes to it:
the pipeline never waits for it. Nothing is imported here, as `display` has to come before PyAV.
"""
