"""Compiled kernels are kept: taken while they fit, and only from this user."""

from __future__ import annotations

import os

import pytest

from rtseg.cuda import cubin
from rtseg.cuda.compile_error import CompileError
from rtseg.cuda.compiler import compilers_for
from rtseg.cuda.cubin import compile_ahead, cubin_for
from rtseg.cuda.device import Gpu
from rtseg.errors import DeviceError

ORIN = Gpu(0, "Orin", (8, 7), 8 << 30, True, "12.6")


class FakeCompiler:
    """Compiles nothing, and counts."""

    def __init__(self, name="nvcc12.6.20", cuda=(12, 6), error=None):
        self.name, self.cuda, self.error, self.jobs = name, cuda, error, []

    def compile(self, _, compute_capability):
        if self.error:
            raise CompileError(self.error)
        self.jobs.append(compute_capability)
        return f"{self.name} {compute_capability}".encode()


@pytest.fixture
def here(monkeypatch, tmp_path):
    """Compilers that are installed; the test fills the list."""
    compilers = []
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(cubin, "compilers_for", lambda _: compilers)
    return compilers


def refuse(line):
    raise AssertionError(line)


def kept(tmp_path):
    return sorted((tmp_path / "rtseg" / "kernels").iterdir())


def test_kernels_are_compiled_once(here, tmp_path):
    here.append(FakeCompiler())
    first = cubin_for(ORIN, refuse)
    assert cubin_for(ORIN, refuse) == first
    assert here[0].jobs == [(8, 7)]
    (file,) = kept(tmp_path)
    assert file.read_bytes() == first
    assert file.name.endswith(".sm_87.nvcc12.6.20.cubin")
    assert file.stat().st_mode & 0o777 == 0o644


def test_another_source_gpu_or_compiler_is_another_file(here, tmp_path, monkeypatch):
    here.append(FakeCompiler())
    cubin_for(ORIN, refuse)
    cubin_for(Gpu(0, "Xavier", (7, 2), 8 << 30, True, "11.4"), refuse)
    here[0] = FakeCompiler("nvcc12.8.1")
    cubin_for(ORIN, refuse)
    other = tmp_path / "kernels.cu"
    other.write_bytes(cubin.SOURCE.read_bytes() + b"\n")
    monkeypatch.setattr(cubin, "SOURCE", other)
    cubin_for(ORIN, refuse)
    assert len(kept(tmp_path)) == 4


def test_without_a_compiler_what_is_kept_will_do(here):
    here.append(FakeCompiler())
    first = cubin_for(ORIN, refuse)
    here.clear()
    assert cubin_for(ORIN, refuse) == first


def test_without_anything_one_line_says_what_to_install(here):
    with pytest.raises(DeviceError) as raised:
        cubin_for(ORIN, refuse)
    lines = str(raised.value).splitlines()
    assert len(lines) == 2
    assert "pip install nvidia-cuda-nvrtc-cu12" in lines[0]
    assert "--overlay-on cpu" in lines[1]
    warnings = []
    compile_ahead(ORIN, warnings.append)
    assert warnings == [" ".join(lines)]
    here.append(FakeCompiler(error="nvcc13: does not know sm_72"))
    with pytest.raises(DeviceError, match="cannot be compiled for Orin: nvcc13: does not"):
        cubin_for(ORIN, refuse)


def test_where_one_compiler_cannot_another_does(here):
    here += [FakeCompiler("new", error="unknown"), FakeCompiler("old")]
    assert cubin_for(ORIN, refuse) == cubin_for(ORIN, refuse) == b"old (8, 7)"
    assert here[1].jobs == [(8, 7)]


def test_code_that_somebody_else_may_have_made_is_not_taken(here, tmp_path):
    here.append(FakeCompiler())
    first = cubin_for(ORIN, refuse)
    (file,) = kept(tmp_path)
    file.write_bytes(b"planted")
    file.chmod(0o666)
    notices = []
    assert cubin_for(ORIN, notices.append) == first
    assert "everybody may write to" in notices[0]
    assert len(here[0].jobs) == 2
    assert file.read_bytes() == first
    assert file.stat().st_mode & 0o777 == 0o644


def test_a_cache_that_cannot_be_written_is_no_obstacle(here, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    here.append(FakeCompiler())
    notices = []
    assert cubin_for(ORIN, notices.append).startswith(b"nvcc")
    assert len(notices) == 1

    def full(*_):
        raise OSError(28, os.strerror(28))

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(cubin, "write_private", full)
    assert cubin_for(ORIN, notices.append).startswith(b"nvcc")
    assert "No space left" in notices[1]


def test_kernels_that_are_not_whole_have_no_name_yet(here, tmp_path, monkeypatch):
    """The power may fail while they are written; who came next would take them."""
    here.append(FakeCompiler())
    seen = []

    def note(_descriptor):
        seen.append([path.suffix for path in kept(tmp_path) if not path.name.endswith(".lock")])

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", note)
        cubin_for(ORIN, refuse)
    assert seen == [[".part"], [".cubin"]]  # the file, then the folder


def test_compilers_that_are_newer_than_the_driver_come_last(monkeypatch):
    nvccs = [FakeCompiler("nvcc13", (13, 0)), FakeCompiler("nvcc12", (12, 9))]
    monkeypatch.setattr("rtseg.cuda.compiler.find_nvccs", lambda: nvccs)
    monkeypatch.setattr("rtseg.cuda.compiler.find_nvrtcs", lambda: [FakeCompiler("nvrtc11", (11, 8))])
    assert [compiler.name for compiler in compilers_for(ORIN)] == ["nvcc12", "nvrtc11", "nvcc13"]
