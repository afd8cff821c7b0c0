"""What `make release` makes, on a real engine: the image, and the archive on a Debian that has nothing but its C library."""
import os
import subprocess

import pytest

from conftest import PREFIX, ROOT, docker, numbers, run, wait_until

BARE = "entropy-test-bare:latest"
SOCKET = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock").removeprefix("unix://")


class Released:
    """What is released, as a container that talks to the engine which it runs on."""

    def __init__(self, *create):
        self.name = f"{PREFIX}-release-{next(numbers)}"
        docker("create", "--name", self.name, "-v", f"{SOCKET}:/var/run/docker.sock", *create)

    def start(self, program):
        self.program = program
        docker("start", self.name)
        wait_until(lambda: self.cli("info", check=False).returncode == 0,
                   f"the service answers: {run('docker', 'logs', self.name).stderr}")
        return self

    def cli(self, *args, **kwargs):
        return run("docker", "exec", self.name, self.program, *args, **kwargs)


@pytest.fixture(scope="module")
def dist(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    run(str(ROOT / "tools" / "release"), str(folder), timeout=120)
    return folder


@pytest.fixture(scope="module")
def image(dist):
    """Its name, with the version of the program."""
    name = "entropy:" + run(str(ROOT / "bin" / "entropy"), "--version").stdout.split()[-1]
    assert f"Loaded image: {name}" in docker("load", "-qi", str(next(dist.glob("*-image.tar.gz")))).splitlines()
    yield name
    docker("rmi", name, "entropy:latest")


@pytest.fixture
def from_image(image):
    it = Released(image)
    yield it.start("entropy")
    docker("rm", "-fv", it.name)


@pytest.fixture
def from_archive(dist):
    run(str(ROOT / "tools" / "debian-image"), BARE, "libc6", timeout=120)
    archive = next(path for path in dist.glob("*.tar.gz") if "image" not in path.name)
    program = f"/{archive.name.split('-linux')[0]}/bin/entropy"
    it = Released(BARE, program, "manage")
    with archive.open("rb") as content:
        subprocess.run(["docker", "cp", "-", f"{it.name}:/"], stdin=content, check=True)
    yield it.start(program)
    docker("rm", "-fv", it.name)


@pytest.mark.parametrize("made", ["from_image", "from_archive"])
def test_a_policy_of_the_release_holds_and_goes_with_it(made, request, pair):
    target, peer, selector = pair
    it = request.getfixturevalue(made)
    before = max(target.rtt(peer))
    it.cli("create", "--name", "slow", "-e", "latency", "-o", "delay=100ms", "-c", selector)
    wait_until(lambda: "active" in it.cli("ls").stdout, "the fault holds")
    assert min(target.rtt(peer)) > 100 > before
    assert target.kernel_state()

    docker("stop", it.name)
    assert "rolled back" in run("docker", "logs", it.name).stderr
    assert not target.kernel_state()
    assert not docker("ps", "-aq", "--filter", f"label=entropy.target={target.id}")


def test_the_service_in_a_container_is_no_target_of_its_own(from_image):
    skipped = from_image.cli("match", "@name=*").stdout
    own = next(line for line in skipped.splitlines() if from_image.name in line)
    assert "it is Entropy itself" in own
    # Also where its host name does not tell: by the image's label.
    assert docker("inspect", "-f", '{{index .Config.Labels "entropy.protect"}}', from_image.name) == "true"


def test_the_checksums_are_of_the_files(dist):
    run("sha256sum", "--check", "--strict", "SHA256SUMS", cwd=dist)


def test_the_image_is_small_and_says_what_it_is(image):
    labels = docker("image", "inspect", "-f", "{{json .Config.Labels}}", image)
    for key in ("title", "version", "revision", "created", "licenses"):
        assert f"org.opencontainers.image.{key}" in labels
    assert int(docker("image", "inspect", "-f", "{{.Size}}", image)) < 40e6
