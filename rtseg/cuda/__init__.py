"""The GPU, through pycuda.

device.py   which GPU it is, and its context
buffers.py  memory that the host and the GPU have in common
graph.py    work recorded once, and launched as one
libcuda.py  the driver, past pycuda
"""
