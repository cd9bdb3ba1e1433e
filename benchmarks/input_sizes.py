"""What a shipped model makes of smaller and larger pictures, as it is, and what each size costs at INT8.

python benchmarks/input_sizes.py ../shared/data/camvid [--model rtseg-m] [--size 320x240 ...]

Labels are brought back to the size of the truth. The weights stay, so this is the least that training for a
size can give. Needs the packages of training.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import onnx
from documents import table
from family_costs import ANY_RANGE, engine_ms

from rtseg.backends import backend_class
from rtseg.classes import CAMVID
from rtseg.cli.options import hw_from_text
from rtseg.model import DEFAULT_MODEL, find_model
from rtseg.report import cores, environment
from rtseg.training import judge
from rtseg.training.data import LabelledFolder
from rtseg.training.export import onnx_from_net
from rtseg.training.initial import network_of
from rtseg.training.insert_qdq import activation_edges, int8_from_float
from rtseg.training.onnx_files import metadata_of, save, set_metadata

SIZES = ("480x360", "400x300", "352x264", "304x228", "272x204")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--size", dest="sizes", nargs="+", default=SIZES, metavar="WxH")
    arguments = parser.parse_args()
    net = network_of(arguments.model)
    described = metadata_of(onnx.load(find_model(arguments.model, "fp32", ()).path))
    folder = LabelledFolder(arguments.data, "val", CAMVID)
    indices = range(len(folder))
    miou: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as made:
        files = {}
        for size in arguments.sizes:
            fp32 = onnx_from_net(net, hw_from_text(size))
            labels = judge.label_all(fp32, folder, indices, judge.quiet, "")
            miou[size] = judge.score(labels, folder, indices).miou()
            int8 = int8_from_float(fp32, dict.fromkeys(activation_edges(fp32), ANY_RANGE))
            set_metadata(int8, {**described, "precision": "int8", "input": list(hw_from_text(size))})
            files[size] = Path(made) / f"{size}.onnx"
            save(int8, files[size])
        cost = engine_ms(files)
    where = f"{cores()} cores of {environment()['cpu']}, OpenVINO {backend_class('openvino').version()}"
    print(f"{arguments.model}, val; {where}\n")
    rows = [(size, f"{miou[size]:.4f}", f"{cost[size]:.1f}") for size in arguments.sizes]
    print(table(("input", "mIoU, FP32", "INT8, ms"), rows))


if __name__ == "__main__":
    main()
