"""Services of Compose and Swarm: replicas come and go, tasks are replaced; what their containers measure counts."""
import json

import pytest

from conftest import (PREFIX, Container, Service, another_engine, docker, injector_containers, run, serving_inside,
                      wait_until)


def slow(rtts):
    return [rtt is not None and rtt > 60 for rtt in rtts]


@pytest.fixture
def compose(container):
    """Containers as Compose makes them: what it leaves behind is these names and labels, so its program is not needed."""

    def make(service, number, project=f"{PREFIX}shop"):
        labels = {"project": project, "service": service, "container-number": number, "oneoff": "False"}
        return container({f"com.docker.compose.{key}": value for key, value in labels.items()},
                         name=f"{project}-{service}-{number}")

    return make


def test_a_compose_service_is_followed_as_it_is_scaled(service, compose, container):
    peer, db, web = container(), compose("db", 1), compose("web", 1)
    name = service.create("latency", f"@project={PREFIX}*,@service=db", "-o", "delay=100ms")
    service.wait_active(name)
    more = compose("db", 2)
    service.wait_active(name, faults=2)
    with peer.serving("echo-server"):
        assert all(slow(db.rtt(peer, 3) + more.rtt(peer, 3)))
        assert not any(slow(web.rtt(peer, 3)))
        docker("rm", "-f", more.name)
        wait_until(lambda: len(injector_containers()) == 1, "the sidekick of the second went with it")
        assert service.policy(name)["status"]["targets"] == 1
        docker("rm", "-f", db.name)  # recreated, as by `up` after a change
        db = compose("db", 1)
        wait_until(lambda: all(slow(db.rtt(peer, 3))), "the new one is slow")
    assert {f["target"] for f in service.faults("--policy", name)} == {db.name, more.name}


class Swarm:
    """A Swarm of one node on an engine of its own, an Entropy that manages it, and a container that echoes."""

    def __init__(self, engine, folder):
        self.host = engine.holder.pid  # in the network namespace of the engine
        self.entropy = Service(folder).start()
        # After the service has started: that this engine manages a Swarm now is an event like others.
        docker("swarm", "init", "--advertise-addr", "127.0.0.1")
        self.node = docker("info", "-f", "{{.Swarm.NodeID}}")
        self.peer = Container("echo", docker("run", "-d", "--name", "echo", "entropy-test", "sleep", "600"))

    def create(self, name, *options):
        docker("service", "create", "--detach", "--no-resolve-image", "--name", name, "--stop-signal", "SIGKILL",
               *options, "entropy-test", "sleep", "600")

    def update(self, name, *options):
        docker("service", "update", "--detach", "--no-resolve-image", *options, name)

    def tasks(self, service):
        """The containers that run now, by "service.slot" (of a global service: "service.node")."""
        ids = docker("ps", "-q", "--no-trunc", "--filter", f"label=com.docker.swarm.service.name={service}").split()
        rows = json.loads(docker("inspect", *ids)) if ids else []
        return {row["Name"].strip("/").rsplit(".", 1)[0]: Container(row["Name"].strip("/"), row["Id"]) for row in rows}

    def active(self, policy):
        """The targets of the faults that hold, as the history names them."""
        return sorted(f["target"] for f in self.entropy.faults("--policy", policy) if f["outcome"] == "active")

    def wait_active(self, policy, targets):
        wait_until(lambda: self.active(policy) == sorted(targets), f"{policy} is active on {targets}", within=20)


class TestSwarm:
    @pytest.fixture(scope="class")
    def one_node(self, tmp_path_factory):
        with another_engine() as engine:
            it = Swarm(engine, tmp_path_factory.mktemp("swarm"))
            with it.peer.serving("echo-server"):
                yield it
            it.entropy.stop()
            docker("swarm", "leave", "--force")

    @pytest.fixture
    def swarm(self, one_node):
        yield one_node
        if left := docker("service", "ls", "-q").split():
            docker("service", "rm", *left)
        one_node.entropy.cli("rm", *one_node.entropy.cli("ls", "-q").stdout.split())

    def test_the_labels_of_a_service_select_its_tasks(self, swarm):
        policy = swarm.entropy.create("latency", "tier=gold", "-o", "delay=100ms")
        swarm.create("web", "--label", "tier=gold", "--replicas", "2")
        swarm.wait_active(policy, ["web.1", "web.2"])
        tasks = swarm.tasks("web")
        assert all(slow(sum((task.rtt(swarm.peer, 3) for task in tasks.values()), [])))
        matched = swarm.entropy.cli("match", "@service=web", "--format", "{{.Name}} {{.Service}} {{.Matched}}").stdout
        assert f"{tasks['web.1'].name} web true" in matched
        docker("service", "scale", "--detach", "web=3")
        swarm.wait_active(policy, ["web.1", "web.2", "web.3"])
        docker("service", "scale", "--detach", "web=1")
        swarm.wait_active(policy, ["web.1"])
        wait_until(lambda: len(injector_containers()) == 1, "the sidekicks of the others went with them")
        swarm.update("web", "--label-rm", "tier")  # no task is replaced by this
        wait_until(lambda: injector_containers() == [], "the service is not gold any more")
        [left] = swarm.tasks("web").values()
        assert left.id == tasks["web.1"].id and left.kernel_state() == []
        assert not any(slow(left.rtt(swarm.peer, 3)))

    def test_a_task_keeps_its_fate_over_a_rolling_update(self, swarm):
        swarm.create("db", "--replicas", "3", "--update-parallelism", "0", "--update-order", "start-first")
        policy = swarm.entropy.create("latency", "@service=db", "-o", "delay=100ms", "--probability", ".5",
                                      "--seed", "3", name="half")
        hit = ["db.1", "db.2"]  # the dice are a pure function
        swarm.wait_active(policy, hit)
        before = swarm.tasks("db")
        swarm.update("db", "--force")
        old = {task.id for task in before.values()}
        wait_until(lambda: len(swarm.tasks("db")) == 3 and not old & {task.id for task in swarm.tasks("db").values()},
                   "all tasks are new", within=20)
        swarm.wait_active(policy, hit)
        assert {slot for slot, task in swarm.tasks("db").items() if all(slow(task.rtt(swarm.peer, 3)))} == set(hit)
        # One fault of each old task, one of each new: those of a slot were there side by side for a while.
        assert sorted(f["outcome"] for f in swarm.entropy.faults("--policy", policy)) == ["active"] * 2 + ["cut-short"] * 2
        assert swarm.entropy.policy(policy)["status"]["missed"] == 0

    def test_a_global_service_has_its_fate_by_node(self, swarm):
        policy = swarm.entropy.create("latency", "@service=agent", "-o", "delay=100ms")
        swarm.create("agent", "--mode", "global")
        swarm.wait_active(policy, [f"agent.{swarm.node}"])
        assert all(slow(swarm.tasks("agent")[f"agent.{swarm.node}"].rtt(swarm.peer, 3)))
        docker("service", "rm", "agent")
        wait_until(lambda: injector_containers() == [], "nothing is left")

    def test_a_service_is_a_peer_by_its_virtual_address(self, swarm):
        docker("network", "create", "-d", "overlay", "town")
        swarm.create("back", "--network", "town", "--replicas", "2")
        swarm.create("front", "--network", "town")
        wait_until(lambda: len(swarm.tasks("back")) == 2, "both tasks run")
        policy = swarm.entropy.create("partition", "@service=front", "-o", "peers=back")
        swarm.wait_active(policy, ["front.1"])
        [virtual] = json.loads(docker("service", "inspect", "-f", "{{json .Endpoint.VirtualIPs}}", "back"))
        wait_until(lambda: virtual["Addr"].split("/")[0] in str(swarm.entropy.injectors()), "its clients' address is cut, too")

    def test_an_overlay_suffers_as_the_way_out_does(self, swarm):
        docker("network", "create", "-d", "overlay", "inner")
        swarm.create("api", "--network", "inner", "--endpoint-mode", "dnsrr", "--replicas", "2")
        swarm.create("on-host", "--network", "host")
        policy = swarm.entropy.create("latency", "@service in (api,on-host)", "-o", "delay=100ms")
        swarm.wait_active(policy, ["api.1", "api.2"])
        one, two = (swarm.tasks("api")[slot] for slot in ("api.1", "api.2"))
        addresses = json.loads(run("nsenter", "-t", str(one.pid), "-n", "ip", "-j", "-4", "addr").stdout)
        assert [link["ifname"] for link in addresses] == ["lo", "eth0", "eth1"]  # the overlay, docker_gwbridge
        with two.serving("echo-server"), serving_inside(swarm.host, "echo-server"):
            gateway = docker("network", "inspect", "-f", "{{(index .IPAM.Config 0).Gateway}}", "docker_gwbridge")
            both_ways = one.net("echo-client", two.ip, 3, 0.05)
            assert all(rtt is not None and rtt > 190 for rtt in both_ways)
            assert all(slow(one.net("echo-client", gateway, 3, 0.05)))
        matched = swarm.entropy.cli("match", "@service=on-host").stdout
        assert "host's network" in matched
