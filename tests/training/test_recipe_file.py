"""Recipes in files: `rtseg train --recipe`."""

from __future__ import annotations

import json

import pytest

from rtseg.cli.make import train_command
from rtseg.cli.recipe_file import defaults_from_file
from rtseg.errors import InputError
from rtseg.model import engines_dir


def parsed(tmp_path, told, *arguments):
    path = tmp_path / "recipe.json"
    path.write_text(json.dumps(told))
    given = ["--data", "camvid", "--out", "run", "--recipe", str(path), *arguments]
    return train_command.make_context("train", given).params


def test_it_stands_in_for_the_defaults_and_what_is_given_wins(tmp_path):
    told = {
        "net": "fcn-8s",
        "split": ["train", "val/5"],
        "epochs": 7,
        "learning-rate": 0.004,
        "teacher": ["rtseg-m"],
    }
    found = parsed(tmp_path, told, "--epochs", "9")
    assert found["net"] == "fcn-8s"
    assert found["splits"] == ("train", "val/5")
    assert found["learning_rate"] == 0.004
    assert found["teachers"] == ("rtseg-m",)
    assert found["epochs"] == 9
    assert (
        found["batch"] == train_command.make_context("train", ["--data", "d", "--out", "o"]).params["batch"]
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[1]", "JSON object"),
        ('{"epoch": 3}', "unknown: epoch"),
        ("{", "no JSON"),
        ('{"recipe": "x"}', "unknown: recipe"),
    ],
)
def test_what_is_no_recipe_is_refused(tmp_path, content, said):
    path = tmp_path / "recipe.json"
    path.write_text(content)
    with pytest.raises(InputError, match=said):
        defaults_from_file(path, train_command)


@pytest.mark.parametrize(
    "path", sorted(engines_dir().glob("*/recipe.json")), ids=lambda path: path.parent.name
)
def test_the_shipped_recipes_are_recipes(path):
    assert defaults_from_file(path, train_command)
