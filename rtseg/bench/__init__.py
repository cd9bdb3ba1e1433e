"""`rtseg bench`: what a model costs on this machine, in the path that ships.

In the order in which it comes about:

    request.py     what is asked for, and whether it can be done
    film.py        the source as films: long enough, at other rates, in other sizes
    bench.py       the whole measurement: what is measured, in which order, and ending it early
    rounds.py      all candidates in turns, so that a machine that drifts drifts for all
    engine.py      the backend alone
    runs.py        the whole of `rtseg run`, over a file and live
    samples.py     a meter that keeps every duration
    sustained.py   the same for long: the first minute beside the last
    scaling.py     other sizes, several streams, fewer threads
    fit.py         a line through what they cost
    machine.py     CPU, GPU, power mode, versions
    readings.py    clocks, temperatures, throttling, while it is measured
    figures.py     percentiles, and how far chance may have moved them
    results.py     the report
    compare.py     what differs between two reports beyond chance
    plots.py       SVG
    page.py        the report as a page
"""
