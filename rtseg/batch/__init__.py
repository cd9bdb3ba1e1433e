"""Many films: the same run over each of them, on several processes or a Ray cluster.

clips.py       which files, and what their outputs are called
manifest.py    what has become of each, a line at a time
batch.py       what is missing, doing that, a report
job.py         the work on one file, or on a piece of it: one and the same code everywhere
pieces.py      a long film cut into pieces, and put together again
scheduler.py   what is done next, and again
processes.py   jobs in processes of this machine
cluster.py     jobs as tasks of a Ray cluster
"""
