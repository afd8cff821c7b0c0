"""Faults for chosen peers, ports and protocols, measured from the containers."""
import contextlib
import json
import subprocess
import uuid

import pytest

from conftest import docker, wait_until


def reaches(source, destination):
    return None not in source.rtt(destination, 2)


@contextlib.contextmanager
def echoing(*containers):
    with contextlib.ExitStack() as stack:
        for each in containers:
            stack.enter_context(each.serving("echo-server"))
        yield


def test_a_cannot_reach_b_while_both_reach_c(service, container):
    a, b, c = container({"test": "peers-a"}), container({"test": "peers-b"}), container()
    with echoing(a, b, c):
        name = service.create("partition", "test=peers-a", "-o", "peers=test=peers-b")
        service.wait_active(name)
        assert a.rtt(b, 2) == [None, None]
        assert b.rtt(a, 2) == [None, None]
        assert reaches(a, c) and reaches(b, c)
        detail = json.loads(service.cli("inspect", name).stdout)[0]
        assert detail["targets"][0]["effects"] == [f"eth0 egress to {b.ip}: drop from {name}",
                                                   f"eth0 ingress from {b.ip}: drop from {name}"]
        service.cli("rm", name)
        assert reaches(a, b)
        assert a.kernel_state() == []


def test_peers_are_followed_while_they_come_and_go(service, container):
    target = container({"test": "live"})
    first = container({"role": "live-peer"})
    name = service.create("partition", "test=live", "-o", "peers=role=live-peer")
    service.wait_active(name)
    with echoing(first):
        assert target.rtt(first, 2) == [None, None]
        second = container({"role": "live-peer"})
        with echoing(second):
            wait_until(lambda: target.rtt(second, 1) == [None], "the new peer is cut off, too")
            assert target.rtt(first, 2) == [None, None]
        docker("rm", "-f", second.name)
        newcomer = container()  # likely at the same address
        with echoing(newcomer):
            wait_until(lambda: reaches(target, newcomer), "whoever has its address now is reached")
        assert target.rtt(first, 2) == [None, None]
    faults = [fault for fault in service.faults("--policy", name)]
    assert len(faults) == 1, "it was one fault all the time"


def test_peers_that_are_nobody_are_said_and_hold_nothing(service, container):
    target = container({"test": "nobody"})
    name = service.create("partition", "test=nobody", "-o", "peers=role=nobody-yet")
    service.wait_phase(name, "degraded")
    status = service.policy(name)["status"]
    assert status["active"] == 0 and "role=nobody-yet" in status["message"]
    run = service.cli("run", "-e", "partition", "-c", "test=nobody", "-o", "peers=typo", "--", "true", check=False)
    assert run.returncode == 125, run.stderr
    peer = container({"role": "nobody-yet"})
    service.wait_active(name)
    with echoing(peer):
        assert target.rtt(peer, 1) == [None]


def test_a_latency_for_one_and_a_loss_for_all_are_merged(service, container):
    target, db, other = container({"test": "merged"}), container(name=f"db-{uuid.uuid4().hex[:6]}"), container()
    with echoing(db, other):
        service.wait_active(service.create("latency", "test=merged", "-o", "delay=80ms", "-o", f"peers={db.name}"))
        service.wait_active(service.create("duplicate", "test=merged", "-o", "percent=1"))
        assert min(target.rtt(db, 5)) >= 80
        assert min(target.rtt(other, 5)) < 40
        injector = next(each for each in service.injectors() if each["target"]["name"] == target.name)
        assert [line.split(":")[0] for line in injector["effects"]] == [f"eth0 egress to {db.ip}", "eth0 egress"]
        assert " + " in injector["effects"][0]


def test_ports_and_protocols_are_told_apart(service, container):
    target, peer = container({"test": "ports"}), container()
    with echoing(peer):
        service.wait_active(service.create("partition", "test=ports", "-o", "ports=5000-6000", "-o", "ports=80"))
        assert reaches(target, peer), "the echo of this test is on another port"
        service.wait_active(service.create("latency", "test=ports", "-o", "delay=80ms", "-o", "protocol=icmp"))
        assert min(target.rtt(peer, 3)) < 40, "UDP is no ICMP"
        ping = subprocess.run(["docker", "exec", target.name, "ping", "-c", "2", peer.ip], capture_output=True, text=True)
        assert "time=8" in ping.stdout or "time=9" in ping.stdout or "time=1" in ping.stdout, ping.stdout


def test_names_still_resolve_under_a_partition(service, network, container):
    target = container({"test": "names"}, options=("--network", network))
    peer = container(name=f"peer-{network}", options=("--network", network))
    service.wait_active(service.create("partition", "test=names"))
    ping = subprocess.run(["docker", "exec", target.name, "ping", "-c", "1", "-W", "1", peer.name],
                          capture_output=True, text=True)
    assert peer.ip in ping.stdout, f"{ping.stdout} {ping.stderr}"
    assert ping.returncode != 0, "the peer answers"
