"""Plans come about: flags by version, options, timing cache, progress, and failures as plain lines."""

from __future__ import annotations

import errno
import json
import os
import re
import subprocess
import sys
import threading
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from rtseg.errors import BuildFault, DeviceError, InputError, Interrupted, ModelError
from rtseg.model import Model, engines_dir
from rtseg.tensorrt.building import Watcher
from rtseg.tensorrt.job import Job
from rtseg.tensorrt.onnx_file import opset_of, read_onnx, weights_as_float
from rtseg.tensorrt.options import BuildOptions
from tests.models import metadata, save, strongest_colour
from tests.tensorrt_build.conftest import STANDIN, header_of, tiny_model

VERSIONS = ("8.6.1", "10.3.0", "10.13.3.9", "11.4.0.106")


def plain(error):
    """The message, checked to be one or two lines."""
    text = str(error.value)
    assert 1 <= len(text.splitlines()) <= 2
    assert "Traceback" not in text
    return text


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_types_are_those_of_the_file(machine, version, precision):
    """The shipped models: from 10 on by strong typing, before by flags; nothing else is set."""
    machine.set(version=version)
    machine.model.write_bytes((engines_dir() / "rtseg-m" / f"{precision}.onnx").read_bytes())
    header = header_of(machine.plan().content)
    weak = {"fp16": {"FP16"}, "int8": {"FP16", "INT8"}}[precision] if version == "8.6.1" else set()
    assert set(header["flags"]) == {"TF32"} | weak
    assert header["strongly_typed"] is (version != "8.6.1")
    assert header["version"] == version


def test_options_reach_the_builder(machine):
    plan = machine.plan(
        workspace_mib=64, optimization_level=5, version_compatible=True, hardware_compatible=True,
        describes_layers=True,
    )  # fmt: skip
    header = header_of(plan.content)
    assert header["options"]["workspace"] == 64 << 20
    assert header["options"]["optimization_level"] == 5
    assert "VERSION_COMPATIBLE" in header["flags"]
    assert header["hardware"] == "AMPERE_PLUS"
    assert header["verbosity"] == "DETAILED"
    assert plan.needs_host_code
    assert plan.dla_core is None


def test_a_dla_core_is_used_with_the_gpu_for_the_rest(machine):
    machine.set(gpu="Orin/8.7", control="dla_cores=2", version="10.3.0")
    machine.model.write_bytes((engines_dir() / "rtseg-m" / "int8.onnx").read_bytes())
    plan = machine.plan(dla_core=1)
    header = header_of(plan.content)
    assert header["dla_core"] == 1
    assert "GPU_FALLBACK" in header["flags"]
    assert plan.dla_core == 1
    assert re.fullmatch(r"--dla: \d+ of \d+ layers can run on the DLA, .* GPU", plan.record.warnings[0])
    with pytest.raises(InputError, match="2 DLA cores, numbered from 0"):
        machine.plan(dla_core=2)


@pytest.mark.parametrize(
    ("machine_is", "options", "words"),
    [
        ({"version": "8.5.2.2"}, {"optimization_level": 3}, "--optimization-level needs TensorRT 8.6"),
        ({"version": "8.5.2.2"}, {"version_compatible": True}, "--version-compatible needs TensorRT 8.6"),
        ({"version": "8.5.2.2"}, {"hardware_compatible": True}, "--hardware-compatible needs TensorRT 8.6"),
        ({"gpu": "Orin/8.7"}, {"hardware_compatible": True}, "Jetson"),
        ({"gpu": "Tesla T4/7.5"}, {"hardware_compatible": True}, "8.0; Tesla T4 has 7.5"),
        ({}, {"optimization_level": 6}, "0 to 5"),
        ({}, {"workspace_mib": 0}, "at least 1 MiB"),
        ({}, {"dla_core": -1}, "numbered from 0"),
        ({}, {"dla_core": 0}, "FP16 and INT8 only"),
        ({}, {"dla_core": 0, "hardware_compatible": True}, "exclude each other"),
    ],
)
def test_what_cannot_be_had_is_refused_before_anything_is_built(machine, machine_is, options, words):
    for name, value in machine_is.items():
        setattr(machine, name, value)
    bindings = SimpleNamespace(__version__=machine.version, Builder=object)
    machine.monkeypatch.setitem(sys.modules, "tensorrt", bindings)
    with pytest.raises(InputError, match=words) as error:
        machine.plan(**options)
    assert len(plain(error).splitlines()) == 1
    assert machine.left() == ["m.onnx"]
    assert machine.notices == []


def test_the_timing_cache_is_one_file_a_gpu_and_version(machine):
    machine.plan()
    cache = machine.folder / "cache" / "rtseg" / "timing" / "geforce-rtx-4070.trt10.13.3.9.timing"
    measured = cache.read_bytes()
    assert b"RTX 4070" in measured
    assert cache.stat().st_mode & 0o022 == 0

    cache.write_bytes(measured.replace(b"4070", b"4090"))
    assert "is of another GPU" in machine.plan(optimization_level=2).record.warnings[0]
    assert cache.read_bytes() == measured

    cache.write_bytes(b"nonsense")
    assert "damaged" in machine.plan(optimization_level=1).record.warnings[0]
    assert cache.read_bytes() == measured

    cache.chmod(0o666)
    assert "everybody may write" in machine.plan(optimization_level=0).record.warnings[0]


def test_the_timing_cache_is_written_whole_or_not_at_all(machine, monkeypatch):
    from rtseg.tensorrt.timing import keep_timing_cache

    warnings = []
    measured = SimpleNamespace(get_timing_cache=lambda: SimpleNamespace(serialize=lambda: b"new"))
    cache = machine.folder / "t.timing"
    cache.write_bytes(b"old")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fill_the_disk)
        keep_timing_cache(measured, cache, warnings.append)
    assert cache.read_bytes() == b"old"
    assert "cannot be written (No space left on device)" in warnings[0]
    keep_timing_cache(measured, cache, warnings.append)
    assert cache.read_bytes() == b"new"
    assert [path.name for path in machine.folder.iterdir() if "timing" in path.name] == ["t.timing"]


def fill_the_disk(_descriptor):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_progress_is_told_with_phases_inside_phases(machine):
    seen = []
    machine.plan(watcher=Watcher(on_progress=seen.append))
    outer = [progress for progress in seen if progress.depth == 0]
    assert (outer[0].done, outer[-1].done, outer[-1].total) == (0, 3, 3)
    inner = [progress for progress in seen if progress.depth == 1]
    assert {progress.phase for progress in inner} == {"Computing profile costs", "Timing graph nodes"}
    assert all(progress.done <= progress.total for progress in seen)


@pytest.mark.parametrize("version", ["8.6.1", "10.13.3.9"])
def test_a_build_can_be_stopped(machine, version):
    """With TensorRT 10 through the monitor, with 8 by ending the process."""
    machine.set(version=version, control="build_seconds=60")
    asked = iter([False, False, False, True])
    with pytest.raises(Interrupted) as error:
        machine.plan(watcher=Watcher(is_stopped=lambda: next(asked, True)))
    assert error.value.exit_code == 130
    assert machine.left() == ["m.onnx"]


def test_the_building_process_can_be_used_by_hand(machine):
    """A job on standard input; SIGTERM has TensorRT 10 give up by itself."""
    machine.set(control="build_seconds=60")
    model = Model.read(machine.model)
    job = Job(
        onnx=model.path, onnx_sha256=model.sha256, precision="fp32", plan=machine.folder / "p", ordinal=0,
        options=BuildOptions(), timing_cache=None,
    )  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "rtseg.tensorrt.worker"],
        env=machine.environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    process.stdin.write(json.dumps(job.to_json()))
    process.stdin.close()
    first = json.loads(process.stdout.readline())
    assert first == {
        "event": "progress", "phase": "Building engine from subgraph", "depth": 0, "done": 0, "total": 3,
    }  # fmt: skip
    process.terminate()
    deadline = threading.Timer(30, process.kill)
    deadline.start()
    *_, last = map(json.loads, process.stdout)
    process.stdout.close()
    assert process.wait() == 1
    deadline.cancel()
    assert (last["event"], last["error"]) == ("failed", "Interrupted")
    assert not job.plan.exists()


@pytest.mark.parametrize(
    ("control", "kind", "words"),
    [
        ("fail=build_memory", ModelError, ["OutOfMemory", "Close other programs"]),
        ("fail=parse", ModelError, ["does not read it", "In node 0", "asked for"]),
        (
            "workspace_needed=1000000000",
            ModelError,
            ["Could not find any implementation", "more than --workspace 100"],
        ),
    ],
)
def test_what_tensorrt_said_is_in_the_error(machine, control, kind, words):
    machine.set(control=control)
    with pytest.raises(kind) as error:
        machine.plan(workspace_mib=100)
    text = plain(error)
    assert "m.onnx" in text
    for word in words:
        assert word in text
    assert machine.left() == ["m.onnx"]


@pytest.mark.parametrize("version", ["8.6.1", "11.4.0.106"])
def test_a_node_that_tensorrt_does_not_take_is_named(machine, version):
    """Here uint8 from an integer; with TensorRT 8 the line says which files it takes."""
    save(strongest_colour(), machine.model, metadata("fp32", (6, 8)))
    machine.set(version=version)
    with pytest.raises(ModelError, match=r"In node 2 .*uint8") as error:
        machine.plan()
    assert ("`rtseg export`" in plain(error)) is (version == "8.6.1")


def test_a_newer_operator_set_is_refused_for_tensorrt_8(machine):
    model = tiny_model()
    model.opset_import[0].version = 19
    save(model, machine.model, metadata("fp32", (6, 8)))
    machine.set(version="8.6.1")
    with pytest.raises(ModelError, match=r"operator set 19; TensorRT 8\.6\.1 reads 17 and older") as error:
        machine.plan()
    assert "rtseg export" in plain(error)
    machine.set(version="10.3.0")
    assert header_of(machine.plan().content)["version"] == "10.3.0"


@pytest.mark.parametrize("version", ["8.6.1", "10.3.0"])
def test_weights_stored_as_half_are_plain_for_the_parser(machine, version):
    """The parser of the double refuses convolutions with computed weights, as TensorRT's old ones do."""
    fp32 = engines_dir() / "rtseg-m" / "fp32.onnx"
    assert any(node.op_type == "Cast" and "weight" in node.input[0] for node in onnx.load(fp32).graph.node)
    machine.model.write_bytes(fp32.read_bytes())
    machine.set(version=version)
    assert machine.plan().content


def test_only_constant_halves_become_floats():
    halves, floats = numpy_helper.from_array(np.float16([1.5, -2]), "halves"), TensorProto.FLOAT
    nodes = [
        helper.make_node("Cast", ["halves"], ["a"], to=floats),
        helper.make_node("Cast", ["halves"], ["b"], to=floats),
        helper.make_node("Cast", ["x"], ["c"], to=floats),
        helper.make_node("Cast", ["halves"], ["d"], to=TensorProto.INT32),
        helper.make_node("Sum", ["a", "b", "c"], ["y"]),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT16, [2])
    outputs = [helper.make_tensor_value_info(n, t, [2]) for n, t in (("y", floats), ("d", TensorProto.INT32))]
    plain = weights_as_float(helper.make_model(helper.make_graph(nodes, "g", [x], outputs, [halves])))
    onnx.checker.check_model(plain, full_check=True)
    assert [node.output[0] for node in plain.graph.node] == ["c", "d", "y"]
    stored = {tensor.name: numpy_helper.to_array(tensor).tolist() for tensor in plain.graph.initializer}
    assert stored == {"a": [1.5, -2], "b": [1.5, -2], "halves": [1.5, -2]}


def test_the_operator_set_is_that_of_onnx():
    foreign = [helper.make_opsetid("ai.other", 99), helper.make_opsetid("ai.onnx", 16)]
    assert opset_of(helper.make_model(strongest_colour().graph, opset_imports=foreign)) == 16
    assert opset_of(onnx.ModelProto()) is None
    assert read_onnx(b"not an onnx file") is None


def test_no_gpu_and_no_driver_are_told_by_the_worker_too(machine):
    machine.set(gpu="")
    machine.gpu = "NVIDIA GeForce RTX 4070/8.9"  # seen by us, gone when the worker looks
    with pytest.raises(DeviceError, match="no NVIDIA GPU") as error:
        machine.plan()
    plain(error)
    machine.set(gpu="broken")
    machine.gpu = "NVIDIA GeForce RTX 4070/8.9"
    with pytest.raises(DeviceError, match="driver does not start: cuInit failed") as error:
        machine.plan()
    plain(error)


def test_a_gpu_that_tensorrt_cannot_use(machine):
    """The builder is not made, and only the logger knows why."""
    machine.monkeypatch.setenv("TENSORRT_DOUBLE", "")
    with pytest.raises(
        DeviceError, match=r"CUDA initialization failure with error: 100\.\n.*newer NVIDIA"
    ) as error:
        machine.plan()
    plain(error)


@pytest.mark.parametrize(
    ("end", "words"),
    [
        ("os.kill(os.getpid(), signal.SIGSEGV)", ["SIGSEGV", "crashed"]),
        ("os.kill(os.getpid(), signal.SIGKILL)", ["killed", "memory"]),
        ("sys.stderr.write('terminate called\\n'); os._exit(7)", ["exit code 7", "terminate called"]),
    ],
)
def test_a_builder_that_dies_leaves_one_plain_line_and_nothing_else(machine, end, words):
    machine.shadow("driver", f"import os, signal, sys\n{end}")
    with pytest.raises(BuildFault) as error:
        machine.plan()
    text = plain(error)
    for word in ["m.onnx", *words]:
        assert word in text
    assert error.value.exit_code == 3
    assert machine.left() == ["m.onnx"]


def test_a_builder_that_dies_after_its_work_leaves_nothing_either(machine):
    """What it wrote may not be whole."""
    crash = "Context.detach = lambda self: os.kill(os.getpid(), 11)"
    machine.shadow("driver", (STANDIN / "pycuda" / "driver.py").read_text() + crash)
    with pytest.raises(BuildFault, match="SIGSEGV"):
        machine.plan()
    assert machine.left() == ["m.onnx"]


def test_a_fault_of_the_worker_is_a_fault_of_ours(machine):
    machine.shadow("driver", "raise ZeroDivisionError('odd')")
    with pytest.raises(Exception, match="ZeroDivisionError: odd") as error:
        machine.plan()
    assert error.value.exit_code == 1


def test_a_model_that_changes_under_the_build_is_not_built(machine, other_model):
    from rtseg.tensorrt.cache import plan_for

    model = Model.read(machine.model)
    other_model()
    with pytest.raises(ModelError, match="has changed since"):
        plan_for(model, machine.facts(), notice=machine.notices.append)
    assert machine.left() == ["m.onnx"]


def test_kernels_are_compiled_with_the_plan(machine, monkeypatch):
    machine.plan()
    (kernels,) = (machine.folder / "cache" / "rtseg" / "kernels").iterdir()
    assert kernels.name.endswith(".sm_89.nvcc12.4.99.cubin")
    assert not any("warning" in notice for notice in machine.notices)

    kernels.unlink()
    monkeypatch.setattr("rtseg.cuda.cubin.compilers_for", lambda _: [])
    assert machine.plan(optimization_level=1).is_new
    warning = machine.notices[-1]
    assert warning.startswith("warning: there is no compiler for the GPU's kernels. Install")
    assert len(warning.splitlines()) == 1
