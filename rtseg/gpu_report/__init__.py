"""`rtseg doctor --gpu`: what a machine with a GPU makes of the models, measured and packed into one archive.

In the order in which it comes about:

    request.py     what is asked for, and whether it can be done
    survey.py      all steps, one after the other; what fails is noted, and the others go on
    redaction.py   what must not leave the machine
    folder.py      where the report grows, and the archive
    machine.py     GPU, driver, versions, CPU
    tools.py       what the system's own tools say of clocks, power and board
    frames.py      the frames that are looked at
    plans.py       the plans, built
    agreement.py   labels against ONNX Runtime's
    scores.py      mIoU, where there are labelled images
    opened.py      a plan, opened in lanes of its own
    figures.py     minimum, median, percentiles and warnings, by trtexec's rules
    timing.py      images through lanes, timed as trtexec does it
    fusion.py      what TensorRT has made of the layers
    layers.py      their times and descriptions
    live.py        the live pipeline, for a while

TensorRT and pycuda are imported by `survey.py` and what it calls, when it runs.
"""
