"""Run snippets, each in a process of its own that was forked off when pycuda had been imported.

    python -m tests.cuda.wrong.runner [NAME …]

Prints a JSON line for each snippet and form: name, wrong, kinds (of the violations), live (objects at the
end), signal (that ended it, or 0), raised (what it raised), said (on standard error).
"""

from __future__ import annotations

import faulthandler
import functools
import importlib
import json
import os
import re
import sys
import tempfile
import warnings

from tests.cuda import real
from tests.cuda.emulator import Emulator
from tests.cuda.wrong.snippet import SNIPPETS

MODULES = ("contexts", "copies", "memory", "streams", "events", "graphs", "kernels", "callbacks")


@functools.cache
def emulator() -> Emulator | real.RealGpu:
    return real.RealGpu() if real.IS_WANTED else Emulator()


def main(names):
    emulator()
    for module in MODULES:
        importlib.import_module(f"tests.cuda.wrong.{module}")
    forms = (False,) if real.IS_WANTED else (True, False)  # what a GPU makes of wrong ones is its own affair
    for name in names or SNIPPETS:
        for wrong in forms:
            print(json.dumps(run(name, wrong)), flush=True)  # noqa: T201


def run(name, wrong):
    """Run one form of a snippet in a child, and tell what became of it."""
    with tempfile.TemporaryFile("w+") as said, tempfile.TemporaryFile("w+") as told:
        child = os.fork()
        if not child:
            os.dup2(said.fileno(), 2)
            faulthandler.enable()
            told.write(json.dumps(tell(name, wrong)))
            told.flush()
            os._exit(0)
        _, status = os.waitpid(child, 0)
        said.seek(0)
        told.seek(0)
        said, told = said.read(), json.loads(told.read() or "{}")
    kinds = re.findall(r"^cuda emulator: ([\w-]+): ", said, re.MULTILINE)
    if any(told.get("live", {}).values()) and "leak" not in kinds:
        kinds.append("leak")
    return {"name": name, "wrong": wrong, "kinds": kinds, "live": {}, "raised": "", "said": said, **told,
            "signal": os.WTERMSIG(status)}  # fmt: skip


def tell(name, wrong):
    """Run it, in the child."""
    warnings.simplefilter("ignore")  # pycuda warns of what it cannot free in another thread
    raised = ""
    try:
        SNIPPETS[name][1](wrong)
    except Exception as error:
        raised = f"{type(error).__name__}: {error}"
    return {"live": {kind: n for kind, n in emulator().live().items() if n}, "raised": raised}


if __name__ == "__main__":
    from tests.cuda.wrong import runner  # the one that the snippets import

    runner.main(sys.argv[1:])
