"""Jobs as tasks of a Ray cluster, which finds them a place and tries again where a node dies."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from rtseg.batch.job import perform
from rtseg.batch.scheduler import WorkerDiedError
from rtseg.errors import InputError, MissingDependencyError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rtseg.batch.job import Job, Result

_CONNECT_S = 5
_ANSWER_S = 20
_RETRIES = 4
_DEFAULT_PORT = 6379
_CLIENT = "ray://"


class Cluster:
    """Runs jobs on a Ray cluster that is up; its nodes see the same files and have rtseg installed."""

    def __init__(self, address: str, *, threads: int, gpus: int) -> None:
        """Connect; each job asks for `threads` cores and `gpus` GPUs.

        Raises:
            MissingDependencyError: Ray is not installed.
            InputError: there is no cluster at that address.
        """
        _check_reachable(address)
        # Ray reports to its makers unless told otherwise.
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        try:
            import ray
        except ImportError as error:
            raise MissingDependencyError("ray", extra="ray") from error
        self._ray = ray
        _check_answers(address)
        try:
            ray.init(address=address, log_to_driver=False, logging_level="ERROR")
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise InputError(
                f"{address}: no Ray cluster answers there ({str(error).splitlines()[0]}). Check the address."
            ) from error
        self._perform = ray.remote(num_cpus=threads, num_gpus=gpus, max_retries=_RETRIES)(perform)
        self._threads = threads

    @property
    def workers(self) -> int:
        """How many jobs it can do at a time, as it is now."""
        return max(1, int(self._ray.cluster_resources().get("CPU", 1)) // self._threads)

    @property
    def most_started(self) -> int:
        """How many jobs to hand over: some wait there, so that a cluster that can grow sees why it should."""
        return 2 * self.workers

    def start(self, job: Job) -> Any:  # noqa: ANN401 (Ray's own reference)
        """Hand a job over."""
        return self._perform.remote(job)

    def wait(self, handles: Iterable[Any], timeout_s: float) -> list[Any]:
        """Those of the jobs that have ended, after this time at most."""
        ended, _ = self._ray.wait(list(handles), num_returns=1, timeout=timeout_s)
        return list(ended)

    def result(self, handle: Any) -> Result:  # noqa: ANN401 (as above)
        """How a job that has ended did; WorkerDiedError if Ray gave it up."""
        try:
            result: Result = self._ray.get(handle)
        except self._ray.exceptions.RayError as error:
            raise WorkerDiedError(f"Ray gave it up: {str(error).splitlines()[0]}") from error
        return result

    def stop(self, handles: Iterable[Any]) -> None:
        """Have all jobs end; what they had made of their outputs can be gone on with."""
        for handle in handles:
            self._ray.cancel(handle, force=True)

    def close(self) -> None:
        """Leave the cluster."""
        self._ray.shutdown()


def _check_answers(address: str) -> None:
    """Ask Ray's own health check, with a time-out: connecting to something else would hang for minutes.

    Raises:
        InputError: what listens there is no Ray cluster.
    """
    if address in ("auto", "local") or address.startswith(_CLIENT):
        return
    command = [sys.executable, "-m", "ray.scripts.scripts", "health-check", "--address", address]
    with suppress(subprocess.TimeoutExpired):
        if subprocess.run(command, capture_output=True, timeout=_ANSWER_S, check=False).returncode == 0:
            return
    raise InputError(
        f"{address}: what answers there is no Ray cluster. Give HOST:PORT of a running one, or auto."
    )


def _check_reachable(address: str) -> None:
    """Ray tries for minutes; this tells within seconds.

    Raises:
        InputError: nothing listens there.
    """
    if address in ("auto", "local"):
        return
    host, _, port = address.removeprefix(_CLIENT).rpartition(":")
    try:
        with socket.create_connection((host or port, int(port) if host else _DEFAULT_PORT), _CONNECT_S):
            pass
    except (OSError, ValueError) as error:
        raise InputError(
            f"{address}: no Ray cluster answers there ({error}). Give HOST:PORT of a running one, or auto."
        ) from error
