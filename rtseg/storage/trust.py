"""Whether somebody else may have made a file. A plan is code: TensorRT runs what is in it.

Trusted is what this user or root alone can have put there: file and folder belong to one of them, and neither
the group nor others may write to them. Of the folders above, others may write to those only in which they
cannot rename what is not theirs (the sticky bit, as on /tmp).
"""

from __future__ import annotations

import os
import pwd
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_ROOT = 0
_NOBODY = 65534
"""Who owns, seen from a user namespace, what root owns outside; such a folder may stand above ours."""


def stranger_to_file(path: Path) -> str | None:
    """Who else may have made the file at `path`, in words; None if nobody.

    Raises:
        OSError: it cannot be looked at.
    """
    path = path.resolve(strict=True)
    return _complaint(path, path.stat()) or stranger_to_folder(path.parent)


def stranger_to_folder(folder: Path) -> str | None:
    """Who else may put files into `folder`, in words; None if nobody.

    Raises:
        OSError: it cannot be looked at.
    """
    folder = folder.resolve(strict=True)
    above = (_complaint_above(parent, parent.stat()) for parent in folder.parents)
    return _complaint(folder, folder.stat()) or next(filter(None, above), None)


def _complaint(path: Path, status: os.stat_result) -> str | None:
    if status.st_uid not in (os.geteuid(), _ROOT):
        return f"{path} belongs to {_name(status.st_uid)}"
    return _writers(path, status)


def _complaint_above(folder: Path, status: os.stat_result) -> str | None:
    if status.st_uid not in (os.geteuid(), _ROOT, _NOBODY):
        return f"{folder} belongs to {_name(status.st_uid)}"
    return None if status.st_mode & stat.S_ISVTX else _writers(folder, status)


def _writers(path: Path, status: os.stat_result) -> str | None:
    if status.st_mode & stat.S_IWOTH:
        return f"everybody may write to {path}"
    if status.st_mode & stat.S_IWGRP:
        return f"its group may write to {path}"
    return None


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
