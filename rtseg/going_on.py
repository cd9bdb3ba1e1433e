"""What a run leaves of itself while it lasts, so that another can go on with it; see `rtseg/journal.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import av

from rtseg import report
from rtseg.errors import OutputError, SourceFault
from rtseg.journal import Commit, Journal, content_of
from rtseg.sinks.output import holds_something

if TYPE_CHECKING:
    from collections.abc import Callable

    from rtseg.backends.base import Backend
    from rtseg.options import RunOptions
    from rtseg.pipeline import Outcome
    from rtseg.sinks.kept import Forerun

PAGE = "page"
"""The name of the sink for browsers, which is no output: nothing of it is left."""

_OPTIONS_THAT_MATTER = (
    "stream", "codec", "crf", "opacity", "view", "legend", "overlay_on", "every", "smooth", "begin",
    "max_frames", "seconds",
)  # fmt: skip


def journal_for(options: RunOptions) -> Journal | None:
    """The journal of the run's outputs; None where there are none.

    Raises:
        OutputError: an output would be replaced, or what an earlier run left forgotten, and nobody asked.
    """
    if not options.outputs:
        return None
    journal = Journal.beside(options.outputs)
    if options.overwrite or (options.resume and journal.exists):
        return journal
    if journal.commits:
        raise OutputError(
            f"{journal.first}: an earlier run was cut off at about frame {journal.commits[-1].next_frame}. "
            "--resume goes on from there, --overwrite begins anew."
        )
    for path in options.outputs.values():
        if holds_something(path) and not journal.exists:
            raise OutputError(
                f"{path}: exists, and no run left it unfinished, so there is nothing to resume. "
                "Give --overwrite to make it anew."
                if options.resume
                else f"{path}: exists already. Choose another name, or give --overwrite to replace it."
            )
    return journal


def facts_of(options: RunOptions, backend: Backend) -> dict[str, Any]:
    """What the outputs are made from and how: what must be the same for a run that goes on with them."""
    model = backend.model
    return {
        "source": options.source,
        "content": content_of(options.source),
        "outputs": {kind: path.name for kind, path in options.outputs.items()},
        "model": f"{model.name} {model.precision} {model.sha256[:16]}",
        "backend": f"{backend.name} {backend.version()}",
        "rtseg": report.rtseg_version(),
        "PyAV": av.__version__,
        "only": sorted(options.only) if options.only is not None else None,
        **{name: getattr(options, name) for name in _OPTIONS_THAT_MATTER},
    }


def take_over(journal: Journal | None, facts: dict[str, Any], options: RunOptions) -> Forerun | None:
    """What an earlier run left, if this one is to go on with it.

    Raises:
        OutputError: it was another kind of run.
    """
    if journal is None or not (options.resume and journal.exists):
        return None
    differences = journal.differences(facts)
    if differences and options.overwrite:
        return None
    if differences:
        raise OutputError(
            f"{journal.first}: cannot be resumed, since this run differs: "
            f"{'; '.join(differences)}. Give the same as before, or --overwrite to begin anew."
        )
    return journal.forerun()


def noting_in(journal: Journal, propagated_before: int) -> Callable[..., None]:
    """What notes each segment; it knows no session, so that a session is gone as soon as nobody needs it."""

    def note(frames: int, last_pts: int, states: dict[str, dict[str, Any]], propagated: int) -> None:
        outputs = {kind: state for kind, state in states.items() if kind != PAGE}
        journal.commit(Commit(frames, last_pts, outputs, propagated_before + propagated))

    return note


def conclude(journal: Journal, outcome: Outcome, *, made: bool) -> None:
    """Remove the journal if the outputs are whole, or if there is nothing of them (`made`)."""
    if outcome.stuck:
        return
    at_the_source = all(isinstance(error.__cause__, SourceFault) for error in outcome.errors)
    whole = at_the_source and not outcome.stopped
    if whole or not (journal.commits or made):
        journal.remove()
    else:
        journal.settle()
