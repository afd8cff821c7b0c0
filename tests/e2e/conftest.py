"""A real Docker engine, a real `entropy manage`, real containers; what they measure is what counts."""
import contextlib
import dataclasses
import itertools
import json
import os
import pathlib
import signal
import subprocess
import tempfile
import time
import uuid

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
ENTROPY = str(ROOT / "bin" / "entropy")
NET = str(pathlib.Path(__file__).resolve().parent / "net.py")
IMAGE = "entropy-test:latest"
PREFIX = f"e2e{os.getpid()}"
PATIENCE = float(os.environ.get("ENTROPY_TEST_PATIENCE", "1"))  # an emulated machine (tests/testbed) needs more of it
numbers = itertools.count(1)


def run(*args, check=True, timeout=60, **kwargs):
    done = subprocess.run(args, capture_output=True, text=True, timeout=timeout * PATIENCE, **kwargs)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, args))} exited {done.returncode}: {done.stdout}{done.stderr}")
    return done


def docker(*args, **kwargs):
    return run("docker", *args, **kwargs).stdout.strip()


def wait_until(condition, what, within=15.0, every=0.05):
    """Waits for a condition, not for a time; returns what it returned."""
    deadline = time.monotonic() + within * PATIENCE
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within} s: {what}")
        time.sleep(every)


def expect_held(condition, what):
    """That a fault holds, at the first look; in an emulator, where an injector may get no processor for 1.5 s and lets
    traffic flow meanwhile, in one of several."""
    wait_until(condition, what, within=0 if PATIENCE == 1 else 4)


def inside(pid, *args, timeout=120):
    """Runs a command of net.py in a process's network namespace; its answer is one JSON value."""
    done = run("nsenter", "-t", str(pid), "-n", "/usr/bin/python3", NET, *map(str, args), timeout=timeout)
    return json.loads(done.stdout)


@contextlib.contextmanager
def serving_inside(pid, *args):
    """A net.py server in a process's network namespace, for as long as the block lasts."""
    command = ["nsenter", "-t", str(pid), "-n", "/usr/bin/python3", NET, *map(str, args)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert server.stdout.readline().strip() == "ready"
    try:
        yield server
    finally:
        server.terminate()
        server.communicate(timeout=10)


def kernel_state(pid):
    """What nftables and links of ours a process's network namespace holds."""
    enter = ["nsenter", "-t", str(pid), "-n"]
    tables = run(*enter, "nft", "list", "tables").stdout
    links = run(*enter, "ip", "-br", "link").stdout
    return [line for line in (tables + links).splitlines() if "ent" in line.split("@")[0]]


@dataclasses.dataclass
class Container:
    name: str
    id: str

    @property
    def pid(self):
        return int(docker("inspect", "-f", "{{.State.Pid}}", self.id))

    @property
    def ip(self):
        return docker("inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", self.id)

    def net(self, *args, timeout=120):
        """Runs a command of net.py in the container's network namespace; its answer is one JSON value."""
        return inside(self.pid, *args, timeout=timeout)

    def serving(self, *args):
        """A net.py server in the container's network namespace, for as long as the block lasts."""
        return serving_inside(self.pid, *args)

    def rtt(self, peer, count=5):
        """Round-trip times of UDP datagrams to a peer that echoes, in ms; None for those that were lost."""
        return self.net("echo-client", peer.ip, count, 0.05)

    def kernel_state(self):
        return kernel_state(self.pid)


class Service:
    """One `entropy manage` with a data directory of its own, and the command line that talks to it."""

    def __init__(self, data, *options, endpoint=None):
        self.data = data
        self.options = options
        self.endpoint = endpoint
        self.host = f"unix://{data}/entropy.sock"
        self.process = None
        self.log = data / "log"
        self.logged_before = 0
        services.append(self)

    def start(self):
        command = [ENTROPY, "manage", "-H", self.host, "--data-dir", str(self.data), *self.options]
        if self.endpoint:
            command.append(self.endpoint)
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=self.log.open("ab"))
        wait_until(lambda: self.cli("info", check=False).returncode == 0, f"the service answers: {self.text()}")
        return self

    def text(self):
        return self.log.read_text() if self.log.exists() else ""

    def stop(self, how=signal.SIGTERM):
        if self.process is None:
            return
        self.process.send_signal(how)
        self.process.wait(timeout=30)
        self.process = None

    def cli(self, *args, check=True, timeout=60):
        env = dict(os.environ, ENTROPY_HOST=self.host, ENTROPY_DATA_DIR=str(self.data))
        return run(ENTROPY, *map(str, args), check=check, timeout=timeout, env=env)

    def create(self, failure, selector, *options, name=None):
        name = name or f"p{next(numbers)}"
        created = self.cli("create", "--name", name, "-e", failure, "-c", selector, *options)
        assert created.stdout.strip() == name
        return name

    def policy(self, name):
        return json.loads(self.cli("inspect", name).stdout)[0]

    def wait_phase(self, name, phase, within=15):
        return wait_until(lambda: self.policy(name)["status"]["phase"] == phase, f"{name} is {phase}", within)

    def wait_active(self, name, faults=1, within=15):
        return wait_until(lambda: self.policy(name)["status"]["active"] >= faults, f"{name} holds {faults} faults", within)

    def injectors(self):
        lines = self.cli("lsi", "--format", "json").stdout.splitlines()
        return [json.loads(line) for line in lines]

    def faults(self, *args):
        return [json.loads(line) for line in self.cli("faults", "--format", "json", *args).stdout.splitlines()]


services = []  # of this test run, for what they logged


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.failed:
        for it in services:
            if words := it.text()[it.logged_before:]:
                report.sections.append((f"log of {it.data}", words[-8000:]))


@pytest.fixture(autouse=True)
def logs_of_this_test():
    for it in services:
        it.logged_before = len(it.text())


def injector_containers():
    return docker("ps", "-aq", "--filter", "label=entropy.injector").split()


def no_injectors_left():
    """Removes them; the engine may be about to do so, and refuses then."""
    left = injector_containers()
    if left:
        docker("rm", "-f", *left, check=False)
    return not injector_containers()


def pytest_configure(config):
    # A shell without job control starts what is in the background with these ignored, and every child would inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    config.addinivalue_line("markers", "testbed: runs on the stock kernel of tests/testbed in every `make test`")


@pytest.fixture(scope="session", autouse=True)
def engine():
    run(str(ROOT / "tools" / "engine"), "up", timeout=120)
    run(str(ROOT / "tools" / "test-image"), timeout=120)
    yield
    left = docker("ps", "-aq", "--filter", f"name=^{PREFIX}").split()
    if left:
        docker("rm", "-f", *left)


class OwnEngine:
    """A dockerd in a network namespace of its own, for what must not be done to the one that others use."""

    def __init__(self, folder, *options):
        self.folder = folder
        self.options = options
        self.address = f"unix://{folder}/docker.sock"
        self.process = None
        # Holds the network namespace.
        self.holder = subprocess.Popen(["unshare", "-n", "sh", "-c", "ip link set lo up && echo ready && exec sleep 600"],
                                       stdout=subprocess.PIPE, text=True)
        assert self.holder.stdout.readline().strip() == "ready"

    def start(self):
        command = ["nsenter", "-t", str(self.holder.pid), "-n", "dockerd", *self.options, "-H", self.address,
                   "--data-root", f"{self.folder}/data", "--exec-root", f"{self.folder}/exec",
                   "--pidfile", f"{self.folder}/pid"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=(self.folder / "log").open("ab"))
        wait_until(lambda: run("docker", "version", check=False).returncode == 0, f"dockerd answers, see {self.folder}/log",
                   within=60)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        if self.process.poll() is not None:
            self.start()
        run("sh", "-c", "docker ps -aq | xargs -r docker rm -f", check=False)
        self.process.terminate()
        self.process.wait(timeout=30 * PATIENCE)
        self.holder.terminate()
        self.holder.wait()
        mounts = [line.split()[1] for line in pathlib.Path("/proc/mounts").read_text().splitlines()]
        for mount in reversed([each for each in mounts if each.startswith(str(self.folder))]):
            run("umount", mount)


@contextlib.contextmanager
def another_engine(*options):
    """An engine that is the one that everybody means meanwhile."""
    with tempfile.TemporaryDirectory(prefix="entropy-engine-") as folder, pytest.MonkeyPatch.context() as patch:
        it = OwnEngine(pathlib.Path(folder), *options)
        patch.setenv("DOCKER_HOST", it.address)
        it.start()
        run(str(ROOT / "tools" / "test-image"), timeout=120)
        yield it
        it.stop()


@pytest.fixture
def own_engine():
    """An engine for a test that kills it; its containers outlive it."""
    with another_engine("--live-restore") as it:
        yield it


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    it = Service(tmp_path_factory.mktemp("data")).start()
    yield it
    it.stop()


@pytest.fixture
def own_service(tmp_path):
    """Makes services for tests that kill them; stops what is left."""
    made = []

    def make(*options, **kwargs):
        it = Service(tmp_path, *options, **kwargs)
        made.append(it)
        return it.start()

    yield make
    for it in made:
        it.stop(signal.SIGKILL)
    wait_until(no_injectors_left, "what killed services have left is removed")


@pytest.fixture(autouse=True)
def no_policies_left(request):
    """Every test leaves the shared service as it found it."""
    yield
    if "service" in request.fixturenames:
        it = request.getfixturevalue("service")
        names = it.cli("ls", "-q").stdout.split()
        if names:
            it.cli("rm", *names)


@pytest.fixture
def container():
    """Starts containers; removes them afterwards."""
    made = []

    def make(labels=None, *command, name=None, options=()):
        name = name or f"{PREFIX}-{next(numbers)}"
        label_options = [f"--label={key}={value}" for key, value in (labels or {}).items()]
        made.append(name)
        id = docker("run", "-d", "--name", name, *label_options, *options, IMAGE, *(command or ("sleep", "600")))
        return Container(name, id)

    yield make
    docker("rm", "-f", *made, check=False) if made else None


@pytest.fixture
def network():
    name = f"entropy-test-{uuid.uuid4().hex[:8]}"
    docker("network", "create", name)
    yield name
    docker("network", "rm", name)


@pytest.fixture
def pair(container):
    """A target with a label of its own and a peer without; the peer echoes UDP."""
    label = f"t{next(numbers)}"
    target, peer = container({"test": label}), container()
    with peer.serving("echo-server"):
        yield target, peer, f"test={label}"
