"""The GPU, through pycuda.

device.py   which GPU it is, and its context
"""
