"""Programs that are deliberately wrong are caught, each as what it is; their corrected twins are not."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cuda import real

FOLDER = Path(__file__).parent / "wrong"
ROOT = FOLDER.parents[2]
EMULATORS_OWN = ("callbacks",)
"""Modules of programs that no GPU could run."""


def snippets_of(module):
    """Kind by name, read from the text: to import it, the emulator must have been loaded."""
    text = (FOLDER / f"{module}.py").read_text()
    return {name: kind for kind, name in re.findall(r'@caught_as\("([\w-]+)"\).*\ndef (\w+)\(', text)}


MODULES = [path.stem for path in sorted(FOLDER.glob("*.py")) if snippets_of(path.stem)]


def test_there_are_enough_of_them():
    assert sum(len(snippets_of(module)) for module in MODULES) >= 60


@pytest.mark.usefixtures("loaded")
@pytest.mark.parametrize("module", MODULES)
def test_wrong_programs_are_caught_and_right_ones_are_not(module):
    kinds = snippets_of(module)
    forms = (False,) if real.IS_WANTED else (True, False)
    if real.IS_WANTED and module in EMULATORS_OWN:
        pytest.skip("needs the emulator")
    command = [sys.executable, "-m", "tests.cuda.wrong.runner", *kinds]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert {(row["name"], row["wrong"]) for row in rows} == {(n, w) for n in kinds for w in forms}
    assert [row for row in rows if row["wrong"] and kinds[row["name"]] not in row["kinds"]] == []
    assert [
        row for row in rows if not row["wrong"] and (row["kinds"] or row["raised"] or row["signal"])
    ] == []
