"""A plan and the record beside it: written whole, and read only if this user built it."""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rtseg.errors import PlanError, SinkFault
from rtseg.report import rtseg_version
from rtseg.storage.files import publish, sync, write_private
from rtseg.storage.trust import stranger_to_file
from rtseg.tensorrt.key import Key

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Record:
    """What the file beside a plan, PLAN.json, says of it.

    Attributes:
        key: what it was built for.
        plan_sha256: of the plan.
        seconds: how long the build took.
        uid: number of the user who built it.
        rtseg: version that did.
        warnings: what TensorRT and the builder warned of.
    """

    key: Key
    plan_sha256: str
    seconds: float
    uid: int
    rtseg: str
    warnings: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The record, ready for JSON."""
        return {
            "schema": SCHEMA,
            "key": self.key.to_json(),
            "plan_sha256": self.plan_sha256,
            "seconds": round(self.seconds, 3),
            "built_by_uid": self.uid,
            "rtseg": self.rtseg,
            "warnings": list(self.warnings),
        }


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan, read and trusted.

    Attributes:
        path: its file; others may replace it while this lives.
        content: its bytes, what `deserialize_cuda_engine` takes; the caller may drop the plan after that.
        record: what is known of it; None for one without a record that was trusted all the same.
        is_new: whether it was built just now.
    """

    path: Path
    content: bytes
    record: Record | None
    is_new: bool = False

    @property
    def needs_host_code(self) -> bool:
        """Whether `Runtime.engine_host_code_allowed` must be set before it is loaded."""
        return self.record is not None and self.record.key.options.version_compatible

    @property
    def dla_core(self) -> int | None:
        """What `Runtime.DLA_core` must be set to before it is loaded, if anything."""
        return None if self.record is None else self.record.key.options.dla_core


def record_path(plan: Path) -> Path:
    """Where the record of `plan` lies."""
    return plan.with_name(f"{plan.name}.json")


def read_plan(path: Path, *, trust: bool) -> Plan:
    """Read a plan and its record.

    Args:
        path: the plan.
        trust: take it whoever made it, and without a record.

    Raises:
        FileNotFoundError: there is no plan.
        PlanError: it cannot be read, or it is not trusted: somebody else may have made it, its record is
            missing or another's, or it has changed since it was built.
    """
    try:
        # What is looked at must be what is read: a link could point elsewhere by then.
        path = path.resolve(strict=True)
        stranger = None if trust else stranger_to_file(path)
        if stranger is not None:
            raise _untrusted(path, stranger)
        content = path.read_bytes()
        record = None if trust and not record_path(path).exists() else _read_record(path, trust=trust)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise PlanError(f"{path}: cannot be read: {error.strerror}. Check its permissions.") from error
    if not trust and record is not None:
        if record.uid not in (os.geteuid(), 0):
            raise _untrusted(path, f"its record says that user {record.uid} built it")
        if hashlib.sha256(content).hexdigest() != record.plan_sha256:
            raise _untrusted(path, "it is not what was built: its hash is not that of its record")
    return Plan(path, content, record)


def write_plan(path: Path, partial: Path, key: Key, seconds: float, warnings: tuple[str, ...]) -> Plan:
    """Put the finished plan at `partial` in its place, with its record; whole or not at all, and synced.

    Raises:
        SinkFault: the disk is full, or gone.
    """
    record_file = record_path(path)
    partial_record = record_file.with_name(f".{record_file.name}.part")
    try:
        content = partial.read_bytes()
        record = Record(
            key, hashlib.sha256(content).hexdigest(), seconds, os.geteuid(), rtseg_version(), warnings
        )
        text = json.dumps(record.to_json(), indent=1, ensure_ascii=False) + "\n"
        write_private(partial_record, text.encode())
        # Whoever looks between the two sees a hash that does not match, and waits for the lock that we hold.
        publish(partial, path)
        publish(partial_record, record_file)
        sync(path.parent)
    except OSError as error:
        for file in (partial, partial_record):
            with suppress(OSError):
                file.unlink(missing_ok=True)
        raise SinkFault(
            f"{path}: the plan cannot be written ({error.strerror}). Make room and try again."
        ) from error
    return Plan(path, content, record, is_new=True)


def _read_record(path: Path, *, trust: bool) -> Record:
    file = record_path(path)
    try:
        stranger = None if trust else stranger_to_file(file)
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise _untrusted(path, f"there is no record {file.name} beside it that says who built it") from None
    if stranger is not None:
        raise _untrusted(path, stranger)
    try:
        return _record(json.loads(text))
    except (ValueError, KeyError, TypeError) as error:
        raise _untrusted(path, f"its record {file.name} cannot be understood") from error


def _record(values: dict[str, Any]) -> Record:
    return Record(
        key=Key.from_json(values["key"]),
        plan_sha256=str(values["plan_sha256"]),
        seconds=float(values["seconds"]),
        uid=int(values["built_by_uid"]),
        rtseg=str(values["rtseg"]),
        warnings=tuple(map(str, values["warnings"])),
    )


def _untrusted(path: Path, reason: str) -> PlanError:
    return PlanError(
        f"{path}: not used, as a plan is code and {reason}.\n"
        "Build it here with `rtseg build`, or say --trust-plan if you know who made it."
    )
