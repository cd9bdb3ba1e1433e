"""Quantisation after training: a float32 model becomes an INT8 one, its ranges taken from real frames."""

from __future__ import annotations

import hashlib
import importlib.util
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, TypeAlias

import onnx

from rtseg.errors import DataError, ModelError
from rtseg.model import Model
from rtseg.tensorrt.onnx_file import weights_as_float
from rtseg.training import judge
from rtseg.training.calibration import choose_frames, frame_list, ranges_by_method
from rtseg.training.insert_qdq import int8_from_float
from rtseg.training.onnx_files import check_folder, json_content, metadata_of, save, set_metadata, write_whole
from rtseg.training.qdq import audit

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from rtseg.training.calibration import Ranges
    from rtseg.training.data import LabelledFolder
    from rtseg.training.judge import OnStep

Labels: TypeAlias = "list[NDArray[np.uint8]]"


@dataclass(frozen=True, slots=True)
class Judged:
    """How one way of running the model did on the held-out frames.

    Attributes:
        miou: mean of `iou`, a fraction of 1.
        pixel_accuracy: share of the known pixels with the right class.
        iou: by class.
        agreement: share of pixels with the label of the float32 model.
    """

    miou: float
    pixel_accuracy: float
    iou: dict[str, float]
    agreement: float


@dataclass(frozen=True, slots=True)
class Quantized:
    """What was written and how good it is.

    Attributes:
        path: the INT8 ONNX file.
        sha256: of the file.
        size_bytes: of the file.
        chosen: the range method with the highest mIoU.
        fp32: the float model on the held-out frames.
        methods: each range method there, by exact Q/DQ arithmetic.
        runtimes: the chosen file there, as each runtime's integer kernels run it on this machine.
        calibration_frames: how many the ranges come from.
        holdout_frames: how many judged.
    """

    path: Path
    sha256: str
    size_bytes: int
    chosen: str
    fp32: Judged
    methods: dict[str, Judged]
    runtimes: dict[str, Judged]
    calibration_frames: int
    holdout_frames: int


def quantize_model(
    fp32_path: Path,
    out: Path,
    *,
    data: LabelledFolder,
    calib_dir: Path,
    holdout: LabelledFolder | None = None,
    frames: int = 128,
    seed: int = 0,
    on_step: OnStep = judge.quiet,
) -> Quantized:
    """Write `fp32_path` as INT8 with explicit Q/DQ, with the ranges that score best on other frames.

    `calib_dir` receives calibration.json (frames and hashes), ranges.json (every tensor by every method) and
    report.json (scores before and after). Nothing is written before all of it is known.

    Args:
        fp32_path: what `export_model` wrote.
        out: the file to write; replaced if it exists.
        data: the split whose frames are calibrated on.
        calib_dir: the folder for lists and reports; made if need be.
        holdout: the split that decides and scores; `data` where None. Frames calibrated on are left out.
        frames: how many to calibrate on.
        seed: decides which.
        on_step: told of progress.

    Raises:
        ModelError: `fp32_path` is not an FP32 model of ours.
        DataError: there are fewer frames than asked for, none is left to judge by, or one cannot be read.
        OutputError: `out` or `calib_dir` cannot be written.
    """
    check_folder(out)
    check_folder(calib_dir)
    parent = _read_parent(fp32_path)
    chosen_frames = choose_frames(data, frames, seed)
    judges = _Judges(holdout or data, _held_out(holdout or data, data, chosen_frames), on_step)
    model = weights_as_float(onnx.load(fp32_path))

    ranges = ranges_by_method(model, data, chosen_frames, on_step)
    candidates = {method: _clean_int8(model, found) for method, found in ranges.items()}
    reference, fp32 = judges.reference(model)
    methods = {method: judges.exactly(int8, method, reference) for method, int8 in candidates.items()}
    chosen = max(methods, key=lambda method: methods[method].miou)
    int8 = candidates[chosen]
    runtimes = judges.as_run(int8, reference)

    calibration = json_content(frame_list(data, chosen_frames, seed))
    calibration_sha256 = hashlib.sha256(calibration).hexdigest()
    _describe(int8, model, parent, calibration_sha256, judges.scores(methods[chosen]))
    calib_dir.mkdir(exist_ok=True)
    sha256 = save(int8, out)
    result = Quantized(
        out,
        sha256,
        out.stat().st_size,
        chosen,
        fp32,
        methods,
        runtimes,
        calibration_frames=frames,
        holdout_frames=len(judges.indices),
    )
    write_whole(calib_dir / "calibration.json", calibration)
    write_whole(calib_dir / "ranges.json", json_content({"schema": 1, "chosen": chosen, "ranges": ranges}))
    report = _report(result, parent, calibration_sha256, judges.data.split)
    write_whole(calib_dir / "report.json", json_content(report))
    return result


class _Judges:
    """The held-out frames, and every way of running a model on them."""

    def __init__(self, data: LabelledFolder, indices: Sequence[int], on_step: OnStep) -> None:
        self.data = data
        self.indices = indices
        self.on_step = on_step

    def reference(self, model: onnx.ModelProto) -> tuple[Labels, Judged]:
        """The float model's labels and how they score; it agrees with itself."""
        labels = judge.label_all(model, self.data, self.indices, self.on_step, "Judging fp32")
        return labels, self._judged(labels, labels)

    def exactly(self, model: onnx.ModelProto, method: str, reference: Labels) -> Judged:
        """An INT8 model as its file says, whatever this machine's integer kernels do."""
        what = f"Judging {method}"
        labels = judge.label_all(model, self.data, self.indices, self.on_step, what, exact=True)
        return self._judged(labels, reference)

    def as_run(self, model: onnx.ModelProto, reference: Labels) -> dict[str, Judged]:
        """An INT8 model as the CPU runtimes run it here."""
        what = "Judging onnxruntime"
        labels = {"onnxruntime": judge.label_all(model, self.data, self.indices, self.on_step, what)}
        if importlib.util.find_spec("openvino"):
            labels["openvino"] = judge.label_all_openvino(model, self.data, self.indices, self.on_step)
        return {runtime: self._judged(found, reference) for runtime, found in labels.items()}

    def scores(self, judged: Judged) -> dict[str, object]:
        """The entry `scores` of the metadata."""
        return {
            "split": self.data.split,
            "miou": judged.miou,
            "pixel_accuracy": judged.pixel_accuracy,
            "iou": judged.iou,
        }

    def _judged(self, labels: Labels, reference: Labels) -> Judged:
        matrix = judge.score(labels, self.data, self.indices)
        agreement = judge.agreement(labels, reference)
        iou = {name: round(value, 5) for name, value in matrix.iou().items()}
        return Judged(round(matrix.miou(), 5), round(matrix.pixel_accuracy(), 5), iou, round(agreement, 5))


def _read_parent(fp32_path: Path) -> Model:
    parent = Model.read(fp32_path)
    if parent.precision != "fp32":
        raise ModelError(f"{fp32_path}: is {parent.precision}. Quantise the fp32 file of the model.")
    return parent


def _held_out(holdout: LabelledFolder, data: LabelledFolder, calibrated: Sequence[int]) -> list[int]:
    """Indices into `holdout` of the frames that were not calibrated on."""
    seen = {data.image_paths[index].resolve() for index in calibrated}
    left = [index for index, path in enumerate(holdout.image_paths) if path.resolve() not in seen]
    if not left:
        raise DataError(
            f"{holdout.root / holdout.split}: all of its frames are calibrated on, none is left to judge by. "
            "Calibrate on fewer or name another split to judge by."
        )
    return left


def _clean_int8(model: onnx.ModelProto, ranges: Ranges) -> onnx.ModelProto:
    """The INT8 model, after the auditor has seen it."""
    int8 = int8_from_float(model, ranges)
    if findings := audit(int8):
        raise ModelError(f"This network does not quantise cleanly ({len(findings)} findings). {findings[0]}")
    return int8


def _describe(
    int8: onnx.ModelProto,
    fp32: onnx.ModelProto,
    parent: Model,
    calibration_sha256: str,
    scores: dict[str, object],
) -> None:
    """Write the parent's metadata into `int8`, with what is new about it."""
    entries: dict[str, object] = dict(metadata_of(fp32))
    entries["precision"] = "int8"
    entries["scores"] = scores
    entries["parent_sha256"] = parent.sha256
    entries["calibration_sha256"] = calibration_sha256
    set_metadata(int8, entries)


def _report(result: Quantized, parent: Model, calibration_sha256: str, holdout: str) -> dict[str, object]:
    return {
        "schema": 1,
        "command": "quantize",
        "model": {"name": parent.name, "version": parent.version, "parent_sha256": parent.sha256},
        "int8": {"sha256": result.sha256, "size_bytes": result.size_bytes},
        "calibration": {"frames": result.calibration_frames, "sha256": calibration_sha256},
        "holdout": {"split": holdout, "frames": result.holdout_frames},
        "chosen": result.chosen,
        "fp32": asdict(result.fp32),
        "methods": {name: asdict(judged) for name, judged in result.methods.items()},
        "runtimes": {name: asdict(judged) for name, judged in result.runtimes.items()},
        "versions": {name: version(name) for name in ("rtseg", "onnx", "onnxruntime", "numpy")},
    }
