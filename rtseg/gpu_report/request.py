"""What is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rtseg.errors import ModelError, OutputError
from rtseg.metadata import PRECISIONS, Precision
from rtseg.model import Model, find_model
from rtseg.sources import is_live, open_source

if TYPE_CHECKING:
    from pathlib import Path

    from rtseg.training.data import LabelledFolder


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for.

    Attributes:
        folder: where the report goes; new or empty.
        seconds: how long the live pipeline runs.
        model: name of a shipped model, a model folder, an ONNX file, or None for the default.
        source: a film, a camera or a stream, whose frames are looked at too, and over which the live pipeline
            runs; None for none, and the synthetic drive.
        data: a folder of labelled images; None for none.
        split: which split of it.
    """

    folder: Path
    seconds: float = 60.0
    model: str | None = None
    source: str | None = None
    data: Path | None = None
    split: str | None = None

    def check(self) -> None:
        """Find out before anything is written whether it can be done; reads a frame of the source.

        Raises:
            InputError: it cannot.
        """
        if self.folder.exists() and (not self.folder.is_dir() or any(self.folder.iterdir())):
            raise OutputError(f"{self.folder}: is not an empty folder. Name a new one for the report.")
        if not self.folder.absolute().parent.is_dir():
            raise OutputError(f"{self.folder.parent}: there is no such folder. Make it first.")
        models = self.models()
        if self.data is not None:
            self.labelled(next(iter(models.values())))
        if self.source is not None:
            with open_source(self.source, realtime=not is_live(self.source)):
                pass

    def models(self) -> dict[Precision, Model]:
        """The model's files by precision, as far as there are any.

        Raises:
            ModelError: there is no such model.
        """
        found: dict[Precision, Model] = {}
        refusal: ModelError | None = None
        for precision in PRECISIONS:
            try:
                found[precision] = find_model(self.model, precision, PRECISIONS)
            except ModelError as error:
                refusal = refusal or error
        if not found:
            assert refusal is not None
            raise refusal
        return found

    def labelled(self, model: Model) -> LabelledFolder:
        """The labelled images.

        Raises:
            DataError: there are none, or they break their contract.
        """
        from rtseg.training.data import LabelledFolder

        assert self.data is not None
        return LabelledFolder(self.data, self.split or "", model.classes)
