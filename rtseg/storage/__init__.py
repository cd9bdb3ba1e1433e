"""What rtseg keeps on the disk for itself and can make anew: plans, kernels, compiled models.

places.py  this user's cache
trust.py   whether somebody else may have made a file
files.py   files that nobody else may write, whole or not at all
lock.py    one process makes a thing, the others wait
"""
