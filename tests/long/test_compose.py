"""deploy/compose.yaml with the released image, and with Debian's Prometheus where no registry has the public one."""
import json
import os
import pathlib
import subprocess
import time

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOCKET = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock").removeprefix("unix://")
STAND_IN = "entropy-test-prometheus"
PROJECT = "entropy-test-compose"
# What is other here: where the engine listens, and the program of Prometheus.
OVERRIDE = f"""
services:
  entropy:
    volumes: ["{SOCKET}:/var/run/docker.sock"]
  prometheus:
    image: {STAND_IN}
    entrypoint: /usr/bin/prometheus
"""


def run(*command, timeout=120):
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=timeout)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout.strip()


def wait_until(condition, what, within=30):
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, f"not within {within} s: {what}"
        time.sleep(0.2)


@pytest.fixture
def compose(tmp_path):
    """Entropy and Prometheus as the file has them; the function runs a command of docker-compose."""
    run("tools/engine", "up")
    run("tools/test-image")
    run("tools/release", str(tmp_path))
    run("docker", "load", "-qi", str(next(tmp_path.glob("*-image.tar.gz"))))
    run("tools/debian-image", STAND_IN, "libc6", "/usr/bin/prometheus:/usr/bin/prometheus")
    (tmp_path / "override.yaml").write_text(OVERRIDE)

    def it(*command):
        return run("docker-compose", "-p", PROJECT, "-f", "deploy/compose.yaml", "-f", str(tmp_path / "override.yaml"), *command)

    try:
        it("up", "-d", "entropy", "prometheus")
        yield it
    finally:
        it("down", "-v")
    run("docker", "rmi", "entropy:latest")


@pytest.fixture
def target():
    run("docker", "run", "-d", "--name", f"{PROJECT}-target", "--label", "test=compose", "entropy-test", "sleep", "600")
    yield f"{PROJECT}-target"
    run("docker", "rm", "-f", f"{PROJECT}-target")


def test_entropy_works_and_prometheus_sees_it(compose, target):
    def entropy(*command):
        return compose("exec", "-T", "entropy", "entropy", *command)

    def health():
        return run("docker", "inspect", "-f", "{{.State.Health.Status}}", compose("ps", "-q", "entropy"))

    def scraped():
        answer = run("docker", "run", "--rm", "--network", f"{PROJECT}_default", "entropy-test", "wget", "-q", "-O", "-",
                     "http://prometheus:9090/api/v1/query?query=entropy_policies")
        return json.loads(answer)["data"]["result"]

    wait_until(lambda: health() == "healthy", "the container's own check succeeds")
    entropy("create", "--name", "cut", "-e", "partition", "-c", "test=compose")
    wait_until(lambda: "active" in entropy("ls"), "the fault holds")
    wait_until(scraped, "Prometheus has the metrics: it may read the token, and finds the service")
    # Neither itself nor what watches it.
    not_matched = entropy("match", "@project=*").splitlines()
    assert all(" no " in line for line in not_matched if "entropy-test-compose_" in line), not_matched


def test_what_it_mounts_is_there():
    services = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())["services"]
    mounted = [volume.split(":")[0] for service in services.values() for volume in service["volumes"]]
    files = [source for source in mounted if source.startswith(".")]
    assert len(files) >= 5
    assert [source for source in files if not (ROOT / "deploy" / source).exists()] == []
