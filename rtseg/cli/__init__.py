"""The command line: arguments and printing only.

main.py       the entry point: the commands, and how an error is shown
options.py    options that several commands share
screen.py     progress bars and tables
run.py        rtseg run
bench.py      rtseg bench
synth.py      rtseg synth
judge.py      rtseg eval
make.py       rtseg train
export.py     rtseg export, quantize
build.py      rtseg build
look.py       rtseg models, doctor
gpu_report.py rtseg doctor --gpu
"""

from rtseg.cli.main import main

__all__ = ["main"]
