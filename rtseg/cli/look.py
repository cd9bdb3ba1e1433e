"""`rtseg models` and `rtseg doctor`: what is there, and what works."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from rtseg.cli.options import existing_or_not, need_training_libraries
from rtseg.errors import EXIT_FAULT, InputError

if TYPE_CHECKING:
    from rtseg.gpu_report.request import Request


@click.command("models")
@click.option("--nets", is_flag=True, help="The networks that `rtseg train` knows, and what each costs.")
def models_command(nets: bool) -> None:
    """List the shipped models, or the networks.

    \b
    Examples:
      rtseg models
      rtseg models --nets
    """
    if nets:
        _list_nets()
        return
    from rtseg.cli.screen import console_for, facts, table
    from rtseg.model import DEFAULT_MODEL, engines_dir, shipped_models

    models = shipped_models()
    rows = [
        (
            model.name,
            model.precision,
            f"{model.input_hw[1]}×{model.input_hw[0]}",
            f"{model.scores['miou']:.3f} ({model.scores['split']})",
            f"{model.path.stat().st_size / 1e6:.1f}",
            model.version,
        )
        for model in models
    ]
    console = console_for(None)
    console.print(
        table("shipped models", ("model", "precision", "input", "mIoU", "MB", "version"), rows, text=2)
    )
    console.print(facts({"default": DEFAULT_MODEL, "in": str(engines_dir())}))
    for name, data, licence in sorted({(model.name, model.data, model.data_licence) for model in models}):
        console.print(
            f"{name}: trained on {data}; the data's licence: {licence}", markup=False, soft_wrap=True
        )


def _list_nets() -> None:
    need_training_libraries()
    from rtseg.classes import CAMVID
    from rtseg.cli.screen import console_for, table
    from rtseg.training.nets import NETS, build, encoders_of, macs, parameter_count

    usual = [(name, encoders_of(name)[0]) for name in NETS]
    others = [("unet", encoder) for encoder in encoders_of("unet")[1:]]
    rows = []
    for name, encoder in (*usual, *others):
        net = build(name, encoder, len(CAMVID), pretrained=False)
        rows.append((name, encoder, f"{parameter_count(net):,}", f"{macs(net, (360, 480)) / 1e9:.2f}"))
    console = console_for(None)
    console.print(table("networks, at 480×360", ("net", "encoder", "parameters", "GMACs"), rows, text=2))
    console.print(f"All but stack take each encoder: {', '.join(encoders_of('unet'))}.", markup=False)


@click.command("doctor")
@click.option(
    "--gpu", is_flag=True, help="Measure what this machine's GPU makes of the models; takes minutes."
)
@click.option(
    "--report",
    type=existing_or_not,
    metavar="DIR",
    help="With --gpu: a new folder for the report and its archive.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(min=1),
    metavar="S",
    help="With --gpu: length of the live run, 60 if left out.",
)
@click.option("--model", metavar="M", help="With --gpu: another model than the shipped one.")
@click.option("--source", metavar="CLIP", help="With --gpu: a film or camera whose frames are looked at too.")
@click.option(
    "--data", type=existing_or_not, metavar="DIR", help="With --gpu and --split: labelled images, for mIoU."
)
@click.option("--split", metavar="NAME", help="Which split of the data.")
def doctor_command(gpu: bool, **given: Any) -> None:  # noqa: ANN401  # click's options
    """Show what is installed, what runs, and what to install for the rest.

    \b
    Examples:
      rtseg doctor
      rtseg doctor --gpu --report gpu-report
      rtseg doctor --gpu --report gpu-report --source clip.mp4 --data camvid --split val

    With --gpu: builds all plans anew, compares labels with ONNX Runtime's, times them as trtexec does, tells
    what became of the layers, runs the live pipeline, and packs all of it into one archive. Names of the
    user, the machine and files of yours are left out of it, and so are serial numbers and pictures.
    """
    if gpu:
        from rtseg.cli.gpu_report import report_gpu

        report_gpu(_request(given))
        return
    for name, value in given.items():
        if value is not None:
            raise InputError(f"--{name} is for rtseg doctor --gpu.")
    _show_findings()


def _request(given: dict[str, Any]) -> Request:
    from rtseg.gpu_report.request import Request

    if given["report"] is None:
        raise InputError("--gpu needs a folder for what it finds: give --report DIR.")
    if (given["data"] is None) != (given["split"] is None):
        raise InputError("--data and --split belong together: give both, or neither.")
    folder, seconds = given.pop("report"), given.pop("seconds") or 60.0
    return Request(folder=folder, seconds=seconds, **given)


def _show_findings() -> None:
    from rtseg.cli.screen import console_for, table
    from rtseg.doctor import BROKEN, examine

    findings = examine()
    rows = [(finding.what, finding.state, finding.detail) for finding in findings]
    console = console_for(None)
    console.print(table("rtseg doctor", ("what", "state", "detail"), rows, text=3))
    for command in dict.fromkeys(finding.remedy for finding in findings if finding.remedy):
        names = ", ".join(finding.what for finding in findings if finding.remedy == command)
        console.print(f"{names}: {command}", markup=False, soft_wrap=True)
    if any(finding.state == BROKEN for finding in findings):
        raise click.exceptions.Exit(EXIT_FAULT)
