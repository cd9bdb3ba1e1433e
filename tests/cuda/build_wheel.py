"""Build pycuda's wheel as its setup.py does, but quickly: run in its sources, with the wheel's folder.

All cores compile; Boost.Python's forty sources, which read the same large headers, are compiled as one.
"""

from __future__ import annotations

import os
import runpy
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import setuptools  # noqa: F401  # before distutils, which it brings along

from distutils.ccompiler import CCompiler  # isort: skip

BOOST_PYTHON = "/libs/python/src/"


def compile_quickly(self, sources, output_dir=None, macros=None, include_dirs=None, debug=0,
                    extra_preargs=None, extra_postargs=None, depends=None):  # fmt: skip
    """Do what `CCompiler.compile` does."""
    macros, _, extra_postargs, options, todo = self._setup_compile(
        output_dir, macros, include_dirs, sources, depends, extra_postargs
    )
    arguments = self._get_cc_args(options, debug, extra_preargs)
    units = merged({made: source for made, (source, _) in todo.items()})
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        waiting = [
            pool.submit(self._compile, made, source, ".cpp", arguments, extra_postargs, options)
            for made, source in sorted(units.items(), key=lambda unit: -os.path.getsize(unit[1]))
        ]
    for one in waiting:
        one.result()
    return list(units)


def merged(units):
    """Sources by object file, with those of Boost.Python as one."""
    boost = {made: source for made, source in units.items() if BOOST_PYTHON in source}
    if not boost:
        return units
    unit = Path("boost_python.cpp")
    unit.write_text("".join(f'#include "{source}"\n' for source in boost.values()))
    return {"boost_python.o": str(unit)} | {made: units[made] for made in units.keys() - boost.keys()}


if __name__ == "__main__":
    CCompiler.compile = compile_quickly
    folder = sys.argv[1]
    sys.argv = ["setup.py", "--quiet", "bdist_wheel", "--dist-dir", folder]
    runpy.run_path("setup.py", run_name="__main__")
