"""Custom injector images: scheduled, confined, heard and ended as docs/injectors.md says; what they do is measured."""
import io
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tarfile

import pytest

from conftest import ROOT, docker, injector_containers, numbers, run, wait_until

EXAMPLE = "entropy-example-injector:latest"
MISFITS = "entropy-misfit-injector:latest"
# One image with every way to go wrong, by the failure's name.
SCRIPT = r"""#!/bin/sh
header() { printf '== Entropy Header Open ==\n%s\n== Entropy Header Close ==\n' "$1"; }
case $ENTROPY_FAILURES in
  refuses) header '{"started": false, "validation_errors": [{"field": "by", "message": "42 is \"too\" much"}]}'; exit 2 ;;
  crashes) header '{"started": true}'; echo "out of luck"; exit 3 ;;
  stubborn) trap '' TERM; header '{"started": true}' ;;
  plain) trap 'exit 0' TERM ;;
  shows) trap 'exit 0' TERM; header '{"started": true}'; env; id; grep Cap /proc/self/status; touch /x 2>&1; touch /tmp/x ;;
  leaves) trap 'exit 0' TERM; ip route add blackhole 10.99.0.0/16; header '{"started": true}' ;;
esac
while :; do sleep 600 & wait $!; done
"""


def build_misfits():
    busybox = pathlib.Path(shutil.which("busybox")).read_bytes()
    bytes_ = io.BytesIO()
    with tarfile.open(fileobj=bytes_, mode="w") as tar:
        for name, content in (("bin/busybox", busybox), ("injector", SCRIPT.encode())):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o755
            tar.addfile(entry, io.BytesIO(content))
        for applet in ("sh", "sleep", "ip", "env", "id", "grep", "touch"):
            entry = tarfile.TarInfo(f"bin/{applet}")
            entry.type, entry.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(entry)
    subprocess.run(["docker", "import", "-c", "ENV PATH=/bin", "-c", 'ENTRYPOINT ["/injector"]', "-", MISFITS],
                   input=bytes_.getvalue(), check=True, capture_output=True)


@pytest.fixture(scope="module", autouse=True)
def images(engine):
    run(str(ROOT / "examples" / "injector" / "build"))
    build_misfits()


@pytest.fixture
def target(container):
    label = f"t{next(numbers)}"
    it = container({"test": label})
    it.selector = f"test={label}"
    return it


def mtu(target):
    links = json.loads(run("nsenter", "-t", str(target.pid), "-n", "ip", "-j", "link", "show", "eth0").stdout)
    return links[0]["mtu"]


def custom_containers(name):
    return docker("ps", "-aq", "--no-trunc", "--filter", f"label=entropy.policy={name}").split()


def test_the_example_shrinks_packets_and_takes_it_back(service, target):
    name = service.create("small-mtu", target.selector, "-i", EXAMPLE, "-o", "bytes=700", "-d", "60s")
    status = service.policy(name)["status"]
    assert status["phase"] == "active", status  # the answer of create waits for the image's word
    assert mtu(target) == 700
    [injector] = [each for each in service.injectors() if name in each["policies"]]
    assert injector["name"] == f"{name}_{target.id[:12]}"
    assert injector["backend"] == "none" and injector["state"] == "running"
    assert injector["active"][0]["failure"] == "small-mtu"
    assert "mtu of eth0 700" in service.cli("logs", injector["name"]).stdout
    assert f'entropy_faults_active{{policy="{name}",failure="small-mtu"}} 1' in metrics(service)
    service.cli("rm", name)
    assert mtu(target) == 1500
    [fault] = service.faults("--policy", name)
    assert fault["outcome"] == "cut-short" and fault["target"] == target.name
    wait_until(lambda: not custom_containers(name), "its container is gone")


def metrics(service):
    token = (service.data / "token").read_text().strip()
    return run("curl", "-s", "--unix-socket", f"{service.data}/entropy.sock", "-H", f"Authorization: Bearer {token}",
               "http://localhost/metrics").stdout


def test_each_window_is_a_container(service, target):
    name = service.create("small-mtu", target.selector, "-i", EXAMPLE, "-f", "4s", "-d", "2s")
    first = wait_until(lambda: custom_containers(name), "the first window")
    assert mtu(target) == 600
    wait_until(lambda: mtu(target) == 1500, "the window is over")
    wait_until(lambda: mtu(target) == 600, "the second window")
    assert custom_containers(name) != first
    completed = lambda: [each for each in service.faults("--policy", name) if each["outcome"] == "completed"]
    wait_until(lambda: len(completed()) == 2, "two windows are completed")
    assert [each["window"] for each in completed()] == [1, 0]


def test_it_is_confined_and_told_everything(service, target):
    name = service.create("shows", target.selector, "-i", MISFITS, "-o", "by=5", "-d", "90s", "--seed", "7")
    service.wait_active(name)
    [id] = custom_containers(name)
    log = docker("logs", id)
    for line in (f"ENTROPY_TARGET={target.id}", "ENTROPY_FAILURES=shows", "ENTROPY_DURATION=90", "ENTROPY_FREQUENCY=90",
                 "ENTROPY_PROBABILITY=1", "ENTROPY_SEED=7", f"ENTROPY_POLICY={name}", 'ENTROPY_PARAMETERS={"by":"5"}'):
        assert line in log.splitlines(), log
    assert "CapBnd:\t0000000000001000" in log  # NET_ADMIN alone
    assert "/x: Read-only file system" in log and "/tmp/x" not in log
    host = json.loads(docker("inspect", id))[0]["HostConfig"]
    assert host["SecurityOpt"] == ["no-new-privileges"] and host["PidsLimit"] == 64 and host["Memory"] == 128 << 20
    assert host["NetworkMode"] == f"container:{target.id}"


def test_what_it_refuses_is_answered_word_for_word(service, target):
    def told_at_once():
        """`create` waits for a moment only, in which a busy machine may not come to it."""
        name = f"refused{next(numbers)}"
        created = service.cli("create", "--name", name, "-e", "refuses", "-c", target.selector, "-i", MISFITS)
        assert created.stdout == f"{name}\n"
        if 'by: 42 is "too" much' in created.stderr:
            return name
        service.cli("rm", name)

    name = wait_until(told_at_once, "what it refuses is told", within=60)
    status = service.policy(name)["status"]
    assert status["phase"] == "degraded" and 'by: 42 is "too" much' in status["message"]
    [fault] = service.faults("--policy", name)
    assert fault["outcome"] == "failed" and fault["message"] == 'by: 42 is "too" much'


def test_a_crash_is_shown_and_tried_again(service, target):
    name = service.create("crashes", target.selector, "-i", MISFITS)
    service.wait_phase(name, "degraded")
    assert "exit code 3: out of luck" in service.policy(name)["status"]["message"]
    [injector] = [each for each in service.injectors() if name in each["policies"]]
    assert injector["state"] == "failed" and "out of luck" in injector["message"]
    wait_until(lambda: len(service.faults("--policy", name)) >= 2, "it is tried again")
    assert {each["outcome"] for each in service.faults("--policy", name)} <= {"failed", "active"}


def test_one_that_ignores_sigterm_is_killed_and_said(service, target):
    name = service.create("stubborn", target.selector, "-i", MISFITS)
    service.wait_active(name)
    service.cli("rm", name)
    [fault] = service.faults("--policy", name)
    assert fault["outcome"] == "failed" and "within 5s of SIGTERM" in fault["message"]


def test_without_a_header_it_is_taken_as_started(service, target):
    name = service.create("plain", target.selector, "-i", MISFITS)
    service.wait_active(name)
    service.cli("stop", name)
    assert service.faults("--policy", name)[0]["outcome"] == "cut-short"


def test_a_missing_image_is_said(service, target):
    name = service.create("any", target.selector, "-i", "localhost:1/no/such:image")
    service.wait_phase(name, "degraded", within=30)
    wait_until(lambda: "can't be pulled" in service.policy(name)["status"]["message"], "it says so", within=30)
    assert "localhost:1/no/such:image" in service.policy(name)["status"]["message"]


def test_a_new_service_takes_over_and_ends_it(own_service, target):
    service = own_service()
    name = service.create("small-mtu", target.selector, "-i", EXAMPLE)
    service.wait_active(name)
    before = custom_containers(name)
    service.stop(signal.SIGKILL)
    assert mtu(target) == 600
    service.start()
    service.wait_active(name)
    assert custom_containers(name) == before
    assert [each["outcome"] for each in service.faults("--policy", name)] == ["active"]
    service.stop()
    assert mtu(target) == 1500
    assert injector_containers() == []


def test_a_halt_ends_it(service, target):
    name = service.create("small-mtu", target.selector, "-i", EXAMPLE)
    service.wait_active(name)
    try:
        service.cli("halt")
        assert mtu(target) == 1500
    finally:
        service.cli("resume")
    service.wait_active(name)
    assert mtu(target) == 600


def test_the_catalogue_lists_what_images_offer(service):
    listed = service.cli("failures").stdout
    assert "small-mtu" in listed and EXAMPLE in listed and "the largest packet" in listed


def test_injector_test_judges_rule_by_rule(service):
    good = service.cli("injector-test", EXAMPLE, "-e", "small-mtu", "-o", "bytes=900")
    assert "FAIL" not in good.stdout, good.stdout
    assert "mtu 900" in good.stdout
    bad = service.cli("injector-test", MISFITS, "-e", "leaves", check=False)
    assert bad.returncode == 1
    failed = [line for line in bad.stdout.splitlines() if "FAIL" in line]
    assert any("leaves nothing behind" in line and "blackhole 10.99.0.0/16" in line for line in failed), bad.stdout
    assert any("ends by itself" in line for line in failed) and any("nonsense" in line for line in failed), bad.stdout
    assert injector_containers() == []
