"""`--recipe FILE.json`: options of a command in a file, so that a training can be told in one word."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from rtseg.errors import InputError


def _read(context: click.Context, _option: click.Parameter, path: Path | None) -> None:
    if path is not None:
        context.default_map = defaults_from_file(path, context.command)


def defaults_from_file(path: Path, command: click.Command) -> dict[str, Any]:
    """What the file says instead of the command's own defaults, by parameter.

    Raises:
        InputError: it cannot be read, or names something that is no option of the command.
    """
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: this recipe cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise InputError(f"{path}: this recipe is no JSON: {error}.") from error
    options = {
        name.removeprefix("--"): option.name
        for option in command.params
        for name in option.opts
        if name.startswith("--") and option.expose_value
    }
    if not isinstance(told, dict) or not told.keys() <= options.keys():
        unknown = sorted(told.keys() - options.keys()) if isinstance(told, dict) else []
        raise InputError(
            f"{path}: a recipe is a JSON object of the command's options, without their dashes"
            f"{'; unknown: ' + ', '.join(unknown) if unknown else ''}."
        )
    return {str(options[name]): value for name, value in told.items()}


recipe_option = click.option(
    "--recipe",
    type=click.Path(path_type=Path),
    is_eager=True,
    expose_value=False,
    callback=_read,
    metavar="R.json",
    help="Take what is not given here from a file of options, as beside each shipped model.",
)
