"""What must not leave the machine: who works at it, what it is called, and the numbers it can be known by."""

from __future__ import annotations

import getpass
import os
import platform
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_UUID = re.compile(
    r"\b(?:(?:GPU|MIG)-)?[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b"
)
_IDENTIFYING = re.compile(r"uuid|guid|serial|chassis|board id|mac address|host ?name|process", re.IGNORECASE)
"""In the name of what a line tells."""

_SAYS_NOTHING = {
    "admin", "debian", "desktop", "docker", "home", "jetson", "linux", "localhost", "nvidia", "root",
    "runner", "tegra-ubuntu", "ubuntu", "user",
}  # fmt: skip
"""Names of users and machines that are no one's, and words of their own."""

_SHORTEST = 3


@dataclass(frozen=True, slots=True)
class Redaction:
    """Which words are replaced, longest first.

    Attributes:
        words: what by what. A path is replaced wherever it stands, a name only as a whole word.
    """

    words: tuple[tuple[str, str], ...]

    @classmethod
    def here(cls, also: Mapping[str, str] | None = None) -> Redaction:
        """What tells of this user and this machine, and `also` further words by what stands for them."""
        home = str(Path.home())
        paths = list((also or {}).items())
        paths += [(home, "~"), (os.path.realpath(home), "~"), (str(Path.cwd()), "<here>")]
        user, host = _user(), platform.node()
        names = [(user, "<user>"), (host, "<host>"), (host.partition(".")[0], "<host>")]
        kept = [pair for pair in paths if len(pair[0]) > 1]
        kept += [pair for pair in names if len(pair[0]) >= _SHORTEST and pair[0].lower() not in _SAYS_NOTHING]
        return cls(tuple(sorted(dict(kept).items(), key=lambda pair: -len(pair[0]))))

    def text(self, text: str) -> str:
        """The text without all that, and without UUIDs."""
        for word, instead in self.words:
            pattern = rf"{re.escape(word)}(?![\w-])"
            text = re.sub(pattern if word.startswith("/") else rf"(?<![\w-]){pattern}", instead, text)
        return _UUID.sub("<uuid>", text)

    def json(self, value: Any) -> Any:  # noqa: ANN401  # whatever JSON holds
        """The value with all its texts treated so; names of entries are ours and stay."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {name: self.json(entry) for name, entry in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.json(entry) for entry in value]
        return value


def without_identifying_lines(text: str) -> str:
    """What a tool tells in lines of the form `name : value`, without those that tell which machine it is."""
    return "\n".join(
        line for line in text.splitlines() if not _IDENTIFYING.search(re.split(r"[:=]", line)[0])
    )


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a number without a name, as in containers
        return ""
