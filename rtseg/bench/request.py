"""What a benchmark is asked for, and whether it can be done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rtseg.backends import backend_for
from rtseg.errors import MissingDependencyError
from rtseg.session import MOST_STREAMS
from rtseg.sources import is_live
from rtseg.sources.listing import is_images
from rtseg.tensorrt.cache import Terms

if TYPE_CHECKING:
    from rtseg.backends.base import Backend
    from rtseg.model import Model

DRIVE = "synth://1280x720@30?seconds=2&seed=1"
"""The source where none is named."""

USUAL_SECONDS = 60.0
ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Candidate:
    """One backend with one model file: what is compared.

    Attributes:
        backend: as `--backend` takes it.
        precision: as `--precision` takes it.
        model: as `--model` takes it; None for the default.
        file: the model file that these three stand for.
        threads: how many the backend may compute with.
        streams: on how many images it works at once in a run over a film.
        trust: whether a TensorRT plan is taken that another user may have made.
    """

    backend: str
    precision: str
    model: str | None
    file: Model
    threads: int
    streams: int
    trust: bool = False

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.backend} {self.file.precision}"

    def opened_with(self, *, streams: int, threads: int | None = None) -> Backend:
        """The backend, not open yet, with so many streams and, if given, another number of threads.

        Raises:
            InputError: the model is not there any more, or the plan that was built.
        """
        backend = backend_for(
            self.backend, self.model, self.precision, threads or self.threads, streams=streams
        )
        backend.prepare(Terms(trust=self.trust))
        return backend


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for.

    Attributes:
        source: a film, images, a synthetic drive, a camera or a stream.
        model: as `--model` takes it; None for the default.
        backends: as `--backend` takes each.
        precisions: as `--precision` takes each.
        seconds: how long each candidate is measured, about.
        threads: how many the backend may compute with.
        scaling: whether other sizes, streams and threads are tried, too.
        trust_plan: whether a TensorRT plan is taken that another user may have made.
    """

    source: str = DRIVE
    model: str | None = None
    backends: tuple[str, ...] = ("auto",)
    precisions: tuple[str, ...] = ("auto",)
    seconds: float = USUAL_SECONDS
    threads: int | None = None
    scaling: bool = False
    trust_plan: bool = False

    @property
    def is_live(self) -> bool:
        """Whether the source is a camera or a stream."""
        return is_live(self.source)

    @property
    def is_film(self) -> bool:
        """Whether the source has times of its own, and can be played as a camera."""
        return not self.is_live and ("://" in self.source or not is_images(self.source))

    def candidates(self, terms: Terms, cores: int) -> list[Candidate]:
        """Every backend with every precision, each pair once; TensorRT plans are built, which takes minutes.

        Raises:
            InputError: there is no such backend or model, or a runtime is not installed.
        """
        found: dict[tuple[str, str], Candidate] = {}
        for name in self.backends:
            for precision in self.precisions:
                candidate = self._candidate(name, precision, terms, cores)
                found.setdefault((candidate.backend, candidate.file.sha256), candidate)
        return list(found.values())

    def _candidate(self, name: str, precision: str, terms: Terms, cores: int) -> Candidate:
        threads = self.threads or cores
        streams = min(threads, MOST_STREAMS)
        backend = backend_for(name, self.model, precision, threads, streams=streams)
        if backend.version() is None and backend.name != "simulated":
            raise MissingDependencyError(backend.distributions[0], extra=_EXTRAS.get(backend.name))
        backend.prepare(terms)
        return Candidate(
            backend=backend.name if name == "auto" else name,
            precision=precision,
            model=self.model,
            file=backend.model,
            threads=threads,
            streams=backend.streams,
            trust=self.trust_plan,
        )


_EXTRAS = {"torch": "train", "tensorrt": "tensorrt"}
