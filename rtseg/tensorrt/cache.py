"""A plan from where it is kept, or built anew: the one way to a plan."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from rtseg.cuda.cubin import compile_ahead
from rtseg.errors import PlanError
from rtseg.runtimes import load_tensorrt
from rtseg.storage.lock import building_lock
from rtseg.tensorrt.building import Watcher, build
from rtseg.tensorrt.job import Job
from rtseg.tensorrt.key import key_for
from rtseg.tensorrt.options import BuildOptions, parts
from rtseg.tensorrt.places import plan_place, timing_cache_place
from rtseg.tensorrt.plan import Plan, read_plan, write_plan

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rtseg.cuda.device import Gpu
    from rtseg.model import Model
    from rtseg.tensorrt.key import Key


@dataclass(frozen=True, slots=True)
class Order:
    """A plan that is wanted.

    Attributes:
        model: of which model.
        gpu: for which GPU.
        key: what it is built for.
        path: where it is kept, an absolute path.
        timing_cache: the file of measured kernel times; None builds without.
    """

    model: Model
    gpu: Gpu
    key: Key
    path: Path
    timing_cache: Path | None


@dataclass(frozen=True, slots=True)
class Terms:
    """How a plan is got.

    Attributes:
        notice: told in a sentence why it takes so long, or why a plan that is there is not taken.
        trust: take a plan that somebody else may have made.
        force: build, whatever is there.
        watcher: who watches the build.
    """

    notice: Callable[[str], None] = lambda _: None
    trust: bool = False
    force: bool = False
    watcher: Watcher = field(default_factory=Watcher)


def plan_for(
    model: Model,
    gpu: Gpu,
    options: BuildOptions | None = None,
    *,
    notice: Callable[[str], None],
    trust: bool = False,
    watcher: Watcher | None = None,
) -> Plan:
    """The plan of `model` for `gpu`: read, or built on first use, which takes minutes and is told.

    Args:
        model: the model.
        gpu: the GPU; its context need not exist, as building is another process's work.
        options: what is asked of the builder; None for nothing in particular.
        notice: called with a sentence whenever this does not just read a file.
        trust: take a plan that somebody else may have made.
        watcher: who watches a build.

    Raises:
        InputError: TensorRT or pycuda is missing, the model cannot be built, an option cannot be had.
        SinkFault: the plan cannot be written.
        BuildFault: the building process died.
        Interrupted: the watcher wanted it to end.
    """
    order = order_for(model, gpu, options or BuildOptions())
    return fetch(order, Terms(notice=notice, trust=trust, watcher=watcher or Watcher()))


def order_for(
    model: Model,
    gpu: Gpu,
    options: BuildOptions,
    *,
    path: Path | None = None,
    timing_cache: Path | None = None,
    has_timing_cache: bool = True,
) -> Order:
    """What is to be built, and where it is kept.

    Args:
        model: of which model.
        gpu: for which GPU.
        options: what is asked of the builder.
        path: where the plan is kept; None for the usual place.
        timing_cache: the file of measured kernel times; None for the usual one.
        has_timing_cache: False builds without one.

    Raises:
        InputError: TensorRT is missing, an option cannot be had, there is no place for the plan.
    """
    key = key_for(model, gpu, options)
    cache = (timing_cache or timing_cache_place(key)) if has_timing_cache else None
    place = (path or plan_place(model, key)).absolute()
    return Order(model, gpu, key, place, None if cache is None else cache.absolute())


def fetch(order: Order, terms: Terms) -> Plan:
    """The plan that was ordered; raises what `plan_for` does.

    Of several processes that want the same plan, one builds it.
    """
    if not terms.force:
        plan, _ = _look(order, terms)
        if plan is not None:
            return plan

    def on_wait() -> None:
        terms.notice(f"another process builds {order.path}; waiting for it")

    with building_lock(order.path, on_wait, terms.watcher.is_stopped):
        if not terms.force:
            plan, reason = _look(order, terms)
            if plan is not None:
                return plan
            if reason:
                terms.notice(reason)
        return _build(order, terms)


def kept_plan(order: Order, *, trust: bool = False) -> Plan | None:
    """The plan that was ordered if it is there, fits and is trusted; never builds."""
    return _look(order, Terms(trust=trust))[0]


def load_plan(path: Path, gpu: Gpu, *, trust: bool = False) -> Plan:
    """A plan that was named by its file.

    Args:
        path: the plan.
        gpu: what it is to run on.
        trust: take it whoever made it, and without a record.

    Raises:
        PlanError: there is none, it is not trusted, or it was built for another GPU or TensorRT.
    """
    try:
        plan = read_plan(path, trust=trust)
    except FileNotFoundError:
        raise PlanError(f"{path}: no such plan. Build it with `rtseg build`.") from None
    if plan.record is not None:
        key = plan.record.key
        major, minor = gpu.compute_capability
        version = load_tensorrt().__version__
        here = replace(key, tensorrt=version, compute_capability=f"{major}.{minor}", device=gpu.name)
        misfits = key.misfits(here)
        if misfits:
            raise PlanError(
                f"{path}: does not fit: {', and '.join(misfits)}. Build it here with `rtseg build`."
            )
    return plan


def _look(order: Order, terms: Terms) -> tuple[Plan | None, str]:
    """The plan that is there if it fits and is trusted, otherwise why not; no reason if there is none."""
    try:
        plan = read_plan(order.path, trust=terms.trust)
    except FileNotFoundError:
        return None, ""
    except PlanError as error:
        return None, f"{str(error).splitlines()[0]} It is built anew; `rtseg run --trust-plan` would take it."
    misfits = [] if plan.record is None else plan.record.key.misfits(order.key)
    if misfits:
        return None, f"{order.path}: does not fit, {', and '.join(misfits)}. It is built anew."
    return plan, ""


def _build(order: Order, terms: Terms) -> Plan:
    model, gpu = order.model, order.gpu
    silent = "; TensorRT 8 tells nothing meanwhile" if parts(order.key.tensorrt) < (10,) else ""
    terms.notice(
        f"building the TensorRT {order.key.tensorrt} plan of {model.name} {model.precision} for {gpu.name}: "
        f"from half a minute to several minutes, on a Jetson up to a quarter of an hour, but once{silent}"
    )
    partial = order.path.with_name(f".{order.path.name}.part")
    job = Job(
        onnx=model.path.absolute(),
        onnx_sha256=model.sha256,
        precision=model.precision,
        plan=partial,
        ordinal=gpu.ordinal,
        options=order.key.options,
        timing_cache=order.timing_cache,
    )
    built = build(job, terms.watcher)
    plan = write_plan(order.path, partial, order.key, built.seconds, tuple(built.warnings))
    compile_ahead(gpu, lambda line: terms.notice(f"warning: {line}"))
    return plan
