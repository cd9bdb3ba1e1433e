"""The same job by others: a script each, run in an environment of its own by compare_peers.py.

marks.py         what a script tells: when frames were done
paint.py         the overlay, where a peer leaves it to its user
environments.py  which peers there are, and their environments
facts.py         what became of sound, timestamps and frames
"""
