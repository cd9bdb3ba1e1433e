"""Tables, plots and the sheet of pictures of docs/family.md, from what family.py has kept. See there."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from documents import refresh, table

from rtseg.classes import CAMVID
from rtseg.training.nets import NETS

if TYPE_CHECKING:
    from pathlib import Path

Known = dict[str, Any]
SHEET_WIDTH = 960


def write_page(folder: Path) -> None:
    """Fill the tables of the page beside the folder; write cost.svg, edges.svg and sheet.png into it."""
    known = {net: json.loads(path.read_text()) for net in NETS if (path := folder / f"{net}.json").is_file()}
    costs = json.loads((folder / "costs.json").read_text())
    parts = {"overview": overview(known, costs), "classes": by_class(known), "machine": machine(costs)}
    refresh(folder.with_suffix(".md"), parts)
    plot_cost(folder / "cost.svg", known, costs)
    plot_edges(folder / "edges.svg", known)
    write_sheet(folder, known)
    print(parts["overview"])


def machine(costs: Known) -> str:
    """What the costs were measured on."""
    where = costs["environment"]
    return f"{where['cores']} cores of {where['cpu']}, {where['backend']} {where['backend_version']}."


def overview(known: dict[str, Known], costs: Known) -> str:
    """A row for each network."""
    columns = (
        "net", "mIoU", "boundary", "mIoU, INT8", "boundary, INT8", "parameters", "GMACs", "engine, ms",
        "pipeline, fps", "memory, MB",
    )  # fmt: skip
    rows = []
    for net, one in known.items():
        cost = costs["nets"][net]
        cells = [f"{one[file][kind]:.3f}" for file in ("fp32", "int8") for kind in ("miou", "boundary_miou")]
        cells += [f"{one['parameters']:,}", f"{one['gmacs']:.2f}", f"{cost['engine_ms']:.1f}"]
        rows.append((net, *cells, f"{cost['fps']:.1f}", f"{cost['memory_mb']}"))
    return table(columns, rows)


def by_class(known: dict[str, Known]) -> str:
    """IoU by class at INT8; a row for each network."""
    rows = [
        (net, *(f"{one['int8']['iou'].get(name, float('nan')):.2f}" for name in CAMVID.names))
        for net, one in known.items()
    ]
    return table(("net", *CAMVID.names), rows)


def plot_cost(path: Path, known: dict[str, Known], costs: Known) -> None:
    """MIoU against the engine's time."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    for net, one in known.items():
        place = costs["nets"][net]["engine_ms"], one["int8"]["miou"]
        axes.plot(*place, "o", color="C0")
        axes.annotate(net, place, textcoords="offset points", xytext=(6, -3), fontsize=8)
    axes.set(xlabel="engine at INT8, ms", ylabel="mIoU on val, INT8")
    axes.margins(x=0.15)
    figure.savefig(path, metadata={"Date": None})


def plot_edges(path: Path, known: dict[str, Known]) -> None:
    """MIoU and boundary mIoU beside each other."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    rows = np.arange(len(known))
    for kind, label, shift in (("miou", "all pixels", -0.2), ("boundary_miou", "edges", 0.2)):
        axes.barh(rows + shift, [one["int8"][kind] for one in known.values()], 0.4, label=label)
    axes.set_yticks(rows, list(known))
    axes.invert_yaxis()
    axes.set_xlabel("mIoU on val, INT8")
    axes.legend(loc="lower right")
    figure.savefig(path, metadata={"Date": None})


def write_sheet(folder: Path, known: dict[str, Known]) -> None:
    """The same three frames through all networks, a labelled row for each."""
    rows = []
    for net in known:
        picture = cv2.imread(str(folder / f"{net}.png"))
        assert picture is not None
        height = round(SHEET_WIDTH * picture.shape[0] / picture.shape[1])
        row = cv2.resize(picture, (SHEET_WIDTH, height), interpolation=cv2.INTER_AREA)
        title = np.full((22, SHEET_WIDTH, 3), 255, np.uint8)
        cv2.putText(title, net, (4, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0), 1, cv2.LINE_AA)
        rows += [title, row]
    cv2.imwrite(str(folder / "sheet.png"), np.vstack(rows))
