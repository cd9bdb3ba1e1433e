"""Plans are kept: taken while they fit, built once by several, and only from this user."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rtseg.errors import Interrupted, OutputError, PlanError, SinkFault
from rtseg.model import Model
from rtseg.storage.files import write_private
from rtseg.storage.lock import building_lock
from rtseg.storage.trust import stranger_to_file, stranger_to_folder
from rtseg.tensorrt.building import Watcher
from rtseg.tensorrt.cache import load_plan
from rtseg.tensorrt.key import key_for
from rtseg.tensorrt.options import BuildOptions
from rtseg.tensorrt.places import plan_place
from rtseg.tensorrt.plan import read_plan, record_path, write_plan

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


def test_a_plan_is_built_once_and_then_taken(machine):
    first = machine.plan()
    assert first.is_new
    assert first.path == machine.model.with_name("m.geforce-rtx-4070.trt10.13.3.9.plan")
    assert machine.left() == ["m.geforce-rtx-4070.trt10.13.3.9.plan", f"{first.path.name}.json", "m.onnx"]
    assert len(machine.notices) == 1
    assert "from half a minute" in machine.notices[0]

    second = machine.plan()
    assert not second.is_new
    assert second.content == first.content == first.path.read_bytes()
    assert len(machine.notices) == 1


def test_the_record_says_what_the_plan_is(machine):
    plan = machine.plan(workspace_mib=64)
    record = json.loads(record_path(plan.path).read_text())
    assert record["key"] == {
        "tensorrt": "10.13.3.9",
        "compute_capability": "8.9",
        "device": "NVIDIA GeForce RTX 4070",
        "onnx_sha256": hashlib.sha256(machine.model.read_bytes()).hexdigest(),
        "options": {"workspace_mib": 64},
        "recipe": 2,
    }
    assert record["plan_sha256"] == hashlib.sha256(plan.path.read_bytes()).hexdigest()
    assert record["built_by_uid"] == os.geteuid()
    assert record["seconds"] > 0


def test_other_options_gpus_and_versions_have_plans_of_their_own(machine):
    paths = {plant(machine), plant(machine, workspace_mib=64), plant(machine, workspace_mib=65)}
    machine.set(gpu="NVIDIA GeForce RTX 4090/8.9")
    paths.add(plant(machine))
    machine.set(version="10.3.0")
    paths.add(plant(machine))
    assert len(paths) == 5
    assert not machine.plan().is_new


def test_a_changed_model_is_built_anew_and_that_is_said(machine, other_model):
    before = machine.plan()
    other_model()
    after = machine.plan()
    assert after.is_new
    assert after.path == before.path
    assert after.content != before.content
    assert "does not fit, the model file has changed" in machine.notices[1]


@pytest.mark.parametrize(
    ("part", "value", "words"),
    [
        ("tensorrt", "10.3.0", "built with TensorRT 10.3.0, here is 10.13.3.9"),
        ("device", "NVIDIA A100", "built for NVIDIA A100 (8.9), here is NVIDIA GeForce RTX 4070 (8.9)"),
        ("compute_capability", "8.6", "built for NVIDIA GeForce RTX 4070 (8.6), here is"),
        ("options", {"workspace_mib": 7}, "built with workspace mib 7, not default options"),
        ("recipe", 0, "another rtseg built it"),
    ],
)
def test_which_part_does_not_fit_is_said(machine, planted, part, value, words):
    record = json.loads(record_path(planted).read_text())
    record["key"][part] = value
    record_path(planted).write_text(json.dumps(record))
    with pytest.raises(Interrupted):  # a build was begun, which is enough
        machine.plan(watcher=Watcher(is_stopped=lambda: True))
    assert words in machine.notices[0]
    assert planted.read_bytes() == PLANTED


def test_a_version_compatible_plan_fits_later_versions(machine):
    machine.set(version="10.3.0")
    path = plant(machine, version_compatible=True)
    machine.set(version="10.13.3.9")
    assert load_plan(path, machine.facts()).needs_host_code
    machine.set(version="8.6.1")
    with pytest.raises(PlanError, match=r"built with TensorRT 10\.3\.0, here is 8\.6\.1"):
        load_plan(path, machine.facts())


def test_a_hardware_compatible_plan_fits_other_gpus(machine):
    path = plant(machine, hardware_compatible=True)
    other = plant(machine)
    machine.set(gpu="NVIDIA A100/8.0")
    assert load_plan(path, machine.facts()).content
    with pytest.raises(PlanError, match="built for NVIDIA GeForce RTX 4070"):
        load_plan(other, machine.facts())
    machine.set(gpu="Tesla T4/7.5")
    with pytest.raises(PlanError, match=r"here is Tesla T4 \(7.5\)"):
        load_plan(path, machine.facts())


def change_the_plan(plan):
    plan.write_bytes(plan.read_bytes()[:-1] + b"!")


def cut_the_plan(plan):
    plan.write_bytes(plan.read_bytes()[:-3])


def drop_the_record(plan):
    record_path(plan).unlink()


def garble_the_record(plan):
    record_path(plan).write_text('{"key": 3}')


def name_another_user(plan):
    text = record_path(plan).read_text()
    record_path(plan).write_text(text.replace(f'"built_by_uid": {os.geteuid()}', '"built_by_uid": 4711'))


def open_the_plan(plan):
    plan.chmod(0o646)


def open_the_record(plan):
    record_path(plan).chmod(0o664)


def open_the_folder(plan):
    plan.parent.chmod(0o777)


def open_the_folder_above(plan):
    plan.parent.parent.chmod(0o775)


def give_the_plan_away(plan):
    os.chown(plan, 4711, -1)


def give_the_folder_away(plan):
    os.chown(plan.parent, 4711, -1)


def give_the_folder_above_away(plan):
    os.chown(plan.parent.parent, 4711, -1)


STRANGE = [
    (change_the_plan, "its hash is not that of its record"),
    (cut_the_plan, "its hash is not that of its record"),
    (drop_the_record, "no record"),
    (garble_the_record, "cannot be understood"),
    (name_another_user, "user 4711 built it"),
    (open_the_plan, "everybody may write to"),
    (open_the_record, "its group may write to"),
    (open_the_folder, "everybody may write to"),
    (open_the_folder_above, "its group may write to"),
    pytest.param(give_the_plan_away, "belongs to user 4711", marks=needs_root),
    pytest.param(give_the_folder_away, "belongs to user 4711", marks=needs_root),
    pytest.param(give_the_folder_above_away, "belongs to user 4711", marks=needs_root),
]


@pytest.mark.parametrize(("spoil", "words"), STRANGE)
def test_a_plan_that_this_user_did_not_build_is_refused(machine, planted, spoil, words):
    """Named by its file: an error that says how to take it all the same, and then it is taken."""
    spoil(planted)
    with pytest.raises(PlanError, match=words) as error:
        load_plan(planted, machine.facts())
    assert "--trust-plan" in str(error.value)
    assert len(str(error.value).splitlines()) == 2
    if spoil is not garble_the_record:
        assert load_plan(planted, machine.facts(), trust=True).content == planted.read_bytes()


@pytest.fixture
def planted(machine):
    """A plan in its place, made without the builder, which need not run for this."""
    return plant(machine)


PLANTED = b"ptrt, all of a plan"


def plant(machine, **options):
    model = Model.read(machine.model)
    key = key_for(model, machine.facts(), BuildOptions(**options))
    path = plan_place(model, key)
    partial = path.with_name("partial")
    partial.write_bytes(PLANTED)
    write_plan(path, partial, key, 1.5, ())
    return path


@pytest.mark.parametrize("spoil", [change_the_plan, drop_the_record, open_the_plan, name_another_user])
def test_where_plans_are_kept_a_strange_one_is_not_used_but_built_anew(machine, planted, spoil):
    spoil(planted)
    planted_content = planted.read_bytes()
    assert machine.plan(trust=True).content == planted_content
    assert machine.notices == []
    plan = machine.plan()
    assert plan.is_new
    assert plan.path == planted
    assert "not used, as a plan is code" in machine.notices[0]
    assert "--trust-plan" in machine.notices[0]
    assert planted.stat().st_mode & 0o022 == 0
    assert planted.stat().st_uid == os.geteuid()
    assert not machine.plan().is_new


def test_a_folder_where_others_may_write_gets_no_plan(machine):
    machine.model.parent.chmod(0o777)
    path = machine.plan().path
    assert path.is_relative_to(machine.folder / "cache" / "rtseg" / "plans")
    assert not machine.plan().is_new
    assert machine.left() == ["m.onnx"]
    assert path.parent.stat().st_mode & 0o077 == 0


def test_a_sticky_folder_above_is_no_danger(machine):
    machine.folder.chmod(0o1777)
    assert stranger_to_folder(machine.model.parent) is None
    assert stranger_to_file(machine.model) is None
    assert "everybody" in stranger_to_folder(machine.folder)


def test_nothing_is_written_through_a_link(tmp_path):
    (tmp_path / "x.part").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"):
        write_private(tmp_path / "x.part", b"plan")
    assert not (tmp_path / "elsewhere").exists()


def test_a_link_does_not_hide_where_a_plan_lies(planted, tmp_path):
    planted.parent.chmod(0o777)
    link = tmp_path / "link.plan"
    link.symlink_to(planted)
    assert "everybody may write to" in stranger_to_file(link)
    with pytest.raises(PlanError, match="everybody may write to"):
        read_plan(link, trust=False)
    planted.parent.chmod(0o755)
    assert read_plan(link, trust=False).content == PLANTED


def test_others_can_never_have_opened_a_plan_for_writing(machine, monkeypatch):
    """Not even with the most careless umask, and not before it had its name."""
    modes, first_modes = [], []
    replace, chmod = os.replace, os.chmod

    def note(partial, path):
        modes.append(os.stat(partial).st_mode & 0o777)
        replace(partial, path)

    def note_first(partial, mode):
        first_modes.append(os.stat(partial).st_mode & 0o777)
        chmod(partial, mode)

    monkeypatch.setattr(os, "replace", note)
    monkeypatch.setattr(os, "chmod", note_first)
    before = os.umask(0)
    try:
        plan = machine.plan()
    finally:
        os.umask(before)
    assert first_modes == [0o600] * 3  # the plan, its record, the kernels
    assert modes == [0o644] * 3
    assert not machine.plan().is_new
    cache = machine.folder / "cache"
    assert all(path.stat().st_mode & 0o022 == 0 for path in (plan.path, cache, *cache.rglob("*")))


def test_a_plan_is_on_the_disk_before_it_has_its_name(machine, monkeypatch):
    """And its record after it: who looks in between finds an old one, whose hash is another."""
    steps = []
    fsync, replace = os.fsync, os.replace

    def note_sync(descriptor):
        steps.append(("synced", os.readlink(f"/proc/self/fd/{descriptor}")))
        fsync(descriptor)

    def note_name(partial, path):
        steps.append(("named", str(path)))
        replace(partial, path)

    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(os, "replace", note_name)
    path = plant(machine)
    folder, record = path.parent, record_path(path)
    assert steps == [
        ("synced", str(folder / "partial")), ("named", str(path)),
        ("synced", str(folder / f".{record.name}.part")), ("named", str(record)), ("synced", str(folder)),
    ]  # fmt: skip


def test_no_plan_and_no_place(machine, monkeypatch):
    with pytest.raises(PlanError, match="no such plan"):
        load_plan(machine.folder / "x.plan", machine.facts())
    machine.model.parent.chmod(0o777)
    (machine.folder / "cache").write_text("in the way")
    with pytest.raises(OutputError, match="XDG_CACHE_HOME"):
        machine.plan()
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/nowhere")
    with pytest.raises(OutputError, match="XDG_CACHE_HOME"):
        machine.plan()


def test_a_plan_that_cannot_be_written_leaves_nothing(machine):
    """A folder stands where the record would go."""
    in_the_way = machine.model.with_name("m.geforce-rtx-4070.trt10.13.3.9.plan.json")
    (in_the_way / "x").mkdir(parents=True)
    with pytest.raises(SinkFault, match="cannot be written"):
        machine.plan()
    assert all(not name.startswith(".") for name in machine.left())


BUILD = """
import sys
from pathlib import Path
from rtseg.cuda.device import gpu_at
from rtseg.model import Model
from rtseg.tensorrt.cache import plan_for

plan = plan_for(Model.read(sys.argv[1]), gpu_at(), notice=lambda text: print(text, flush=True))
print("new" if plan.is_new else "taken", flush=True)
"""


def start(machine):
    return subprocess.Popen(
        [sys.executable, "-c", BUILD, str(machine.model)],
        env=machine.environment(), cwd=machine.folder, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def test_two_processes_that_want_the_same_plan_build_it_once(machine):
    machine.set(control="build_seconds=2")
    processes = [start(machine), start(machine)]
    outputs = [process.communicate(timeout=60) for process in processes]
    texts = [output for output, _ in outputs]
    assert sorted(text.splitlines()[-1] for text in texts) == ["new", "taken"], outputs
    waiting = next(text for text in texts if text.endswith("taken\n"))
    assert "another process builds" in waiting
    assert "from half a minute" not in waiting
    assert len(machine.left()) == 3


def test_a_build_that_is_killed_leaves_no_plan_no_process_and_no_lock(machine):
    """Killed as by the power button: its worker goes with it, and the next one builds.

    TensorRT 8 tells of no progress, so that the worker does not notice by itself that nobody listens.
    """
    machine.set(control="build_seconds=60", version="8.6.1")
    process = start(machine)
    assert "from half a minute" in process.stdout.readline()
    worker = worker_of(process.pid)
    process.kill()
    process.communicate()
    deadline = time.monotonic() + 10
    while Path(f"/proc/{worker}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(f"/proc/{worker}").exists()
    assert [name for name in machine.left() if not name.startswith(".")] == ["m.onnx"]
    machine.set(control="")
    assert machine.plan().is_new
    assert "another process" not in "".join(machine.notices)
    assert len(machine.left()) == 3


def worker_of(pid):
    """The building process that `pid` starts, once it has read its job: onnx is imported after that."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for child in map(int, children.read_text().split()):
            process = Path(f"/proc/{child}")
            is_worker = b"rtseg.tensorrt.worker" in (process / "cmdline").read_bytes()
            if is_worker and "onnx" in (process / "maps").read_text():
                return child
        time.sleep(0.02)
    raise AssertionError("no worker was started")


def test_who_waits_for_another_can_be_stopped(machine, planted):
    planted.unlink()
    with (
        building_lock(planted, lambda: None),
        pytest.raises(Interrupted),
    ):
        machine.plan(watcher=Watcher(is_stopped=lambda: True))
    assert "another process builds" in machine.notices[0]


def test_a_lock_is_waited_for_and_then_had(tmp_path):
    waits = []
    plan = tmp_path / "x.plan"
    with building_lock(plan, lambda: waits.append("first")):
        assert [path.name for path in tmp_path.iterdir()] == [".x.plan.lock"]
        with (
            pytest.raises(Interrupted),
            building_lock(plan, lambda: waits.append("second"), lambda: True),
        ):
            pass
    assert waits == ["second"]
    assert list(tmp_path.iterdir()) == []
    with (
        pytest.raises(OutputError, match="cannot be built there"),
        building_lock(tmp_path / "no" / "x", print),
    ):
        pass


def test_a_lock_is_removed_before_it_is_released(tmp_path, monkeypatch):
    """Otherwise the next owner's would be."""
    seen = []
    close = os.close

    def note(descriptor):
        seen.append(list(tmp_path.iterdir()))
        close(descriptor)

    with building_lock(tmp_path / "x.plan", print):
        monkeypatch.setattr(os, "close", note)
    monkeypatch.undo()
    assert seen == [[]]


def test_a_lock_that_its_last_owner_removed_meanwhile_is_no_lock(tmp_path, monkeypatch):
    waits = []
    flock = fcntl.flock

    def late(descriptor, how):
        flock(descriptor, how)
        monkeypatch.undo()
        (tmp_path / ".x.plan.lock").unlink()

    monkeypatch.setattr(fcntl, "flock", late)
    with building_lock(tmp_path / "x.plan", lambda: waits.append("first")):
        assert waits == ["first"]
        assert (tmp_path / ".x.plan.lock").exists()


def test_a_lock_is_no_link(tmp_path):
    (tmp_path / ".x.plan.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OutputError, match="cannot be built there"), building_lock(tmp_path / "x.plan", print):
        pass
    assert not (tmp_path / "elsewhere").exists()


def test_a_dead_owners_lock_is_no_lock(tmp_path):
    code = (
        "import os, sys; from pathlib import Path; from rtseg.storage.lock import building_lock\n"
        "with building_lock(Path(sys.argv[1]), print): os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "x.plan")], check=False)
    assert done.returncode == -signal.SIGKILL
    assert (tmp_path / ".x.plan.lock").exists()
    with building_lock(tmp_path / "x.plan", lambda: pytest.fail("had to wait for the dead")):
        pass
