"""Build pycuda's wheel as its setup.py does, but with all cores: run in its sources, with the wheel's folder."""

from __future__ import annotations

import os
import runpy
import sys
from concurrent.futures import ThreadPoolExecutor
from distutils.ccompiler import CCompiler

import setuptools  # noqa: F401  # brings distutils along


def compile_in_parallel(self, sources, output_dir=None, macros=None, include_dirs=None, debug=0,
                        extra_preargs=None, extra_postargs=None, depends=None):  # fmt: skip
    """Do what `CCompiler.compile` does, the largest source first: one takes as long as half of the others."""
    macros, objects, extra_postargs, options, todo = self._setup_compile(
        output_dir, macros, include_dirs, sources, depends, extra_postargs
    )
    arguments = self._get_cc_args(options, debug, extra_preargs)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        waiting = [
            pool.submit(self._compile, made, *todo[made], arguments, extra_postargs, options)
            for made in sorted(todo, key=lambda made: -os.path.getsize(todo[made][0]))
        ]
    for one in waiting:
        one.result()
    return objects


if __name__ == "__main__":
    CCompiler.compile = compile_in_parallel
    folder = sys.argv[1]
    sys.argv = ["setup.py", "--quiet", "bdist_wheel", "--dist-dir", folder]
    runpy.run_path("setup.py", run_name="__main__")
