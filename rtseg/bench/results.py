"""The report: what was measured, ready for JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rtseg import report
from rtseg.bench import figures, machine
from rtseg.bench.engine import trtexec_facts
from rtseg.bench.sustained import cpu_of, fps_of, sustained_facts
from rtseg.gpu_report.figures import variation_percent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rtseg.bench.bench import Bench, Record
    from rtseg.bench.engine import EngineRun
    from rtseg.bench.runs import PipelineRun

BUDGETS_MS = (33, 50, 100)
_MOST_SAMPLES = 1000
"""Of one kind that are kept of a round; more are thinned evenly."""
_UNSTABLE_PERCENT = 10.0
"""Variation of medians, or of frames a second, between rounds that is worth a warning."""


def report_of(bench: Bench) -> dict[str, Any]:
    """The `bench` report, schema 1; of an interrupted one, what there is."""
    request = bench.request
    results = [
        result_of(record, bench.machine["cores"], len(bench.records))
        for record in bench.records
        if record.engine
    ]
    return {
        "schema": report.SCHEMA,
        "command": "bench",
        "environment": bench.machine,
        "source": {"uri": request.source, "notes": list(dict.fromkeys(bench.notes))},
        "settings": {
            "seconds": request.seconds,
            "rounds": bench.rounds,
            "threads": request.threads or bench.machine["cores"],
            "level": figures.LEVEL,
        },
        "interrupted": bench.interrupted,
        "results": results,
        "warnings": [*machine.noise(bench.machine), *(line for each in results for line in each["warnings"])],
    }


def result_of(record: Record, cores: int, turns: int) -> dict[str, Any]:
    """What is known of one candidate; what was not measured is None or absent.

    Args:
        record: what was measured.
        cores: how many the process may use.
        turns: how many candidates took turns.
    """
    candidate = record.candidate
    at_once = record.streams or record.engine
    engine_ms = [run.ms for run in record.engine]
    facts: dict[str, Any] = {
        "backend": candidate.backend,
        "precision": candidate.file.precision,
        "model": report.model_facts(candidate.file),
        "backend_version": record.version,
        "device": record.device,
        "engine_ms": figures.summary_ms(figures.flat(engine_ms)),
        "engine_fps": _mean([run.fps for run in at_once]),
        "engine": {
            "latency": _engine_facts(record.engine),
            **({"throughput": _engine_facts(record.streams)} if record.streams else {}),
        },
        **_pipeline_facts(record, cores),
        "live": {_rate(fps): _live_facts(runs) for fps, runs in record.live.items()},
        "intervals": _intervals(record),
        "warnings": _warnings(record),
        "samples": _samples(record),
    }
    sustained = sustained_facts(record.sustained, turns) if record.sustained else None
    if sustained is not None:
        facts["sustained"] = sustained
    if record.scaling:
        facts["scaling"] = {name: curve.facts() for name, curve in record.scaling.items()}
    return facts


def _engine_facts(runs: Sequence[EngineRun]) -> dict[str, Any]:
    terms: dict[str, list[float]] = {}
    for run in runs:
        for kind, times in run.terms.items():
            terms.setdefault(kind, []).extend(times)
    samples = figures.flat([run.ms for run in runs])
    return {
        "ms": figures.summary_ms(samples),
        "fps": _mean([run.fps for run in runs]),
        "images": len(samples),
        "variation_percent": variation_percent(samples),
        "settings": runs[-1].settings,
        **({"trtexec": trtexec_facts(terms)} if terms else {}),
    }


def _pipeline_facts(record: Record, cores: int) -> dict[str, Any]:
    """The run over the film; for a live source its CPU time, and the bound that follows."""
    runs = record.file or [run for each in record.live.values() for run in each]
    cpu_ms = cpu_of(runs) if runs else {}
    spent_ms = sum(cpu_ms.values())
    bound_fps = 1000 * cores / spent_ms if spent_ms else None
    fps = fps_of(record.file) if record.file else None
    return {
        "pipeline_fps": fps,
        "cpu_ms_per_frame": cpu_ms,
        "bound_fps": bound_fps,
        "efficiency": fps / bound_fps if fps is not None and bound_fps else None,
        "pipeline": _run_facts(record.file) if record.file else None,
    }


def _run_facts(runs: Sequence[PipelineRun]) -> dict[str, Any]:
    dropped: dict[str, int] = {}
    for run in runs:
        for cause, frames in run.dropped.items():
            dropped[cause] = dropped.get(cause, 0) + frames
    stages = {
        name: figures.summary_ms([ms for run in runs for ms in run.stage_ms[name]])
        for name in runs[0].stage_ms
    }
    return {
        "source": dict(runs[0].source),
        "frames": {
            "captured": sum(run.captured for run in runs),
            "shown": sum(run.shown for run in runs),
            "dropped": dropped,
        },
        "fps_by_round": [run.fps for run in runs],
        "latency_ms": {
            **stages,
            "end_to_end": figures.summary_ms([ms for run in runs for ms in run.end_to_end_ms]),
        },
    }


def _live_facts(runs: Sequence[PipelineRun]) -> dict[str, Any]:
    captured = sum(run.captured for run in runs)
    missed = {str(budget): sum(run.missed(budget) for run in runs) for budget in BUDGETS_MS}
    return {
        **_run_facts(runs),
        "cpu_ms_per_frame": cpu_of(runs) if any(run.shown for run in runs) else {},
        "missed": missed,
        "missed_percent": {
            budget: 100 * frames / captured if captured else 0.0 for budget, frames in missed.items()
        },
    }


def _intervals(record: Record) -> dict[str, Any]:
    """Where the figures would lie, had they been measured again."""
    found: dict[str, Any] = {}
    for name, rounds in (("engine_ms", [run.ms for run in record.engine]), *_live_rounds(record)):
        if figures.flat(rounds):
            found[name] = {
                f"p{percent}": figures.interval(rounds, figures.percentile_of(percent))
                for percent in (50, 99)
            }
    at_once = record.streams or record.engine
    found["engine_fps"] = figures.interval([[run.fps] for run in at_once], figures.mean)
    intervals_ms = [run.interval_ms for run in record.file if run.interval_ms]
    if intervals_ms:
        low_ms, high_ms = figures.interval(intervals_ms, figures.mean)
        found["pipeline_fps"] = (1000 / high_ms, 1000 / low_ms) if low_ms > 0 else None
    return found


def _live_rounds(record: Record) -> list[tuple[str, list[list[float]]]]:
    return [
        (f"live_{_rate(fps)}_ms", [run.end_to_end_ms for run in runs]) for fps, runs in record.live.items()
    ]


def _rate(fps: int) -> str:
    return str(fps) if fps else "own"


def _warnings(record: Record) -> list[str]:
    name, lines = record.candidate.name, []
    medians = [figures.summary_ms(run.ms)["p50"] for run in record.engine]
    rates = [run.fps for run in record.file]
    for what, values in (("the engine's median", medians), ("the film's frames a second", rates)):
        variation = variation_percent(values) if len(values) > 1 else 0.0
        if variation > _UNSTABLE_PERCENT:
            lines.append(
                f"{name}: {what} differs between rounds by {variation:.0f} % (coefficient of variation): "
                "the machine is not quiet, or its clocks are not held"
            )
    short = [run.shown for run in record.file if run.shown < 30]
    if short:
        lines.append(f"{name}: a run over the film had {min(short)} frames only, which says little")
    return lines


def _samples(record: Record) -> dict[str, Any]:
    """What `compare` draws from: every kind by round, rounded."""
    at_once = record.streams or record.engine
    stages = record.file[0].stage_ms if record.file else {}
    return {
        "engine_ms": _kept([run.ms for run in record.engine]),
        "engine_fps": [[round(run.fps, 3)] for run in at_once],
        "pipeline_interval_ms": _kept([run.interval_ms for run in record.file]),
        "cpu_ms": [[round(sum(run.cpu_ms.values()), 4)] for run in record.file],
        "stage_ms": {stage: _kept([run.stage_ms[stage] for run in record.file]) for stage in stages},
        "live_ms": {
            _rate(fps): _kept([run.end_to_end_ms for run in runs]) for fps, runs in record.live.items()
        },
    }


def _kept(rounds: figures.Rounds) -> list[list[float]]:
    return [[round(ms, 4) for ms in figures.thinned(samples, _MOST_SAMPLES)] for samples in rounds]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
