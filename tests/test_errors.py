"""What errors say, where they say more than they were told."""

from __future__ import annotations

from rtseg.errors import MissingDependencyError, SinkFault, StageError


def test_a_missing_library_comes_with_the_line_that_installs_it():
    assert str(MissingDependencyError("openvino")).endswith("Install it with: pip install openvino")
    command = MissingDependencyError("torch", extra="train").command
    assert command.startswith("pip install 'torch>=")
    assert "'onnx>=" in command
    assert "pytest" not in command


def test_a_stage_error_ends_with_the_code_of_its_cause():
    assert StageError("present", SinkFault("full")).exit_code == 3
    assert StageError("infer", ZeroDivisionError()).exit_code == 1
    assert str(StageError("infer", ZeroDivisionError())) == "infer: ZeroDivisionError"
