"""The project's TensorRT code against the real bindings, and that the check itself can fail."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.trt import contract, install, ranges, versions
from tests.trt.conftest import need

if TYPE_CHECKING:
    from pathlib import Path

HEAD = "import tensorrt as trt\n\n\n"

WRONG = {
    "removed_flag": (
        "def use(config: trt.IBuilderConfig) -> None:\n    config.set_flag(trt.BuilderFlag.FP16)\n",
        'has no attribute "FP16"',
    ),
    "removed_property": (
        "def use(config: trt.IBuilderConfig) -> None:\n    config.int8_calibrator = None\n",
        'has no attribute "int8_calibrator"',
    ),
    "removed_method": (
        "def use(engine: trt.ICudaEngine) -> object:\n"
        "    return engine.create_execution_context_without_device_memory()\n",
        'has no attribute "create_execution_context_without_device_memory"',
    ),
    "never_executed": (
        "def use(builder: trt.Builder) -> bool:\n    return False and builder.platform_has_fast_fp16\n",
        'Right operand of "and" is never evaluated',
    ),
    "behind_a_constant": (
        "if False:\n    print(trt.BuilderFlag.INT8)\n",
        "trt.BuilderFlag.INT8 is not there",
    ),
    "too_few_arguments": (
        "def use(config: trt.IBuilderConfig, cache: trt.ITimingCache) -> bool:\n"
        "    return config.set_timing_cache(cache)\n",
        'Missing positional argument "ignore_mismatch"',
    ),
    "too_many_arguments": (
        "def use(context: trt.IExecutionContext) -> bool:\n    return context.execute_async_v3(1, 2)\n",
        'Too many arguments for "execute_async_v3"',
    ),
    "wrong_type": (
        "from pathlib import Path\n\n\n"
        "def use(parser: trt.OnnxParser, path: Path) -> bool:\n    return parser.parse_from_file(path)\n",
        'incompatible type "Path"',
    ),
    "flag_as_number": (
        "def use(builder: trt.Builder) -> object:\n    return builder.create_network(1 << 1)\n",
        "create_network is given a number for a flag",
    ),
    "flag_as_plain_number": (
        "def use(builder: trt.Builder) -> object:\n    return builder.create_network(flags=1)\n",
        "create_network is given a number for a flag",
    ),
    "flag_as_number_elsewhere": (
        "FLAGS = 1 << 1\n\n\n"
        "def use(builder: trt.Builder) -> object:\n    return builder.create_network(FLAGS)\n",
        "create_network is given a number for a flag",
    ),
    "flag_as_number_in_a_function": (
        "def network_flags() -> int:\n    return 1 << 1\n",
        "network_flags is given a number for a flag",
    ),
    "flag_not_shifted": (
        "def use(builder: trt.Builder) -> object:\n"
        "    return builder.create_network(int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))\n",
        "is not shifted",
    ),
    "enqueue_handed_on": (
        "def use(context: trt.IExecutionContext) -> None:\n    run = context.execute_async_v3\n    run(1)\n",
        "execute_async_v3 is not called here",
    ),
    "flag_not_converted": (
        "def use(builder: trt.Builder) -> object:\n"
        "    return builder.create_network(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)\n",
        'incompatible type "NetworkDefinitionCreationFlag"; expected "int"',
    ),
    "enum_from_number": (
        "def use(config: trt.IBuilderConfig) -> None:\n    config.set_flag(trt.BuilderFlag(6))\n",
        "BuilderFlag is made of a number",
    ),
    "plan_not_looked_at": (
        "def use(b: trt.Builder, n: trt.INetworkDefinition, c: trt.IBuilderConfig) -> int:\n"
        "    return b.build_serialized_network(n, c).nbytes\n",
        "build_serialized_network may return None",
    ),
    "plan_kept_but_not_looked_at": (
        "def use(runtime: trt.Runtime, plan: bytes) -> int:\n"
        "    engine = runtime.deserialize_cuda_engine(plan)\n    return engine.num_layers\n",
        "deserialize_cuda_engine may return None",
    ),
    "enqueue_not_looked_at": (
        "def use(context: trt.IExecutionContext) -> None:\n    context.execute_async_v3(1)\n",
        "execute_async_v3 may return False",
    ),
    "address_kept_but_not_looked_at": (
        "def use(context: trt.IExecutionContext) -> int:\n"
        '    ok = context.set_tensor_address("image", 256)\n    return 1\n',
        "set_tensor_address may return False",
    ),
    "parse_not_looked_at": (
        "def use(parser: trt.OnnxParser) -> None:\n    parser.parse(b'')\n",
        "parse may return False",
    ),
    "shape_not_looked_at": (
        "def use(context: trt.IExecutionContext) -> None:\n"
        '    context.set_input_shape("image", (1, 8, 8, 3))\n',
        "set_input_shape may return False",
    ),
    "hidden": (
        "def use(config: trt.IBuilderConfig) -> object:\n"
        '    return getattr(config, "builder_optimization_level")\n',
        "getattr hides builder_optimization_level",
    ),
}

RIGHT = """
def use(builder: trt.Builder, logger: trt.ILogger, content: bytes, handle: int) -> trt.IExecutionContext:
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    config = builder.create_builder_config()
    if network is None or config is None:
        raise ValueError
    parser = trt.OnnxParser(network, logger)
    if not parser.parse(content):
        raise ValueError(parser.get_error(0).desc())
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, 1 << 28)
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise ValueError
    engine = trt.Runtime(logger).deserialize_cuda_engine(plan)
    assert engine is not None
    context = engine.create_execution_context()
    if context is None or not context.set_tensor_address("image", 256):
        raise ValueError
    ok = context.execute_async_v3(handle)
    if not ok:
        raise ValueError
    return context
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What is said of each sample, all of them held against the newest version in one go."""
    need(versions.VERSIONS[-1])
    folder = tmp_path_factory.mktemp("samples")
    for name, (text, _) in (WRONG | {"right": (RIGHT, "")}).items():
        (folder / f"{name}.py").write_text(HEAD + text)
    lines = contract.breaches(versions.VERSIONS[-1], folder)
    return {name: "\n".join(line for line in lines if f"/{name}.py:" in line) for name in (*WRONG, "right")}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_use_is_found(name: str, found: dict[str, str]):
    assert WRONG[name][1] in found[name]


def test_a_right_use_is_not(found: dict[str, str]):
    assert found["right"] == ""


def test_what_the_project_uses_is_there(version: str):
    assert contract.breaches(version, versions.ROOT / "rtseg") == []


def test_modules_for_some_versions_exist_and_need_it():
    """An entry that no version needs any more is to be taken out."""
    for path, entry in ranges.RANGES.items():
        assert (versions.ROOT / path).is_file(), path
        outside = [name for name in versions.VERSIONS if not entry.has(name)]
        assert outside, path


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    need(versions.VERSIONS[-1])
    file = tmp_path / "wrong.py"
    file.write_text(HEAD + WRONG["removed_flag"][0])
    assert contract.main([versions.VERSIONS[-1], "--source", str(file)]) == 1
    assert '"FP16"' in capsys.readouterr().out
    need(versions.VERSIONS[0])
    assert contract.main([versions.VERSIONS[0], "--source", str(file)]) == 0


def test_a_version_that_cannot_be_had_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def refuse(requirement: str, folder: Path) -> Path:
        del folder
        raise install.NotReached(f"{requirement} is not here")

    monkeypatch.setattr(install, "_download", refuse)
    monkeypatch.setattr(install, "_refused", {})
    assert contract.main(["10.99.0"]) == 2
    assert capsys.readouterr().out.splitlines() == [
        "TensorRT 10.99.0: tensorrt-cu12-bindings==10.99.0 is not here."
    ]
