"""A full disk: changes fail cleanly, what holds can still be rolled back, and nothing that was kept is lost."""
import contextlib
import json
import os
import signal

import pytest

from conftest import Service, run, wait_until


@pytest.fixture
def small_disk(tmp_path):
    run("mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(tmp_path))
    service = Service(tmp_path)
    yield service
    service.stop(signal.SIGKILL)
    run("umount", str(tmp_path))


@contextlib.contextmanager
def full(folder):
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        with contextlib.suppress(OSError):
            while True:
                file.write(b"x" * 4096)
    try:
        yield
    finally:
        filler.unlink()


def names(service):
    return service.cli("ls", "-q").stdout.split()


def trouble(service):
    return json.loads(service.cli("info", "-f", "json").stdout)["message"]


def test_a_full_disk_keeps_nobody_from_rolling_back(small_disk, container):
    service = small_disk.start()
    one, two = container({"test": "one"}), container({"test": "two"})
    for name in ("one", "two"):
        service.create("partition", f"test={name}", name=name)
        service.wait_active(name)
    with full(service.data):
        for number in range(200):  # until even the log has no room left
            done = service.cli("create", "--name", f"more{number}", "-e", "partition", "-c", "a=b", check=False)
            if done.returncode != 0:
                break
        assert done.returncode == 1 and "full" in done.stderr and "entropy.db" in done.stderr, done.stderr
        kept = names(service)
        assert f"more{number}" not in kept and {"one", "two"} <= set(kept)
        done = service.cli("stop", "one", check=False)
        if done.returncode != 0:
            assert "stopped and rolled back, but not over a restart" in done.stderr
        assert one.kernel_state() == []
        service.cli("halt", check=False)
        assert two.kernel_state() == []
        assert service.policy("two")["status"]["phase"] == "halted"
        assert "full" in trouble(service)
        doctor = service.cli("doctor", check=False)
        assert doctor.returncode == 1 and "FAIL  changes and history are not kept: " in doctor.stdout
    # There is room again: what could not be kept is kept now.
    wait_until(lambda: service.cli("halt", check=False).returncode == 0, "the halt is kept")
    os.kill(service.process.pid, 0)
    wait_until(lambda: trouble(service) == "", "nothing is wrong any more")
    assert "FAIL  changes" not in service.cli("doctor", check=False).stdout
    service.cli("resume")
    service.wait_active("two")
    wait_until(lambda: service.policy("one")["status"]["phase"] == "stopped", "it stays stopped")
    ended = [(row["outcome"], row["ended"]) for row in service.faults("--policy", "one")]
    assert [outcome for outcome, _ in ended] == ["cut-short"], ended
    service.stop(signal.SIGKILL)
    service.start()
    assert names(service) == kept
    assert service.policy("one")["state"] == "stopped"
    assert [(row["outcome"], row["ended"]) for row in service.faults("--policy", "one")] == ended
