"""Programs that are deliberately wrong, on the real pycuda: each must be caught, its corrected twin must not.

    snippet.py    what a snippet is, and the names they share
    contexts.py, copies.py, memory.py, streams.py, events.py, graphs.py, kernels.py, callbacks.py
    runner.py     runs them all, each in a process of its own

A snippet is one function for both: `wrong` says which it is, so that the mistake is plain to see.
"""
