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
    from rtseg.cli.screen import console_for, table
    from rtseg.model import DEFAULT_MODEL, engines_dir, shipped_models

    rows = [
        (
            model.name + (" (default)" if model.name == DEFAULT_MODEL else ""),
            model.precision,
            f"{model.input_hw[1]}×{model.input_hw[0]}",
            f"{model.scores['miou']:.3f} ({model.scores['split']})",
            f"{model.path.stat().st_size / 1e6:.1f}",
            model.version,
            model.data_licence,
        )
        for model in shipped_models()
    ]
    columns = ("model", "precision", "input", "mIoU", "MB", "version", "licence of the data")
    console = console_for(None)
    console.print(table(f"models in {engines_dir()}", columns, rows, text=2))


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
    rows = [(finding.what, finding.state, finding.detail, finding.remedy) for finding in findings]
    console_for(None).print(table("rtseg doctor", ("what", "state", "detail", "to get it"), rows, text=4))
    if any(finding.state == BROKEN for finding in findings):
        raise click.exceptions.Exit(EXIT_FAULT)
