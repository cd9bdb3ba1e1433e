"""The GPU, through pycuda.

device.py         which GPU it is, and its context
buffers.py        memory that the host and the GPU have in common
graph.py          work recorded once, and launched as one
libcuda.py        the driver, past pycuda
kernels.cu        what the GPU does to pixels, in CUDA C
kernels.py        that, loaded and launched
planes.py         pictures in the GPU's memory
painter.py        colours laid over pictures by the GPU
cubin.py          the kernels compiled: kept, or compiled anew
compiler.py       which compilers are here
nvcc.py           one that is a program
nvrtc.py          one that is a library
compile_error.py  what they raise
"""
