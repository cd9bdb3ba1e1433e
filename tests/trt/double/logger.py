"""Logger: prints what is at least as severe as asked for. A user's own derives from ILogger."""

from __future__ import annotations

import sys
from typing import Any

from .world import Behaviour


class Logger(Behaviour):
    """Behaviour of `Logger`."""

    path = "Logger"

    def __init__(self, min_severity: Any) -> None:
        super().__init__()
        self.min_severity = min_severity

    def log(self, severity: Any, msg: str) -> None:
        if int(severity) <= int(self.min_severity):
            print(f"[TRT] [{severity.name[0]}] {msg}", file=sys.stderr)
