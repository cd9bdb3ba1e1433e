"""The entry point: which commands there are, and how an error is shown."""

from __future__ import annotations

import os
import sys
import traceback
from typing import NoReturn

import click

from rtseg.cli.batch import batch_command
from rtseg.cli.bench import bench_command
from rtseg.cli.build import build_command
from rtseg.cli.export import export_command, quantize_command
from rtseg.cli.judge import eval_command
from rtseg.cli.latency import latency_command
from rtseg.cli.look import doctor_command, models_command
from rtseg.cli.make import train_command
from rtseg.cli.run import run_command
from rtseg.cli.synth import synth_command
from rtseg.errors import EXIT_FAULT, EXIT_INPUT, EXIT_INTERRUPTED, RtsegError
from rtseg.report import rtseg_version

SYSTEM_PACKAGES = "sudo apt-get install -y libgl1 libglib2.0-0"
"""What OpenCV's wheel expects of the system; desktops have it, the smallest images may not."""


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(rtseg_version(), message="rtseg %(version)s")
def rtseg() -> None:
    """Label every pixel of a driving video, in real time.

    \b
    Try it:
      rtseg run "synth://640x480@30?seconds=10" -o overlay.mp4
      rtseg run clip.mp4 -o overlay.mp4 --legend

    Exit codes: 0 done; 1 a fault of ours; 2 bad usage or input, nothing was written;
    3 the source or an output failed on the way, what was written plays; 130 interrupted, likewise.
    """


for command in (
    run_command,
    batch_command,
    bench_command,
    latency_command,
    eval_command,
    train_command,
    export_command,
    quantize_command,
    build_command,
    synth_command,
    models_command,
    doctor_command,
):
    rtseg.add_command(command)


def main() -> NoReturn:
    """Run the command line and leave with its exit code.

    Leaves by `os._exit` where a thread is stuck in a library and would keep the interpreter from ending.
    """
    code, stuck = _run()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            # Nobody reads us any more, which is fine; the interpreter must not complain at its end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    if stuck:
        os._exit(code)
    sys.exit(code)


def _run() -> tuple[int, bool]:
    """Run the command; return its exit code, and whether a thread is stuck."""
    try:
        code = rtseg.main(prog_name="rtseg", standalone_mode=False)
        return code or 0, False
    except click.UsageError as error:
        where = error.ctx.command_path if error.ctx else "rtseg"
        _say(where, f"{error.format_message()} See {where} --help.")
        return EXIT_INPUT, False
    except (click.Abort, KeyboardInterrupt):
        _say("rtseg", "interrupted")
        return EXIT_INTERRUPTED, False
    except RtsegError as error:
        _say("rtseg", str(error))
        if error.exit_code == EXIT_FAULT:
            _show_traceback()
        return error.exit_code, error.stuck
    except BrokenPipeError:
        return 0, False
    except ImportError as error:
        _say("rtseg", f"a library does not load: {error}")
        _say("rtseg", "if a system library is missing, on Debian or Ubuntu: " + SYSTEM_PACKAGES)
        return EXIT_FAULT, False
    except Exception as error:  # the last resort: whatever is left is a fault of ours
        _say("rtseg", f"this is a fault of rtseg: {type(error).__name__}: {error}")
        _show_traceback()
        return EXIT_FAULT, False


def _say(where: str, message: str) -> None:
    print(f"{where}: {message}", file=sys.stderr)  # noqa: T201


def _show_traceback() -> None:
    if os.environ.get("RTSEG_TRACEBACK"):
        traceback.print_exc()
    else:
        _say("rtseg", "set RTSEG_TRACEBACK=1 and run it again to see where, and report it")
