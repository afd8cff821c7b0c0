"""Failures of the container itself, seen from outside: by the engine, in the target's control group, by its processes."""
import datetime
import json
import os
import pathlib
import re
import signal
import socket
import threading
import time

import pytest

from conftest import docker, injector_containers, run, wait_until
from proxies import EngineProxy

BUSY = ("sh", "-c", "while :; do :; done")


def inspect(it, what):
    return json.loads(docker("inspect", "-f", "{{json " + what + "}}", it.id))


def is_running(it):
    return inspect(it, ".State")["Running"]


def control_group(pid, controller, v1, v2):
    """The file of a process's control group: of the controller's own hierarchy, or of the one that has them all."""
    for line in pathlib.Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            return pathlib.Path(f"/sys/fs/cgroup/{controller}{path}/{v1}")
        if controllers == "" and pathlib.Path(f"/sys/fs/cgroup{path}/{v2}").exists():
            unified = pathlib.Path(f"/sys/fs/cgroup{path}/{v2}")
    return unified


def cpu_time(pid):
    """Of a process, in seconds."""
    user, system = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]
    return (int(user) + int(system)) / 100


def cpu_share(pid, seconds):
    """Which part of a CPU's time a process gets; the time is what is measured."""
    began, used = time.monotonic(), cpu_time(pid)
    while time.monotonic() < began + seconds:
        time.sleep(0.05)
    return (cpu_time(pid) - used) / (time.monotonic() - began)


def last_fault(service, name):
    return service.faults("--policy", name)[0]


def ended_fault(service, name):
    return wait_until(lambda: next((each for each in service.faults("--policy", name) if each["ended"]), None), f"{name} ends")


def seconds(duration):
    units = {"us": 1e-6, "ms": 1e-3, "s": 1, "m": 60}
    return sum(float(number) * units[unit] for number, unit in re.findall(r"([0-9.]+)(us|ms|s|m)", duration))


class Watch:
    """Looks at a container's state again and again; for how long it was not what it should be."""

    def __init__(self, it, wanted="running"):
        self.it, self.wanted, self.seen, self.goes_on = it, wanted, [], True
        self.thread = threading.Thread(target=self.look)
        self.thread.start()

    def look(self):
        while self.goes_on:
            self.seen.append((time.monotonic(), docker("inspect", "-f", "{{.State.Status}}", self.it.id)))
            time.sleep(0.02)

    def stop(self):
        self.goes_on = False
        self.thread.join()
        bad = [at for at, status in self.seen if status != self.wanted]
        return bad[-1] - bad[0] if bad else 0


def test_pause_freezes_for_the_window_and_no_longer(service, container, record_property):
    target = container({"test": "pause"}, *BUSY)
    pid = target.pid
    watch = Watch(target)
    name = service.create("pause", "test=pause", "-d", "2s", "-f", "1m")
    service.wait_active(name)
    assert docker("inspect", "-f", "{{.State.Paused}}", target.id) == "true"
    assert cpu_share(pid, 1) < 0.02, "it is frozen"
    assert service.policy(name)["status"]["phase"] == "active"
    fault = ended_fault(service, name)
    assert docker("inspect", "-f", "{{.State.Paused}}", target.id) == "false"
    assert cpu_share(pid, 0.5) > 0.1
    down = watch.stop()
    record_property("paused", down)
    print(f"pause of 2 s: paused for {down:.2f} s as seen from outside, {fault['measured']}")
    assert 1.5 < down < 2.6 and fault["outcome"] == "completed"
    assert abs(seconds(fault["measured"]["down"]) - down) < 0.5


def test_stop_is_undone_and_its_network_failures_come_back(service, container):
    target = container({"test": "stop"}, "sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done")
    cut = service.create("partition", "test=stop")
    service.wait_active(cut)
    watch = Watch(target)
    name = service.create("stop", "test=stop", "-d", "3s", "-o", "grace=2s")
    service.wait_active(name)
    assert not is_running(target)
    wait_until(lambda: service.policy(cut)["status"]["targets"] == 0, "it is no target for the network now")
    wait_until(lambda: is_running(target), "it is started again")
    service.wait_active(cut)
    fault = ended_fault(service, name)
    print(f"stop of 3 s: down for {watch.stop():.2f} s as seen from outside, {fault['measured']}")
    assert 2 < seconds(fault["measured"]["down"]) < 4.5
    assert len(injector_containers()) == 1


def test_a_kill_and_what_its_restart_policy_makes_of_it(service, container):
    again = container({"test": "kill"}, options=("--restart", "always", "--health-cmd", "true", "--health-interval", "1s"))
    gone = container({"test": "kill"})
    started = inspect(again, ".State.StartedAt")
    watch = Watch(again)
    name = service.create("kill", "test=kill", "-f", "1m")
    wait_until(lambda: inspect(again, ".State.StartedAt") != started, "it is started again")
    wait_until(lambda: inspect(again, ".State.Health.Status") == "healthy", "it is well again")
    fault = wait_until(lambda: next((f for f in service.faults("--policy", name) if f["target"] == again.name and f["ended"]),
                                    None), "the history has it")
    print(f"kill: down for {watch.stop():.2f} s as seen from outside, {fault['measured']}, {fault['message']}")
    assert "SIGKILL was sent" in fault["message"] and "again" in fault["message"]
    assert fault["measured"]["down"] and fault["measured"]["well_after"]
    assert inspect(gone, ".State")["ExitCode"] == 137 and not is_running(gone)
    service.cli("rm", name)
    assert not is_running(gone), "what has no restart policy stays as it is"
    assert inspect(again, ".State.StartedAt") != started


def test_a_signal_that_does_not_kill(service, container):
    target = container({"test": "hup"}, "sh", "-c", "trap 'echo hup' USR1; while :; do sleep 0.1; done")
    service.create("kill", "test=hup", "-o", "signal=USR1")
    wait_until(lambda: "hup" in docker("logs", target.id), "the signal comes")
    assert is_running(target)


def test_restart_and_remove(service, container):
    target = container({"test": "restart"}, "sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done")
    started = inspect(target, ".State.StartedAt")
    name = service.create("restart", "test=restart", "-o", "grace=2s")
    wait_until(lambda: inspect(target, ".State.StartedAt") != started, "it is restarted")
    fault = ended_fault(service, name)
    print(f"restart: {fault['measured']}")
    assert fault["measured"]["down"] and fault["outcome"] == "completed"
    service.cli("rm", name)
    refused = service.cli("create", "-e", "remove", "-c", "test=restart", check=False)
    assert refused.returncode == 1 and "gone for good" in refused.stderr
    service.create("remove", "test=restart", "-o", "force=true")
    wait_until(lambda: run("docker", "inspect", target.id, check=False).returncode != 0, "it is gone")


def test_limits_are_in_the_control_group_and_gone_afterwards(service, container):
    target = container({"test": "limits"}, *BUSY)
    pid = target.pid
    files = [control_group(pid, "cpu", "cpu.cfs_quota_us", "cpu.max"),
             control_group(pid, "memory", "memory.limit_in_bytes", "memory.max"),
             control_group(pid, "pids", "pids.max", "pids.max")]
    before = [file.read_text() for file in files]
    free = cpu_share(pid, 1)
    path = service.data / "limits.yaml"
    path.write_text("policies: {starved: {selector: test=limits, failure: {cpu: {limit: 0.1}, memory: {limit: 32MiB}, "
                    "pids: {limit: 20}}}}")
    service.cli("apply", "-f", path)
    service.wait_active("starved", faults=3)
    cpu, memory, pids = [file.read_text().split() for file in files]
    assert cpu[0] == "10000" and memory == [str(32 << 20)] and pids == ["20"]
    starved = cpu_share(pid, 2)
    print(f"cpu 0.1: {free:.2f} of a CPU before, {starved:.3f} under the limit")
    assert starved < 0.15
    forty = " ".join(map(str, range(40)))
    forks = run("docker", "exec", target.id, "sh", "-c", f"for i in {forty}; do sleep 1 & done; wait", check=False)
    assert "fork" in forks.stderr, forks.stderr
    print(f"pids 20: {forks.stderr.strip().splitlines()[0]}")
    service.cli("rm", "starved")
    assert [file.read_text() for file in files] == before
    docker("update", "--cpus", "0.5", target.id)
    run("docker", "exec", target.id, "sh", "-c", f"for i in {forty}; do sleep 0.1 & done; wait")


def test_memory_below_its_use_is_refused_unless_forced(service, container):
    hog = "dd if=/dev/zero of=/held/it bs=1M count=40; echo ready; sleep 600"
    target = container({"test": "hog"}, "sh", "-c", hog, options=("--tmpfs", "/held"))
    wait_until(lambda: "ready" in docker("logs", target.id), "it uses memory")
    name = service.create("memory", "test=hog", "-o", "limit=16MiB")
    service.wait_phase(name, "degraded")
    assert "force=true" in service.policy(name)["status"]["message"]
    assert inspect(target, ".HostConfig.Memory") == 0 and is_running(target)
    service.cli("rm", name)


def test_one_random_replica_dies_and_never_the_last(service, container):
    label = {"com.docker.compose.project": "e2e", "com.docker.compose.service": "web"}
    replicas = [container({**label, "com.docker.compose.container-number": str(i)}) for i in (1, 2, 3)]
    name = service.create("kill", "@service=web", "-f", "1s", "--pick", "1")

    def left():
        return sum(is_running(each) for each in replicas)

    wait_until(lambda: left() == 1, "two of them are dead")
    windows = service.policy(name)["status"]["missed"]
    wait_until(lambda: service.policy(name)["status"]["missed"] > windows + 1, "the last one's windows pass by")
    assert left() == 1
    assert any(each["message"] == "cap" for each in service.faults("--policy", name))


def test_halt_and_sigterm_undo(own_service, container):
    service = own_service()
    paused, stopped = container({"test": "halted"}), container({"test": "stopped"})
    name = service.create("pause", "test=halted")
    service.wait_active(name)
    service.cli("halt")
    assert inspect(paused, ".State.Paused") is False
    service.cli("resume")
    service.wait_active(name)
    service.wait_active(service.create("stop", "test=stopped", "-o", "grace=0s"))
    service.stop(signal.SIGTERM)
    assert inspect(paused, ".State.Paused") is False and is_running(stopped)


def test_a_service_that_was_killed_undoes_it_when_it_is_back(own_service, container):
    service = own_service()
    target = container({"test": "crash"})
    name = service.create("pause", "test=crash", "-d", "3s")
    service.wait_active(name)
    service.stop(signal.SIGKILL)
    time_left = datetime.datetime.fromisoformat(service_window_end(service))
    service.start()
    assert inspect(target, ".State.Paused") is (datetime.datetime.now(datetime.timezone.utc) < time_left)
    wait_until(lambda: inspect(target, ".State.Paused") is False, "it is undone at the window's end")
    assert ended_fault(service, name)["outcome"] == "completed"


def service_window_end(service):
    """Of the only fault in the database of a service that does not run."""
    import sqlite3
    with sqlite3.connect(f"file:{service.data}/entropy.db?mode=ro", uri=True) as db:
        [(end,)] = db.execute("SELECT planned_end FROM act")
    return datetime.datetime.fromtimestamp(end / 1e6, datetime.timezone.utc).isoformat()


def test_what_somebody_undoes_by_hand_is_not_fought(service, container):
    target = container({"test": "hand"})
    name = service.create("stop", "test=hand", "-o", "grace=0s", "-d", "1m")
    service.wait_active(name)
    docker("start", target.id)
    wait_until(lambda: service.policy(name)["status"]["active"] == 0, "it is said not to hold")
    assert "somebody has started it" in last_fault(service, name)["message"]
    assert is_running(target)


class DeadlyProxy(EngineProxy):
    """Before an engine's socket: at the first call that fits, the service gets SIGKILL, before the engine hears of the call or
    after it has answered."""

    def __init__(self, folder):
        self.path = str(folder / "engine.sock")
        self.trap, self.victim, self.passed = None, None, []
        self.sprung = threading.Event()
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(self.path)
        listener.listen()
        super().__init__(listener)

    def arm(self, call, when, victim):
        self.sprung.clear()
        self.victim, self.trap = victim, (call, when)

    def serve(self, client):
        with client, socket.socket(socket.AF_UNIX) as engine:
            request = self.head_of(client)
            if not request:
                return
            head, method, target = request
            call = f"{method} {re.sub(r'^/v[0-9.]+', '', target.split('?')[0])}"
            when = self.trap[1] if self.trap and re.fullmatch(self.trap[0], call) else None
            if when:
                self.trap = None
            if when == "before":
                return self.spring()
            engine.connect(self.engine)
            engine.sendall(head)
            self.passed.append(call)
            self.carry(client, engine)
            try:
                while part := engine.recv(65536):
                    if when:
                        return self.spring()
                    client.sendall(part)
            except OSError:
                pass

    def spring(self):
        self.victim.kill()
        self.victim.wait()
        self.sprung.set()


# What is asked of the engine, and what undoes it.
LASTING = {"pause": ((), "pause", "unpause"), "stop": (("-o", "grace=0s"), "stop", "start"),
           "cpu": (("-o", "limit=0.1"), "update", "update"), "memory": (("-o", "limit=64MiB"), "update", "update"),
           "pids": (("-o", "limit=9"), "update", "update")}
INSTANT = {"kill": ((), "kill"), "restart": (("-o", "grace=0s"), "restart"), "remove": (("-o", "force=true"), "")}
MATRIX = [(failure, act, when) for failure in LASTING for act in ("do", "undo") for when in ("before", "after")]
MATRIX += [(failure, "do", when) for failure in INSTANT for when in ("before", "after")]
if not os.environ.get("ENTROPY_TEST_ALL"):  # make test-long has all of it
    MATRIX = [("pause", "do", "after"), ("pids", "undo", "before"), ("kill", "do", "after")]


@pytest.mark.parametrize(("failure", "act", "when"), MATRIX)
def test_the_service_is_killed_in_the_middle_of_an_act(own_service, container, tmp_path, failure, act, when):
    proxy = DeadlyProxy(tmp_path)
    service = own_service(endpoint=f"unix://{proxy.path}")
    target = container({"test": "matrix"})
    shown = "{{.State.Status}} {{.HostConfig.CpuQuota}} {{.HostConfig.Memory}} {{json .HostConfig.PidsLimit}}"
    options, *verbs = LASTING.get(failure) or INSTANT[failure]
    path = f"/containers/{target.id}" + (f"/{verbs[act == 'undo']}" if verbs[0] else "")
    call = ("POST " if verbs[0] else "DELETE ") + path
    if act == "do":
        proxy.arm(call, when, service.process)
    name = service.create(failure, "test=matrix", *options, *(("-d", "2s") if failure in LASTING else ()))
    if act == "undo":
        service.wait_active(name)
        proxy.arm(call, when, service.process)
    assert proxy.sprung.wait(20), "the call comes"
    service.process = None
    service.start()
    wait_until(lambda: "(up)" in service.cli("info").stdout, "the engine is connected")
    if failure in LASTING:
        undone = ["running -1 0 null", "running 0 0 null", "running 0 9223372036854771712 null", "running 0 0 0", "running 0 0 -1"]
        wait_until(lambda: service.policy(name)["status"]["phase"] == "expired", "its window ends")
        wait_until(lambda: docker("inspect", "-f", shown, target.id) in undone, "it is undone")
        service.cli("rm", name)
        assert docker("inspect", "-f", shown, target.id) in undone
    else:
        wait_until(lambda: service.faults("--policy", name), "the history says what is known", within=20)
        assert proxy.passed.count(call) == (when == "after"), "it is done once, or not at all"
    proxy.listener.close()
