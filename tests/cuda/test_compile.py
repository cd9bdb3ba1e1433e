"""The kernels compile for every GPU that a compiler knows, with the compilers as they are found."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rtseg.cuda.compile_error import CompileError
from rtseg.cuda.cubin import SOURCE
from rtseg.cuda.nvcc import Nvcc, find_nvccs
from rtseg.cuda.nvrtc import find_nvrtcs
from tests.cuda.toolkit import NVCC, NVRTC, why_missing

ROOT = Path(__file__).resolve().parents[2]
KERNELS = (b"image_from_yuv", b"image_from_bgr", b"paint")
WANTED = {"75", "80", "86", "87", "89", "90", "100", "120"}


IN_A_CHILD = """
import sys
from pathlib import Path
from rtseg.cuda.compile_error import CompileError
from rtseg.cuda.nvrtc import open_nvrtc

nvrtc = open_nvrtc(sys.argv[1])
print(nvrtc.name, nvrtc.cuda)
for source, capability in (sys.argv[2], (7, 2)), (sys.argv[2], (99, 9)), (sys.argv[3], (8, 7)):
    try:
        Path(sys.argv[4]).write_bytes(nvrtc.compile(Path(source), capability))
    except CompileError as error:
        print(error)
"""
"""As NVRTC asks the driver for more than the emulator has, it has to be where that is not loaded."""


def is_here(file):
    """Skip a test where a compiler could not be installed."""
    if why_missing() and os.environ.get("CI"):
        pytest.fail(why_missing())
    if not file.exists():
        pytest.skip(f"{file.name} is not installed; `make .venv/cuda.stamp` gets it")


@pytest.fixture
def nvcc(monkeypatch):
    """The toolkit's compiler, found as a person's would be."""
    is_here(NVCC)
    monkeypatch.setenv("CUDA_HOME", str(NVCC.parent.parent))
    return find_nvccs()[0]


@pytest.fixture
def wrong(tmp_path):
    """Something that does not compile."""
    file = tmp_path / "wrong.cu"
    file.write_text("nonsense")
    return file


def test_nvcc_compiles_for_all_gpus_that_it_knows(nvcc, tmp_path):
    listed = subprocess.run([nvcc.program, "--list-gpu-arch"], capture_output=True, text=True, check=True)
    known = {line.removeprefix("compute_") for line in listed.stdout.split()} & WANTED
    assert {"75", "87", "90"} <= known

    def compile_for(capability):
        ptx = tmp_path / f"{capability}.ptx"
        to = ("-ptx", f"-arch=sm_{capability}", "-Werror=all-warnings", "-o", ptx)
        subprocess.run([nvcc.program, *to, SOURCE], check=True, capture_output=True)
        return ptx.read_text()

    with ThreadPoolExecutor(2) as pool:
        for capability, ptx in zip(known, pool.map(compile_for, known), strict=True):
            assert f".target sm_{capability}" in ptx
            assert ptx.count(".visible .entry") == 3
            assert ".f64" not in ptx  # a GPU for games, or a Jetson, has a 32nd of the speed there


def test_nvcc_makes_code_for_a_gpu(nvcc):
    assert nvcc.program == NVCC
    assert nvcc.name == f"nvcc{nvcc.version}"
    assert nvcc.cuda[0] >= 13
    cubin = nvcc.compile(SOURCE, (8, 7))
    assert cubin.startswith(b"\x7fELF")
    assert all(kernel in cubin for kernel in KERNELS)


def test_nvrtc_makes_code_for_the_oldest_gpu(wrong, tmp_path):
    """Xavier, compute capability 7.2, which CUDA 13 does not know."""
    is_here(NVRTC)
    made = tmp_path / "kernels.cubin"
    done = subprocess.run(
        [sys.executable, "-c", IN_A_CHILD, NVRTC, SOURCE, wrong, made],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    name, unknown, nonsense = done.stdout.splitlines()
    assert name == "nvrtc12.9 (12, 9)"
    assert unknown.startswith("nvrtc12.9: ")
    assert "gpu-architecture" in unknown
    assert nonsense.startswith("nvrtc12.9: kernels.cu(1): error")
    cubin = made.read_bytes()
    assert cubin.startswith(b"\x7fELF")
    assert all(kernel in cubin for kernel in KERNELS)


def test_nvcc_says_in_a_line_what_it_cannot_do(nvcc, wrong, tmp_path):
    with pytest.raises(CompileError, match=r"nvcc: nvcc fatal.*sm_72.*$"):
        nvcc.compile(SOURCE, (7, 2))
    with pytest.raises(CompileError, match=r"nvcc: .*error.*$"):
        nvcc.compile(wrong, (8, 7))
    with pytest.raises(CompileError, match="does not start"):
        Nvcc(tmp_path / "none", "1.2.3").compile(SOURCE, (8, 7))


def test_compilers_are_found_where_people_have_them(tmp_path, monkeypatch):
    """By CUDA_HOME before the PATH; what does not run is none; NVRTC in a wheel of NVIDIA's."""
    for folder, version in (("home/bin", "12.4.99"), ("path", "11.8.1")):
        program = tmp_path / folder / "nvcc"
        program.parent.mkdir(parents=True)
        program.write_text(f"#!/bin/sh\necho 'Cuda compilation tools, V{version}'\n")
        program.chmod(0o755)
    broken = tmp_path / "broken" / "bin" / "nvcc"
    broken.parent.mkdir(parents=True)
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr("rtseg.cuda.nvcc._USUAL_FOLDER", "/nowhere")
    monkeypatch.setenv("CUDA_HOME", str(tmp_path / "broken"))
    monkeypatch.setenv("CUDA_PATH", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", str(tmp_path / "path"), prepend=":")
    assert [nvcc.name for nvcc in find_nvccs()] == ["nvcc12.4.99", "nvcc11.8.1"]


def test_nvrtc_is_found_in_a_wheel(monkeypatch):
    is_here(NVRTC)
    monkeypatch.setattr("sys.path", [str(NVRTC.parents[3])])
    assert (12, 9) in [nvrtc.cuda for nvrtc in find_nvrtcs()]
