"""What other code may rely on: the public names, the tree of errors, the map of the package."""

from __future__ import annotations

from pathlib import Path

import pytest

import rtseg
from rtseg import errors

ROOT = Path(__file__).resolve().parent.parent


def test_public_names_are_pinned():
    assert rtseg.__all__ == [
        "CAMVID", "BuildFault", "ClassSet", "DataError", "DeviceError", "DeviceFault", "Frame", "InputError",
        "Interrupted",
        "LabelMap", "LiveOptions", "LiveRun", "LiveSession", "MissingDependencyError", "Model", "ModelError",
        "OutputError", "PlanError", "RtsegError", "RunOptions", "Session", "SinkFault", "SourceError",
        "SourceFault", "SourceNotFoundError", "StageError", "find_model", "shipped_models",
    ]  # fmt: skip
    assert all(getattr(rtseg, name) is not None for name in rtseg.__all__)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        rtseg.nonsense  # noqa: B018


def test_errors_are_those_of_the_tree():
    """The tree in the docstring of errors.py is the hierarchy, and each error is caught as its builtin."""
    listed = {word for word in errors.__doc__.replace("(", " ").split() if hasattr(errors, word)}
    defined = {
        name for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.RtsegError)
    }  # fmt: skip
    assert listed == defined
    assert issubclass(rtseg.SourceNotFoundError, FileNotFoundError)
    assert issubclass(rtseg.InputError, ValueError)
    assert issubclass(rtseg.SinkFault, OSError)


def test_exit_codes():
    assert rtseg.InputError.exit_code == 2
    assert rtseg.SinkFault.exit_code == rtseg.SourceFault.exit_code == 3
    assert rtseg.Interrupted.exit_code == 130
    assert rtseg.StageError("infer", rtseg.SinkFault("full")).exit_code == 3
    assert rtseg.StageError("infer", ValueError("x")).exit_code == 1


def test_architecture_names_every_module():
    text = (ROOT / "ARCHITECTURE.md").read_text()
    modules = [
        path.relative_to(ROOT) for path in (ROOT / "rtseg").rglob("*.py") if path.name != "__init__.py"
    ]
    own_map = {Path("rtseg/sources/drive"), Path("rtseg/training/nets")}
    missing = [
        str(path)
        for path in modules
        if path.parent not in own_map and f"`{path.name}`" not in text and f"`{path}`" not in text
    ]
    assert missing == []
    for folder in own_map:
        docstring = (ROOT / folder / "__init__.py").read_text().split('"""')[1]
        listed = {word.removesuffix(".py") for word in docstring.split()}
        assert {path.stem for path in (ROOT / folder).glob("*.py")} - {"__init__"} <= listed


def test_documents_name_no_file_that_is_not_there():
    """Every `path/like.this` in backticks in the documents exists."""
    for document in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"):
        words = (ROOT / document).read_text().split("`")[1::2]
        paths = [
            word
            for word in words
            if word.startswith(("rtseg/", "tests/", "benchmarks/", "engines/", "calib/"))
        ]
        assert [
            path for path in paths if "*" not in path and " " not in path and not (ROOT / path).exists()
        ] == []
