"""Deaths that nobody announces: traffic is clean again within the promised time, and nothing of ours is left."""
import pathlib
import signal
import subprocess

import pytest

from conftest import PATIENCE, docker, injector_containers, inside, kernel_state, wait_until


def slow(round_trips):
    return [took is not None and took > 90 for took in round_trips]


def memory_control(pid):
    """The file with the memory limit of the process's control group (v2 or v1), and the one with its usage."""
    for line in pathlib.Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            folder = pathlib.Path(f"/sys/fs/cgroup{path}")
            if (folder / "memory.max").exists():
                return folder / "memory.max", folder / "memory.current"
        if "memory" in controllers.split(","):
            folder = pathlib.Path(f"/sys/fs/cgroup/memory{path}")
            return folder / "memory.limit_in_bytes", folder / "memory.usage_in_bytes"
    raise AssertionError(f"process {pid} has no memory control group")


def starve(pid):
    """Takes away all memory that the process does not use now."""
    limit, usage = memory_control(pid)

    def squeeze():
        try:
            limit.write_text(str(int(usage.read_text()) + 65536))
        except OSError:  # v1: busy
            return False
        return True

    wait_until(squeeze, "the limit is taken")


def running_injector():
    """Of the only one, id and process; nothing while there is none."""
    found = injector_containers()
    pids = docker("inspect", "-f", "{{.State.Pid}}", *found, check=False).split() if found else []
    return (found[0], int(pids[0])) if len(found) == 1 and pids not in ([], ["0"]) else None


@pytest.mark.testbed
def test_an_injector_that_runs_out_of_memory_leaves_clean_traffic(own_service, pair):
    target, peer, selector = pair
    service = own_service()
    service.wait_active(service.create("latency", selector, "-o", "delay=100ms"))
    injector, pid = wait_until(running_injector, "it runs: on a slow machine one that was silent is being replaced")
    service.stop(signal.SIGKILL)  # or it would have a new one within moments
    starve(pid)
    # A command that is longer than its memory.
    with subprocess.Popen(["docker", "attach", injector], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as attached:
        try:
            attached.communicate(b"x" * 1_000_000, timeout=20)
        except (BrokenPipeError, subprocess.TimeoutExpired):
            attached.kill()
    wait_until(lambda: injector not in injector_containers(), "the kernel has killed it")
    late_by_themselves = 0 if PATIENCE == 1 else 2
    assert sum(slow(target.rtt(peer))) <= late_by_themselves
    assert target.kernel_state() == []


def test_a_killed_engine_ends_its_faults_with_the_lease(own_engine, own_service, pair):
    target, peer, selector = pair
    service = own_service("--lease", "5s")
    name = service.create("latency", selector, "-o", "delay=100ms")
    service.wait_active(name)
    pid, ip = target.pid, peer.ip  # which nobody could tell later
    rtt = lambda count: inside(pid, "echo-client", ip, count, 0.05)
    own_engine.kill()
    assert all(slow(rtt(2))), "the lease holds yet"
    wait_until(lambda: not any(slow(rtt(1))), "the lease ran out", within=8)
    assert kernel_state(pid) == []
    wait_until(lambda: service.policy(name)["status"]["active"] == 0, "and so it is said")
    assert service.policy(name)["status"]["phase"] == "degraded"
    own_engine.start()
    service.wait_active(name, within=30)
    assert all(slow(target.rtt(peer)))
