"""A package `tensorrt` that pretends to be one version: what it offers is what that version's bindings offer.

`tests/trt/doubles.py` copies this folder into a package `tensorrt` as `tensorrt/_double`, beside the
version's `surface.json`; it is not imported from here, so that each version has modules of its own.

    surface.py     what the version offers
    assemble.py    the classes and enums of the surface, each call checked as pybind11 checks it
    enums.py       enums with that version's numbers
    casts.py       what may be passed where
    world.py       the assembled version, as the behaviours below see it
    control.py     what is to go wrong, and how the device looks
    device.py      the CUDA driver: which GPU, and work on its streams
    plan.py        a plan: header, ONNX file, checksum
    streams.py     an execution queued on a stream, in the emulator of the driver
    on_gpu.py      the same on a real driver, computed by torch
    dims.py logger.py builder.py config.py timing.py network.py graph.py parser.py operators.py memory.py
    runtime.py engine.py context.py execution.py inspector.py    the behaviours, one noun each
    package.py     all of it, as `tensorrt/__init__.py` takes it

Failures are None or False and a line in the logger, never an exception, as in the real thing.
"""
