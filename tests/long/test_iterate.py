"""The local environment through a developer's day: up, a change, a mistake, down. Takes a minute or two."""
import contextlib
import os
import pathlib
import re
import signal
import subprocess
import threading
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "api" / "halt.cpp"


def run(*command, check=True):
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert not check or done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout.strip()


def entropy(*command):
    return run(ROOT / "bin" / "entropy", "-H", "tcp://127.0.0.1:7890", *command)


def wait_until(condition, what, within):
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, f"not within {within} s: {what}"
        time.sleep(0.1)


class Iterate:
    """`make iterate` and the lines that it says."""

    def __init__(self):
        self.lines = []
        self.process = subprocess.Popen(["make", "iterate"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        text=True, start_new_session=True)
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            self.lines.append(line.rstrip())

    def line(self, words, within):
        """The first line with such words that has not been asked for."""
        wait_until(lambda: any(re.search(words, line) for line in self.lines) or self.process.poll() is not None,
                   f"a line with {words} in {self.lines}", within)
        found = next((line for line in self.lines if re.search(words, line)), None)
        assert found, self.lines
        self.lines.remove(found)
        return found

    def interrupt(self):
        os.killpg(self.process.pid, signal.SIGINT)
        self.process.wait(timeout=20)


def service_pid():
    return int((ROOT / ".run" / "dev" / "entropy.pid").read_text().split()[0])


def active():
    return "active" in entropy("ls")


def traffic_is_slow():
    latest = run("docker", "logs", "-n", "1", "entropy-dev-traffic")
    median = re.search(r"median ([\d.]+) ms", latest)
    return median and float(median.group(1)) > 50


@contextlib.contextmanager
def mistake(path):
    original = path.read_bytes()
    try:
        path.write_bytes(original + b"\n#error nobody builds this\n")
        yield
    finally:
        path.write_bytes(original)


@pytest.fixture
def iterate():
    assert not (ROOT / ".run" / "dev" / "entropy.pid").exists(), "the local environment is up: make stop"
    it = Iterate()
    yield it
    if it.process.poll() is None:
        it.interrupt()
    run("make", "stop")


def test_a_change_is_built_tested_and_relaunched_and_nothing_is_left(iterate):
    iterate.line("^watching", within=600)
    assert "down" not in run("tools/environment", "status")
    entropy("rm", "-f", "kept")  # of a run that failed: data outlive `make stop`
    entropy("create", "--name", "kept", "-e", "latency", "-o", "delay=50ms", "-c", "service=redis")
    wait_until(traffic_is_slow, "redis' latency is felt by those who ask the web service", 20)

    first = service_pid()
    SOURCE.touch()
    line = iterate.line(r"halt\.cpp:", within=120)
    print(line)
    assert re.search(r"tests of \d+ programs passed .*entropy relaunched", line) and "test_interface" in line
    assert service_pid() != first
    wait_until(active, "the policy holds again", 10)

    second = service_pid()
    with mistake(SOURCE):
        line = iterate.line(r"halt\.cpp:", within=120)
        assert "build FAILED" in line and "nobody builds this" in line
        assert service_pid() == second and active()
    assert "passed" in iterate.line(r"halt\.cpp:", within=120)

    entropy("rm", "kept")
    iterate.interrupt()
    assert "down" not in run("tools/environment", "status"), "Ctrl-C leaves the environment"
    engine_stays = "not started by" in run("tools/engine", "status")
    last = service_pid()
    run("make", "stop")
    assert not pathlib.Path(f"/proc/{last}").exists()
    if engine_stays:
        assert run("docker", "ps", "-aq", "--filter", "label=entropy-dev") == ""
        assert run("docker", "network", "ls", "-q", "--filter", "label=entropy-dev") == ""
    else:
        assert "no answer" in run("tools/engine", "status", check=False)
