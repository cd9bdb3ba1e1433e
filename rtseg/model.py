"""A model: one ONNX file and what it says of itself, and where models are found.

The file takes `image`, uint8 (1, H, W, 3), RGB, and gives `labels`, uint8 (1, H, W), class ids.
All between is nodes of its graph.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rtseg.errors import ModelError
from rtseg.metadata import PRECISIONS, Metadata, Precision
from rtseg.runtimes import load_onnxruntime

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rtseg.classes import ClassSet

DEFAULT_MODEL = "rtseg-m"


@dataclass(frozen=True, slots=True)
class Model:
    """A model file and what it says of itself.

    Attributes:
        path: the ONNX file.
        name: what the model is called; shared by its precisions, as is the version.
        version: counts up when the weights change.
        precision: the arithmetic inside.
        classes: what it tells apart.
        input_hw: height and width of the image it takes and of the labels it gives, pixels.
        data: what it was trained on.
        data_licence: on which terms that data may be used.
        scores: split, miou, pixel_accuracy and iou by class, measured when it was made; fractions of 1.
        parent_sha256: of the checkpoint (fp32, fp16), or of the FP32 file that this one was made from (int8).
        calibration_sha256: of the list of frames that gave the INT8 ranges; "none" for float files.
        sha256: of the file itself.
    """

    path: Path
    name: str
    version: str
    precision: Precision
    classes: ClassSet
    input_hw: tuple[int, int]
    data: str
    data_licence: str
    scores: Mapping[str, Any]
    parent_sha256: str
    calibration_sha256: str
    sha256: str

    @classmethod
    def read(cls, path: str | Path) -> Model:
        """Read and check the ONNX file at `path`; takes tens of milliseconds.

        Raises:
            ModelError: there is no such file, it is not ONNX, lacks metadata, or has another input or output.
            MissingDependencyError: ONNX Runtime, which reads the file, is not installed.
        """
        path = Path(path)
        content = _content(path)
        session = _session(path, content)
        metadata = Metadata(path, session.get_modelmeta().custom_metadata_map)
        height, width = metadata.input_hw()
        _check_signature(path, "input", session.get_inputs(), "image", [1, height, width, 3])
        _check_signature(path, "output", session.get_outputs(), "labels", [1, height, width])
        return cls(
            path=path,
            name=metadata.text("name"),
            version=metadata.text("version"),
            precision=metadata.precision(),
            classes=metadata.classes(),
            input_hw=(height, width),
            data=metadata.text("data"),
            data_licence=metadata.text("data_licence"),
            scores=metadata.scores(),
            parent_sha256=metadata.text("parent_sha256"),
            calibration_sha256=metadata.text("calibration_sha256"),
            sha256=hashlib.sha256(content).hexdigest(),
        )


def engines_dir() -> Path:
    """Return the folder of shipped models: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parent
    installed = package / "engines"
    return installed if installed.is_dir() else package.parent / "engines"


def shipped_models() -> list[Model]:
    """Read all shipped models: by name, then in the order of `PRECISIONS`."""
    return [
        Model.read(engines_dir() / name / f"{precision}.onnx")
        for name in _shipped_names()
        for precision in _precisions_in(engines_dir() / name)
    ]


def find_model(model: str | Path | None, precision: str, preferred: Sequence[str]) -> Model:
    """Read the model that was asked for.

    Args:
        model: the name of a shipped model, a folder of {fp32,fp16,int8}.onnx, an ONNX file, or None for
            `DEFAULT_MODEL`.
        precision: one of `PRECISIONS`, or "auto": the first of `preferred` that the model has.
        preferred: precisions, best first; a backend's `preferred_precisions`.

    Raises:
        ModelError: there is no such model, or not at this precision.
    """
    if precision not in ("auto", *PRECISIONS):
        raise ModelError(f"{precision}: no such precision. Choose auto, {', '.join(PRECISIONS)}.")
    place = _place(DEFAULT_MODEL if model is None else model)
    if place.is_dir():
        precision = _precision_of_folder(place, precision, preferred)
        place = place / f"{precision}.onnx"
    found = Model.read(place)
    if precision not in ("auto", found.precision):
        raise ModelError(
            f"{found.path}: is {found.precision}, not {precision}. "
            f"Ask for --precision {found.precision} or name another file."
        )
    return found


def _place(model: str | Path) -> Path:
    """Find the file or folder that `model` names; a shipped name wins over a folder of that name here."""
    if str(model) in _shipped_names():
        return engines_dir() / model
    path = Path(model)
    if path.exists() or path.suffix == ".onnx":
        return path
    shipped = ", ".join(_shipped_names()) or "none"
    raise ModelError(
        f"{model}: no such model. Shipped: {shipped}; or name an .onnx file or a folder of them."
    )


def _shipped_names() -> list[str]:
    folders = engines_dir().iterdir() if engines_dir().is_dir() else ()
    return sorted(folder.name for folder in folders if _precisions_in(folder))


def _precisions_in(folder: Path) -> list[Precision]:
    return [precision for precision in PRECISIONS if (folder / f"{precision}.onnx").is_file()]


def _precision_of_folder(folder: Path, precision: str, preferred: Sequence[str]) -> str:
    there = _precisions_in(folder)
    if not there:
        names = ", ".join(f"{precision}.onnx" for precision in PRECISIONS)
        raise ModelError(f"{folder}: holds no model. A model folder has at least one of {names}.")
    wanted = preferred if precision == "auto" else (precision,)
    for candidate in wanted:
        if candidate in there:
            return candidate
    raise ModelError(f"{folder}: has no {' or '.join(wanted)} file; it has {', '.join(there)}.")


def _content(path: Path) -> bytes:
    if path.is_dir():
        raise ModelError(f"{path}: is a folder, not an ONNX file. Name a file in it.")
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise ModelError(f"{path}: no such file. `rtseg models` lists the shipped models.") from None
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}. Check its permissions.") from error
    if not content:
        raise ModelError(f"{path}: is empty, not an ONNX file. Copy or export it again.")
    return content


def _session(path: Path, content: bytes) -> Any:  # noqa: ANN401  # ONNX Runtime has no types
    """Open a session for its description only: graph optimisation is off, so that it is quick."""
    ort = load_onnxruntime()
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4  # what is wrong is raised; nothing is to be printed as well
    state = ort.capi.onnxruntime_pybind11_state
    try:
        return ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except (state.InvalidProtobuf, state.InvalidArgument) as error:
        raise ModelError(f"{path}: not an ONNX file, or cut short. Copy or export it again.") from error
    except (state.Fail, state.InvalidGraph, state.NotImplemented, state.RuntimeException) as error:
        reason = str(error).strip().splitlines()[0]
        raise ModelError(f"{path}: cannot be run: {reason}\nExport it again with `rtseg export`.") from error


def _check_signature(path: Path, side: str, tensors: Sequence[Any], name: str, shape: list[int]) -> None:
    found = ", ".join(_described(tensor.name, tensor.type, tensor.shape) for tensor in tensors)
    wanted = _described(name, "tensor(uint8)", shape)
    if found != wanted:
        raise ModelError(f"{path}: its {side} is {found}; it should be {wanted}. Use `rtseg export`.")


def _described(name: str, onnx_type: str, shape: Sequence[int | str | None]) -> str:
    dtype = onnx_type.removeprefix("tensor(").removesuffix(")")
    return f"{name} {dtype} [{', '.join(str(length) for length in shape)}]"
