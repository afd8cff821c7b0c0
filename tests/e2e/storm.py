"""Some seconds in which everything goes wrong at once, on a real engine; then calm. How far each act of the plan gets before
the next one is up to the machine."""
import concurrent.futures
import dataclasses
import http.client
import json
import re
import signal
import threading
import time

from conftest import IMAGE, PATIENCE, PREFIX, docker, run, serving_inside
from proxies import Weather
from storm_plan import POLICIES, ROLES, lease, plan, told
from test_interface import Api


@dataclasses.dataclass
class Seen:
    """A target as the engine inspects it."""
    id: str
    slot: str
    role: str
    name: str
    pid: int
    state: str
    pids: int  # its limit of processes
    namespace: str  # of its network
    addresses: dict  # by network


def addresses(inspected):
    return {name: each["IPAddress"] for name, each in inspected["NetworkSettings"]["Networks"].items()}


class Targets:
    """Some containers on the default bridge, some of them on a network of their own, too; and a peer that echoes."""

    def __init__(self, network):
        self.network = network
        self.label = f"storm={network}"
        self.ids = {}
        for slot in ROLES:
            self.run(slot)
        docker("network", "connect", network, self.ids["b"])
        self.peer = docker("run", "-d", "--name", f"{PREFIX}-{network}-peer", IMAGE, "sleep", "600")
        docker("network", "connect", network, self.peer)

    def run(self, slot):
        network = f"container:{self.ids['a']}" if slot == "guest" else "bridge"
        labels = [f"--label={label}" for label in (self.label, f"slot={slot}", f"role={ROLES[slot]}")]
        self.ids[slot] = docker("run", "-d", "--name", f"{PREFIX}-{self.network}-{slot}", *labels, "--network", network,
                                IMAGE, "sleep", "600")

    def act(self, what, slot):
        it = self.ids[slot]
        if what == "recreate":
            docker("rm", "-f", it)
            try:
                return self.run(slot)
            except AssertionError:  # there is nobody whose guest it could be
                return None
        commands = {"stop": ("stop", "-t", "0", it), "restart": ("restart", "-t", "0", it),
                    "rename": ("rename", it, f"{PREFIX}-{self.network}-{slot}-renamed"),
                    "connect": ("network", "connect", self.network, it),
                    "disconnect": ("network", "disconnect", self.network, it)}
        return docker(*commands.get(what, (what, it)), check=False)

    def calm(self):
        docker("unpause", *self.ids.values(), check=False)
        docker("start", self.ids["a"])
        self.act("recreate", "guest")  # its namespace may be one that a has left

    def seen(self):
        ids = docker("ps", "-aq", "--no-trunc", "--filter", f"label={self.label}").split()
        found = []
        for it in json.loads(docker("inspect", *ids)):
            mode, labels, state = it["HostConfig"]["NetworkMode"], it["Config"]["Labels"], it["State"]
            namespace = mode.removeprefix("container:") if ":" in mode else it["Id"]
            found.append(Seen(it["Id"], labels["slot"], labels["role"], it["Name"][1:], state["Pid"], state["Status"],
                              it["HostConfig"]["PidsLimit"], namespace, addresses(it)))
        return found

    def peer_addresses(self):
        [it] = json.loads(docker("inspect", self.peer))
        return addresses(it)

    def echo(self):
        return serving_inside(pid_of(self.peer), "echo-server")

    def remove(self):
        ids = docker("ps", "-aq", "--filter", f"label={self.label}").split()
        docker("rm", "-f", self.peer, *ids, check=False)


@dataclasses.dataclass
class Known:
    """What the users know of a policy: as it was acknowledged (None: there is none); whether that is for sure."""
    policy: dict | None = None
    certain: bool = True
    busy: bool = False  # a call is under way
    version: int = 0  # changes with every call


def kept(policy):
    return {key: value for key, value in policy.items()
            if key not in ("status", "revision", "updated", "acts", "targets", "skipped")}


class Users:
    """They call the API side by side, one call at a time for each policy; what was acknowledged must be so ever after."""

    def __init__(self, service, label, say):
        self.service, self.label, self.say = service, label, say
        self.known = {name: Known() for name in POLICIES}
        self.known["halt"] = Known({"halted": False})
        self.lock = threading.Lock()
        self.pool = concurrent.futures.ThreadPoolExecutor(8)
        self.calls = []

    def call(self, method, path, body=None):
        api = Api(self.service)
        try:
            return api.call(method, path, body)[:2]
        finally:
            api.close()

    def request(self, what, name, draft):
        """What is asked for, and what is so once it is acknowledged."""
        path = f"/v1/policies/{name}"
        if draft:
            draft = {**draft, "selector": f"{self.label},{draft['selector']}"}
        return {"create": ("POST", "/v1/policies", {"name": name, **(draft or {})}), "change": ("PUT", path, draft),
                "remove": ("DELETE", path), "start": ("POST", f"{path}/start"), "stop": ("POST", f"{path}/stop"),
                "halt": ("PUT", "/v1/halt", {"reason": "a storm"}), "resume": ("DELETE", "/v1/halt")}[what]

    def begin(self, what, name="halt", draft=None):
        with self.lock:
            known = self.known[name]
            if known.busy:
                return self.say(f"  {name} is busy")
            known.busy, known.version = True, known.version + 1
        self.calls.append(self.pool.submit(self.perform, what, name, known, self.request(what, name, draft)))

    def replace(self, which):
        """An injector, by the API."""
        def ask():
            try:
                if found := self.call("GET", "/v1/injectors")[1]:
                    self.call("POST", f"/v1/injectors/{found[int(which * len(found))]['id']}/restart")
            except (OSError, http.client.HTTPException):
                pass

        self.calls.append(self.pool.submit(ask))

    def perform(self, what, name, known, request):
        try:
            status, answer = self.call(*request)
        except (OSError, http.client.HTTPException) as e:
            status, answer = 0, {"message": repr(e)}
        self.say(f"  {what} {name}: {status} {answer.get('message', '') if isinstance(answer, dict) else ''}")
        with self.lock:
            known.busy, known.version = False, known.version + 1
            if status in (200, 201):
                known.policy, known.certain = kept(answer), True
            elif status == 204:
                known.policy, known.certain = None, True
            elif status == 0 or status >= 500:
                known.certain = False  # it may have been done, or in part
        assert status in (0, 200, 201, 204, 404, 409, 503), (what, name, status, answer)

    def look(self):
        """Holds what the service says against what it has acknowledged; learns what is uncertain."""
        with self.lock:
            versions = {name: known.version for name, known in self.known.items()}
        there = {each["name"]: kept(each) for each in self.call("GET", "/v1/policies")[1]}
        halt = {"halted": self.call("GET", "/v1/halt")[1]["halted"]}
        with self.lock:
            assert there.keys() <= set(POLICIES)
            for name, known in self.known.items():
                if known.busy or known.version != versions[name]:
                    continue
                now = halt if name == "halt" else there.get(name)
                was = {"halted": known.policy["halted"]} if name == "halt" else known.policy
                assert not known.certain or now == was, f"{name} is {now}, acknowledged was {was}"
                known.policy, known.certain = now, True

    def done(self):
        """Waits for what is under way."""
        for each in self.calls:
            each.result(timeout=60 * PATIENCE)
        self.calls.clear()

    def policies(self):
        return [known.policy for name, known in self.known.items() if name != "halt" and known.policy]


def ours_in(pid):
    """The policies of which rules are in a process's network namespace."""
    rules = run("nsenter", "-t", str(pid), "-n", "nft", "list", "ruleset", check=False).stdout if pid else ""
    return {name for comment in re.findall(r'comment "class ([^"]*)"', rules) for name in re.findall(r"(\w+)/", comment)}


def pid_of(id):
    return int(docker("inspect", "-f", "{{.State.Pid}}", id, check=False) or 0)


class Storm:
    def __init__(self, seed, service, proxy, network):
        self.seed, self.service, self.proxy = seed, service, proxy
        self.began = time.monotonic()
        self.targets = Targets(network)
        self.users = Users(service, self.targets.label, self.say)
        self.nature = concurrent.futures.ThreadPoolExecutor(1)
        self.over = threading.Event()

    def say(self, text):
        print(f"{time.monotonic() - self.began:7.2f}  {text}", flush=True)

    def blow(self):
        self.began = time.monotonic()
        acts, under_way = plan(self.seed), []
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            watch = pool.submit(self.watch)
            try:
                for at, kind, what, arguments in acts:
                    time.sleep(max(0.0, self.began + at - time.monotonic()))
                    self.say(f"{kind}: {what} {' '.join(map(told, arguments))}")
                    if kind in ("target", "injector"):
                        act = self.targets.act if kind == "target" else self.act_on_injector
                        under_way.append(self.nature.submit(act, what, *arguments))
                    else:
                        getattr(self, kind)(what, *arguments)
                    assert self.service.process.poll() is None, "the service has died by itself"
                    if watch.done():
                        break
            finally:
                self.over.set()
            watch.result()
        for each in under_way:
            each.result()

    def calm(self):
        self.say("calm")
        self.proxy.change(Weather())
        self.proxy.cut_all()  # streams that have fallen silent
        self.targets.calm()
        self.users.done()
        self.users.look()
        self.say("nothing is under way")

    def user(self, what, *arguments):
        self.users.replace(*arguments) if what == "replace" else self.users.begin(what, *arguments)

    def act_on_injector(self, what, which):
        found = sorted(docker("ps", "-q", "--filter", "label=entropy.injector").split())
        if found:
            docker(*{"kill": ("kill",), "remove": ("rm", "-f"), "pause": ("pause",)}[what], found[int(which * len(found))],
                   check=False)

    def weather(self, what, *arguments):
        if what == "change":
            self.proxy.change(*arguments)
        elif what == "cut":
            self.proxy.cut_all()
        else:
            before = self.proxy.weather
            self.proxy.change(Weather(away=True))
            time.sleep(*arguments)
            self.proxy.change(before)

    def manager(self, what, absence, delay=0.0, over=None):
        if over:
            self.user(over[0], *over[1])
            time.sleep(delay)
        self.service.stop(signal.SIGTERM if what == "end" else signal.SIGKILL)
        time.sleep(absence)
        self.service.start()
        self.say("  a manager begins")

    def watch(self):
        """Whenever the service answers: it has what it has acknowledged, and what it says to hold is in the kernel, as the
        injector sees it. One that has died unseen does not answer to a renewal of its lease (a sixth of it, and 3 s)."""
        tolerance = (lease(self.seed) / 6 + 3 + 2) * PATIENCE
        doubts = {}
        while not self.over.wait(0.7):
            try:
                self.users.look()
                injectors = self.users.call("GET", "/v1/injectors")[1]
            except (OSError, http.client.HTTPException):
                doubts.clear()
                continue
            false = {each["id"]: claimed - ours_in(pid_of(each["id"])) for each in injectors
                     if (claimed := {fault["policy"] for fault in each["active"]})}
            doubts = {id: doubts.get(id, time.monotonic()) for id, names in false.items() if names}
            for id, since in doubts.items():
                assert time.monotonic() - since < tolerance, f"{false[id]} are said to hold by {id[:12]}, and do not"
