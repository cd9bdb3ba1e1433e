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

LEAST_SHOWN = 0.6
"""Of the best score; what is below is written, not drawn."""

CLAIMS = {
    "skips": ("encoder-decoder", "fcn-32s", "fcn-16s", "fcn-8s"),
    "concatenation or sum": ("unet", "unet-sum"),
    "atrous or pooling": ("deeplab", "pspnet"),
}
"""What the story says, and who is to be compared for it."""


def write_page(folder: Path) -> None:
    """Fill the tables of the page beside the folder; write cost.svg, edges.svg and sheet.png into it."""
    known = {net: json.loads(path.read_text()) for net in NETS if (path := folder / f"{net}.json").is_file()}
    costs = json.loads((folder / "costs.json").read_text())
    parts = {
        "overview": overview(known, costs),
        "claims": claims(known, costs),
        "classes": by_class(known),
        "machine": machine(costs),
    }
    refresh(folder.with_suffix(".md"), parts)
    plot_cost(folder / "cost.svg", known, costs)
    plot_edges(folder / "edges.svg", known)
    write_sheet(folder, known)
    print(parts["overview"], parts["claims"], parts["classes"], sep="\n\n")


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


def claims(known: dict[str, Known], costs: Known) -> str:
    """INT8's scores and costs of those that are compared."""
    rows = [
        (
            claim,
            net,
            f"{known[net]['int8']['miou']:.3f}",
            f"{known[net]['int8']['boundary_miou']:.3f}",
            f"{known[net]['int8']['iou']['pole']:.2f}",
            f"{known[net]['gmacs']:.2f}",
            f"{costs['nets'][net]['engine_ms']:.1f}",
        )
        for claim, nets in CLAIMS.items()
        for net in nets
        if net in known
    ]
    return table(("claim", "net", "mIoU", "boundary", "pole", "GMACs", "engine, ms"), rows)


def by_class(known: dict[str, Known]) -> str:
    """IoU by class at INT8; a row for each network."""
    rows = [
        (net, *(f"{one['int8']['iou'].get(name, float('nan')):.2f}" for name in CAMVID.names))
        for net, one in known.items()
    ]
    return table(("net", *CAMVID.names), rows)


def plot_cost(path: Path, known: dict[str, Known], costs: Known) -> None:
    """MIoU, of all pixels and of edges, against the engine's time; what is far below the others is told."""
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4), layout="constrained")
    for axes, kind in zip(figure.subplots(1, 2), ("miou", "boundary_miou"), strict=True):
        scores = {net: one["int8"][kind] for net, one in known.items()}
        least = LEAST_SHOWN * max(scores.values())
        for number, (net, score) in enumerate(scores.items()):
            engine_ms = costs["nets"][net]["engine_ms"]
            colour, shape = colormaps["tab20"](number), "osD^"[number % 4]
            if score < least:
                text = f"{net}: {score:.2f} in {engine_ms:.1f} ms"
                axes.text(0.03, 0.03, text, transform=axes.transAxes, fontsize=8)
            else:
                axes.plot(engine_ms, score, shape, color=colour, label=net)
        axes.set(xlabel="engine at INT8, ms", ylabel=f"mIoU on val{'' if kind == 'miou' else ', edges'}")
        axes.grid(alpha=0.3)
        axes.margins(y=0.15)
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right center", fontsize=8)
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
    axes.legend(loc="upper right")
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
