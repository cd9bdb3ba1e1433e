"""What every backend promises: bytes of an image in, bytes of labels out."""

from __future__ import annotations

import importlib.metadata
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import numpy as np

from rtseg.errors import InputError

if TYPE_CHECKING:
    from types import TracebackType

    from numpy.typing import NDArray

    from rtseg.metadata import Precision
    from rtseg.model import Model
    from rtseg.tensorrt.cache import Terms

    AnyBackend = TypeVar("AnyBackend", bound="Backend")

WARM_UP_RUNS = 2
"""Runs on a grey image inside `open`: the first one of every runtime is many times slower than the rest."""


class Backend(ABC):
    """A model, opened in one runtime; a context manager.

    `infer` is called from `streams` threads at a time, which need not be the one that opened.
    Subclasses write `_open`, `_infer` and `_close`, and import their runtime in `_open`.

    Attributes:
        name: what `--backend` calls it.
        distributions: the installed packages that it needs, the runtime's own first.
        preferred_precisions: best first, for `--precision auto`.
        has_streams: whether it can work on several images at the same time.
        streams: on how many it will.
        device: what it computes on, in words; set once it is open.
    """

    name: ClassVar[str]
    distributions: ClassVar[tuple[str, ...]]
    preferred_precisions: ClassVar[tuple[Precision, ...]]
    has_streams: ClassVar[bool] = False
    device: str

    def __init__(self, model: Model, *, threads: int | None = None, streams: int = 1) -> None:
        """Keep `model` for `open`.

        Args:
            model: what to run.
            threads: how many the runtime computes with, over all streams; None leaves it the choice.
            streams: how many images may be under way at the same time: more images a second on several cores,
                and each takes longer. A backend that cannot do that has one all the same.
        """
        if threads is not None and threads < 1:
            raise InputError(f"{threads} threads: at least one is needed.")
        self.model = model
        self.threads = threads
        self.streams = streams if self.has_streams else 1
        self._is_open = False

    @classmethod
    def version(cls) -> str | None:
        """Return the runtime's version, or None where a package that it needs is missing; imports nothing."""
        try:
            versions = [importlib.metadata.version(distribution) for distribution in cls.distributions]
        except importlib.metadata.PackageNotFoundError:
            return None
        return versions[0]

    def prepare(self, terms: Terms) -> None:  # noqa: B027  # nothing, for most
        """Do beforehand what may take minutes, as building a plan does; `terms` say how, and who is told."""

    def settings(self) -> dict[str, Any]:
        """What the runtime says of how it works, by its own names, ready for JSON; only while it is open."""
        return {}

    def open(self) -> None:
        """Load the model and warm up; takes from tenths of a second to seconds.

        Raises:
            MissingDependencyError: the runtime is not installed.
            ModelError: the runtime cannot run this file.
            RuntimeError: it is open already.
        """
        if self._is_open:
            raise RuntimeError(f"the {self.name} backend is open already")
        self._is_open = True
        try:
            self._open()
            grey = np.full((*self.model.input_hw, 3), 127, np.uint8)
            for _ in range(WARM_UP_RUNS):
                self.infer(grey)
        except BaseException:
            self.close()
            raise

    def infer(self, image_rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Label an image.

        Args:
            image_rgb: uint8, (H, W, 3), RGB, of the model's size; only read, and not after this call.
                One that is read-only or not C-contiguous is copied first.

        Returns:
            Class ids, uint8, (H, W): the caller's own, no later call writes into it.

        Raises:
            InputError: the image has another type or size.
            RuntimeError: the backend is not open, or its runtime gave something else than labels.
        """
        if not self._is_open:
            raise RuntimeError(f"the {self.name} backend is not open: call it between open() and close()")
        shape = (*self.model.input_hw, 3)
        if image_rgb.dtype != np.uint8 or image_rgb.shape != shape:
            found = f"{image_rgb.dtype} {image_rgb.shape}"
            raise InputError(f"the image is {found}; the model {self.model.name} takes uint8 {shape}.")
        # OpenVINO and torch share no memory that is marked read-only, though they do not write to it.
        labels = self._infer(np.require(image_rgb, requirements=("C", "W")))
        if labels.dtype != np.uint8 or labels.shape != self.model.input_hw:
            raise RuntimeError(f"the {self.name} backend gave {labels.dtype} {labels.shape} for labels")
        owned: NDArray[np.uint8] = labels.copy()
        return owned

    def close(self) -> None:
        """Let go of the runtime; may be called again, and after an `open` that failed."""
        self._is_open = False
        self._close()

    def __enter__(self: AnyBackend) -> AnyBackend:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @abstractmethod
    def _open(self) -> None:
        """Import the runtime, load `self.model` and set `self.device`."""

    @abstractmethod
    def _infer(self, image_rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Label a checked, C-contiguous image; the answer need only live until this thread's next call."""

    @abstractmethod
    def _close(self) -> None:
        """Drop what `_open` made, as far as it came; may be called twice."""
