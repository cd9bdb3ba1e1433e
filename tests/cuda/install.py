"""Install pycuda, CUDA's headers and its compilers under .venv, for tests on the emulated device.

    python -m tests.cuda.install

pycuda has no wheels: its sdist is compiled here, against NVIDIA's headers from PyPI and linked to the
emulator, which has the real driver's names. Where that cannot be done, one line says why, and the tests that
need it skip.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.cuda.emulator.build import build
from tests.cuda.toolkit import FOLDER, INCLUDE, TOOLKIT

PYCUDA = "pycuda==2026.1"
NEEDED_BY_PYCUDA = ("pytools", "platformdirs", "mako")
HEADERS = ("nvidia-cuda-runtime==13.5.37", "nvidia-cuda-crt==13.5.37", "nvidia-cuda-profiler-api==13.5.25")
COMPILERS = ("nvidia-cuda-nvcc==13.5.37", "nvidia-nvvm==13.5.37")
OLD_COMPILER = ("nvidia-cuda-nvrtc-cu12==12.9.86",)  # CUDA 13 has dropped sm_72
BUILD_TOOLS = ("setuptools>=77",)
FLAGS = "-O1 -g0 -w"


class CannotInstall(Exception):
    """Why the tests on the emulated device will skip, in one line."""


def main() -> int:
    """Install what is missing; always ends well, as everything else can be tested without it."""
    missing = FOLDER / "missing.txt"
    FOLDER.mkdir(parents=True, exist_ok=True)
    missing.unlink(missing_ok=True)
    try:
        install()
    except CannotInstall as reason:
        missing.write_text(f"{reason}\n")
        print(f"No emulated CUDA device here, its tests will skip: {reason}", file=sys.stderr)  # noqa: T201
    return 0


def install() -> None:
    """Do what `main` promises.

    Raises:
        CannotInstall: something that it needs is not here and cannot be fetched.
    """
    check_compiler()
    has_pycuda = importlib.util.find_spec("pycuda") is not None
    with ThreadPoolExecutor() as pool:
        headers = pool.submit(fetch, HEADERS, FOLDER / "toolkit")
        sdist = None if has_pycuda else pool.submit(fetch_sdist)
        headers.result()
        compilers = pool.submit(fetch, COMPILERS, FOLDER / "compilers")
        old_compiler = pool.submit(fetch, OLD_COMPILER, FOLDER / "toolkit-12")
        libraries = build()
        if sdist:
            install_pycuda(sdist.result(), libraries)
        compilers.result()
        old_compiler.result()
    merge(FOLDER / "compilers", FOLDER / "toolkit")


def check_compiler() -> None:
    """Raise `CannotInstall` where C++ for Python cannot be compiled."""
    if not shutil.which("g++"):
        raise CannotInstall("g++ is not installed (on Debian or Ubuntu: sudo apt-get install -y g++)")
    if not (Path(sysconfig.get_path("include")) / "Python.h").exists():
        raise CannotInstall("Python.h is missing (on Debian or Ubuntu: sudo apt-get install -y python3-dev)")


def fetch(wheels: tuple[str, ...], folder: Path) -> None:
    """Install wheels, without what they depend on, into a folder of their own."""
    if folder.is_dir() or (wheels == COMPILERS and (TOOLKIT / "bin").is_dir()):
        return
    with tempfile.TemporaryDirectory(dir=FOLDER) as scratch:
        pip("install", "--no-deps", "--target", scratch, *wheels)
        Path(scratch).rename(folder)
        Path(scratch).mkdir()  # for TemporaryDirectory to remove


def merge(source: Path, target: Path) -> None:
    """Move compilers beside the headers, where nvcc looks for them."""
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True, copy_function=shutil.move)
        shutil.rmtree(source)


def fetch_sdist() -> Path:
    """Return pycuda's sources, unpacked in a scratch folder; its build tools are in place then."""
    tools, scratch = FOLDER / "build-tools", FOLDER / "pycuda"
    fetch(BUILD_TOOLS, tools)
    pip("install", *NEEDED_BY_PYCUDA)
    shutil.rmtree(scratch, ignore_errors=True)
    where = ("--no-deps", "--no-build-isolation", "--no-binary", "pycuda", "-d", str(scratch))
    pip("download", *where, PYCUDA, environment={"PYTHONPATH": str(tools)})
    (archive,) = scratch.glob("pycuda-*.tar.gz")
    shutil.unpack_archive(archive, scratch, filter="data")
    return scratch / archive.name.removesuffix(".tar.gz")


def install_pycuda(source: Path, libraries: Path) -> None:
    """Compile pycuda and install it into the environment that runs this."""
    environment = {"PYTHONPATH": os.pathsep.join((str(source), str(FOLDER / "build-tools"))), "CFLAGS": FLAGS}
    options = (f"--cuda-root={TOOLKIT}", f"--cuda-inc-dir={INCLUDE}", f"--cudadrv-lib-dir={libraries}")
    run(
        ["configure.py", *options, "--no-cuda-enable-curand", "--cxxflags=" + FLAGS.replace(" ", ",")],
        source,
        environment,
    )
    run([str(Path(__file__).with_name("build_wheel.py")), str(source.parent)], source, environment)
    (wheel,) = source.parent.glob("*.whl")
    pip("install", "--no-deps", str(wheel))
    shutil.rmtree(source.parent)


def pip(*arguments: str, environment: dict[str, str] | None = None) -> None:
    """Run pip, quietly."""
    run(
        ["-m", "pip", *arguments[:1], "--quiet", "--disable-pip-version-check", *arguments[1:]],
        None,
        environment,
    )


def run(arguments: list[str], folder: Path | None, environment: dict[str, str] | None = None) -> None:
    """Run Python, and tell the last line of what it says if it fails."""
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env={**os.environ, **(environment or {})},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        lines = (done.stderr.strip() or done.stdout.strip() or "no reason given").splitlines()
        (FOLDER / "install.log").write_text(done.stdout + done.stderr)
        raise CannotInstall(f"{Path(arguments[0]).name} {' '.join(arguments[1:3])}: {lines[-1]}")


if __name__ == "__main__":
    sys.exit(main())
