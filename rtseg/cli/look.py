"""`rtseg models` and `rtseg doctor`: what is there, and what works."""

from __future__ import annotations

import click

from rtseg.errors import EXIT_FAULT


@click.command("models")
def models_command() -> None:
    """List the shipped models.

    \b
    Example:
      rtseg models
    """
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


@click.command("doctor")
def doctor_command() -> None:
    """Show what is installed, what runs, and what to install for the rest.

    \b
    Example:
      rtseg doctor
    """
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
