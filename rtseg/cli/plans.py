"""Getting a TensorRT plan, as a person sees it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console
    from rich.progress import TaskID

    from rtseg.tensorrt.cache import Terms
    from rtseg.tensorrt.job import Progress


@contextmanager
def terms_on_screen(console: Console, *, trust: bool = False) -> Iterator[Terms]:
    """Show why it takes so long and how far a build is, if there is one: bars on a terminal, else lines."""
    from rtseg.tensorrt.building import Watcher
    from rtseg.tensorrt.cache import Terms

    def notice(sentence: str) -> None:
        console.print(sentence, markup=False, soft_wrap=True)

    show_all = _bars if console.is_terminal else _lines
    with show_all(console) as show:
        yield Terms(notice=notice, trust=trust, watcher=Watcher(show))


@contextmanager
def _bars(_: Console) -> Iterator[Callable[[Progress], None]]:
    """A progress bar a phase, each under the one that it is part of."""
    from rtseg.cli.screen import progress_bar

    with progress_bar() as bar:
        tasks: dict[str, TaskID] = {}

        def show(progress: Progress) -> None:
            if progress.phase not in tasks:
                name = "  " * progress.depth + progress.phase
                tasks[progress.phase] = bar.add_task(name, total=progress.total)
            bar.update(tasks[progress.phase], completed=progress.done)
            if progress.depth > 0 and progress.done >= progress.total:
                bar.remove_task(tasks.pop(progress.phase))

        yield show


@contextmanager
def _lines(console: Console) -> Iterator[Callable[[Progress], None]]:
    """A line for each outermost phase, as it begins and at each further quarter of its steps."""
    shown: dict[str, int] = {}

    def show(progress: Progress) -> None:
        quarter = 4 * progress.done // max(progress.total, 1)
        if progress.depth == 0 and shown.get(progress.phase) != quarter:
            shown[progress.phase] = quarter
            console.print(
                f"{progress.phase}: {progress.done} of {progress.total}", markup=False, soft_wrap=True
            )

    yield show
