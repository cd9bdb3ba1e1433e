"""Where the report grows, file by file, and the archive of it."""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import tarfile
import time
from typing import TYPE_CHECKING, Any

from rtseg.errors import SinkFault

if TYPE_CHECKING:
    from pathlib import Path

    from rtseg.gpu_report.redaction import Redaction


class ReportFolder:
    """Writes files whole or not at all, and without what must not leave the machine.

    Attributes:
        path: the folder.
    """

    def __init__(self, path: Path, redaction: Redaction) -> None:
        """Make the folder if it is not there.

        Raises:
            SinkFault: it cannot be made.
        """
        self.path = path
        self._redaction = redaction
        self._names: list[str] = []
        try:
            path.mkdir(exist_ok=True)
        except OSError as error:
            raise SinkFault(f"{path}: the folder cannot be made ({error.strerror}).") from error

    def write_text(self, name: str, text: str) -> None:
        """Write a file, over an older one of this report.

        Raises:
            SinkFault: the disk is full, or gone.
        """
        self._write(name, self._redaction.text(text).encode())
        if name not in self._names:
            self._names.append(name)

    def write_json(self, name: str, value: Any) -> None:  # noqa: ANN401  # whatever JSON holds
        """Write a value as JSON; raises what `write_text` does."""
        text = json.dumps(self._redaction.json(value), indent=1, ensure_ascii=False, allow_nan=False)
        self.write_text(name, text + "\n")

    def pack(self, gpu: str) -> Path:
        """Put all files into rtseg-gpu-NAME-DATE.tar.gz beside them, and return its path.

        Owner, group and times of the files stay here.

        Raises:
            SinkFault: the disk is full, or gone.
        """
        slug = re.sub(r"[^a-z0-9]+", "-", gpu.lower().removeprefix("nvidia ")).strip("-") or "unnamed"
        stem = f"rtseg-gpu-{slug}-{time.strftime('%Y-%m-%d', time.gmtime())}"
        name = f"{stem}.tar.gz"
        self._write(name, self._archive(stem))
        return self.path / name

    def _archive(self, stem: str) -> bytes:
        content = io.BytesIO()
        with (
            gzip.GzipFile("", "wb", fileobj=content, mtime=0) as zipped,
            tarfile.open(fileobj=zipped, mode="w") as archive,
        ):
            for name in self._names:
                file = (self.path / name).read_bytes()
                entry = tarfile.TarInfo(f"{stem}/{name}")
                entry.size = len(file)
                archive.addfile(entry, io.BytesIO(file))
        return content.getvalue()

    def _write(self, name: str, content: bytes) -> None:
        path = self.path / name
        partial = path.with_name(f".{path.name}.part")
        try:
            path.parent.mkdir(exist_ok=True)
            partial.write_bytes(content)
            os.replace(partial, path)
        except OSError as error:
            partial.unlink(missing_ok=True)
            raise SinkFault(f"{path}: cannot be written ({error.strerror}).") from error
