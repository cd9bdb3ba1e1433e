"""TensorRT plans: how one is built from an ONNX file, where it is kept, and when it is trusted.

In the order in which a plan comes about:

    options.py         what is asked of the builder, and what a version of TensorRT can do of it
    key.py             what a plan is built for; it fits nothing else
    places.py          where plans and timing caches are kept
    plan.py            a plan and the record beside it, written and read
    cache.py           a plan from where it is kept, or built: `plan_for`
    job.py             what the building process is told
    building.py        that process, as the one that waits for it sees it
    worker.py          that process: python -m rtseg.tensorrt.worker
    build.py           in it: plan_from_onnx
    logger.py          what TensorRT said
    network.py         the ONNX file, parsed
    weakly_typed.py    types of a network, TensorRT 8
    strongly_typed.py  the same, 10 and newer
    onnx_file.py       the ONNX file as the parser is given it
    config.py          the builder's configuration
    timing.py          the timing cache
    progress.py        the builder's progress, 10 and newer

And in which it is used:

    engine.py          a plan, loaded
    lane.py            one image at a time through it: stream, context, buffers
    layers.py          its layers: what they are, how long each takes

build.py and all below it but onnx_file.py import TensorRT when they are imported.
"""
