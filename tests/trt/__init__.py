"""TensorRT without a GPU: the contract with its real Python bindings, and a double that behaves like it.

    versions.py    which versions, in which wheel, and where they are unpacked
    install.py     downloads the wheels, and makes what follows from them
    standin.py     empty libraries, so that the bindings can be imported where TensorRT is not installed
    reflect.py     what one version's bindings offer, read from the imported module
    stubs.py       the same as type stubs, for mypy
    ranges.py      which of our modules are for which versions only
    unchecked.py   returns that may be None or False and are not looked at; enums as numbers
    contract.py    our sources against one version: `python -m tests.trt.contract VERSION --source rtseg`
    doubles.py     a folder with a package `tensorrt` that pretends to be one version
    double/        that package: behaviour of ours, the surface of the real bindings

A process can import the bindings of one version only, hence the child processes.
"""
