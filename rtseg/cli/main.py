"""The entry point: which commands there are, and how an error is shown."""

from __future__ import annotations

import os
import sys
import traceback
from typing import NoReturn

import click

from rtseg.cli.judge import eval_command
from rtseg.cli.look import doctor_command, models_command
from rtseg.cli.make import export_command, quantize_command, train_command
from rtseg.cli.run import run_command
from rtseg.cli.synth import synth_command
from rtseg.errors import EXIT_FAULT, EXIT_INPUT, EXIT_INTERRUPTED, RtsegError
from rtseg.report import rtseg_version


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
    eval_command,
    train_command,
    export_command,
    quantize_command,
    synth_command,
    models_command,
    doctor_command,
):
    rtseg.add_command(command)


def main() -> NoReturn:
    """Run the command line and leave with its exit code.

    Leaves by `os._exit` where a thread is stuck in a library and would keep the interpreter from ending.
    """
    code = _run()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            os.dup2(
                os.open(os.devnull, os.O_WRONLY), stream.fileno()
            )  # nobody reads us any more: that is fine
    if code.stuck:
        os._exit(code)
    sys.exit(int(code))


class ExitCode(int):
    """An exit code; `stuck` where threads were left behind."""

    stuck = False


def _run() -> ExitCode:
    try:
        rtseg.main(prog_name="rtseg", standalone_mode=False)
    except click.exceptions.Exit as end:
        return ExitCode(end.exit_code)
    except click.UsageError as error:
        where = error.ctx.command_path if error.ctx else "rtseg"
        _say(where, f"{error.format_message()} See {where} --help.")
        return ExitCode(EXIT_INPUT)
    except (click.Abort, KeyboardInterrupt):
        _say("rtseg", "interrupted")
        return ExitCode(EXIT_INTERRUPTED)
    except RtsegError as error:
        _say("rtseg", str(error))
        code = ExitCode(error.exit_code)
        code.stuck = bool(getattr(error, "stuck", ()))
        return code
    except BrokenPipeError:
        return ExitCode(0)
    except Exception as error:  # the last resort: whatever is left is a fault of ours
        _say("rtseg", f"this is a fault of rtseg: {type(error).__name__}: {error}")
        _show_traceback()
        return ExitCode(EXIT_FAULT)
    return ExitCode(0)


def _say(where: str, message: str) -> None:
    print(f"{where}: {message}", file=sys.stderr)  # noqa: T201


def _show_traceback() -> None:
    if os.environ.get("RTSEG_TRACEBACK"):
        traceback.print_exc()
    else:
        _say("rtseg", "set RTSEG_TRACEBACK=1 and run it again to see where, and report it")
