"""Everything that rtseg raises on purpose.

    RtsegError
    ├── InputError (ValueError)               exit 2: bad usage or input, nothing was written
    │   ├── SourceNotFoundError (FileNotFoundError)
    │   ├── SourceError                       it is there, but it cannot be read as a source
    │   ├── OutputError                       the output as asked for cannot be written
    │   ├── ModelError                        not a model of ours, or not one that can do what is asked
    │   ├── DataError                         a data folder or a label image breaks its contract
    │   ├── DeviceError                       no GPU that can be used
    │   ├── PlanError                         a TensorRT plan that does not fit, or is not to be trusted
    │   └── MissingDependencyError (ImportError)
    ├── SourceFault (OSError)                 exit 3: the source failed on the way
    ├── SinkFault (OSError)                   exit 3: a sink failed on the way
    ├── DeviceFault (RuntimeError)            exit 3: the GPU failed on the way
    ├── BuildFault (RuntimeError)             exit 3: the process that built a TensorRT plan died
    ├── StageError (RuntimeError)             a stage raised; `stage` names it, `__cause__` is what it raised
    └── Interrupted                           exit 130: Ctrl-C or SIGTERM

A message is one or two plain lines: what, where, what to do.
"""

from __future__ import annotations

EXIT_FAULT = 1
EXIT_INPUT = 2
EXIT_ON_THE_WAY = 3
EXIT_INTERRUPTED = 130


class RtsegError(Exception):
    """Base of all errors of rtseg.

    Attributes:
        exit_code: what the command ends with.
        stuck: whether a thread had to be left behind in a call that does not return. The interpreter would
            wait for it at its end; leave by `os._exit`.
    """

    exit_code = EXIT_FAULT
    stuck = False


class InputError(RtsegError, ValueError):
    """Bad usage or input, found before anything was written."""

    exit_code = EXIT_INPUT


class SourceNotFoundError(InputError, FileNotFoundError):
    """The source does not exist."""


class SourceError(InputError):
    """The source exists, but cannot be opened as what it claims to be."""


class OutputError(InputError):
    """The output as asked for cannot be written."""


class ModelError(InputError):
    """The file is not a model of ours, or cannot do what is asked of it."""


class DataError(InputError):
    """A data folder, an image or a label image breaks its contract."""


class DeviceError(InputError):
    """There is no GPU, or its driver is missing or too old."""


class PlanError(InputError):
    """A TensorRT plan that does not fit this machine or model, or that somebody else may have made."""


class MissingDependencyError(InputError, ImportError):
    """A library is not installed; `command` installs it, with the rest of our extra if it belongs to one."""

    def __init__(self, library: str, *, extra: str | None = None, command: str | None = None) -> None:
        self.library = library
        self.extra = extra
        self.command = command or (install_command(extra) if extra else f"pip install {library}")
        super().__init__(f"{library} is not installed. Install it with: {self.command}")


def install_command(extra: str) -> str:
    """The line to paste for one of our extras; it names the libraries, as rtseg itself is not published."""
    from importlib.metadata import PackageNotFoundError, requires

    try:
        requirements = requires("rtseg") or []
    except PackageNotFoundError:
        requirements = []
    wanted = [line.partition(";")[0].strip() for line in requirements if line.rstrip("'\"").endswith(extra)]
    return "pip install " + " ".join(f"'{requirement}'" for requirement in wanted)


class SourceFault(RtsegError, OSError):
    """The source failed after it had delivered, or could have delivered, frames."""

    exit_code = EXIT_ON_THE_WAY


class SinkFault(RtsegError, OSError):
    """A sink failed on the way, for instance on a full disk; what was written before is whole."""

    exit_code = EXIT_ON_THE_WAY


class DeviceFault(RtsegError, RuntimeError):
    """The GPU, or TensorRT on it, failed on the way; what was written before is whole."""

    exit_code = EXIT_ON_THE_WAY


class BuildFault(RtsegError, RuntimeError):
    """The process that built a TensorRT plan died; nothing is left of the plan."""

    exit_code = EXIT_ON_THE_WAY


class StageError(RtsegError, RuntimeError):
    """A stage of the pipeline raised; the cause is chained.

    The exit code is the cause's where the cause is one of ours, otherwise 1.

    Attributes:
        stage: name of the stage.
    """

    def __init__(self, stage: str, cause: BaseException) -> None:
        super().__init__(f"{stage}: {cause}" if str(cause) else f"{stage}: {type(cause).__name__}")
        self.stage = stage
        self.__cause__ = cause
        self.exit_code = cause.exit_code if isinstance(cause, RtsegError) else EXIT_FAULT


class Interrupted(RtsegError):
    """Ctrl-C or SIGTERM; the outputs were closed and play."""

    exit_code = EXIT_INTERRUPTED
