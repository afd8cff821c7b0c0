"""The four failures, measured from the containers."""
import math
import re
import subprocess
import threading
import time

import pytest

from conftest import PATIENCE, expect_held, injector_containers, run, wait_until


def median(values):
    values = sorted(v for v in values if v is not None)
    assert values, "nothing came back"
    return values[len(values) // 2]


def milliseconds(duration):
    return sum(float(number) * {"s": 1000, "ms": 1, "us": 0.001}[unit]
               for number, unit in re.findall(r"([0-9.]+)(ms|us|s)", duration))


def within_asked(seen, asked):
    return abs(seen - asked) <= 0.1 * asked + 5


def binomial_bounds(n, p):
    """A 99.9 % interval (normal approximation) for the count of successes."""
    spread = 3.29 * math.sqrt(n * p * (1 - p))
    return n * p - spread, n * p + spread


@pytest.mark.parametrize("asked", [1, 10, 100])
def test_latency_is_what_was_asked(service, pair, asked):
    target, peer, selector = pair
    before = median(target.rtt(peer, 10))
    name = service.create("latency", selector, "-o", f"delay={asked}ms")
    service.wait_active(name)
    seen = median(target.rtt(peer, 20)) - before
    assert within_asked(seen, asked), f"asked {asked} ms, saw {seen:.2f} ms"
    service.cli("rm", name)
    after = median(target.rtt(peer, 10))
    assert after < before + 5, f"{before:.2f} ms before, {after:.2f} ms after"
    assert target.kernel_state() == []


@pytest.mark.testbed
def test_latency_of_what_comes_in(service, pair):
    target, peer, selector = pair
    before = median(target.rtt(peer, 10))
    service.wait_active(service.create("latency", selector, "-o", "delay=60ms", "-o", "direction=ingress"))
    assert within_asked(median(target.rtt(peer, 20)) - before, 60)


def test_latency_both_ways_adds_up(service, pair):
    target, peer, selector = pair
    before = median(target.rtt(peer, 10))
    service.wait_active(service.create("latency", selector, "-o", "delay=40ms", "-o", "direction=both"))
    assert within_asked(median(target.rtt(peer, 20)) - before, 80)


def test_the_peers_own_traffic_is_left_alone(service, pair, container):
    target, peer, selector = pair
    bystander = container()
    service.wait_active(service.create("latency", selector, "-o", "delay=200ms"))
    assert median(bystander.rtt(peer, 10)) < 50


@pytest.mark.parametrize("direction", ["egress", "ingress"])
def test_loss_is_what_was_asked(service, container, direction):
    count, share = 2000, 0.1
    target, peer = container({"test": f"loss-{direction}"}), container()
    receiver, sender = (peer, target) if direction == "egress" else (target, peer)
    with receiver.serving("count-server"):
        service.wait_active(
            service.create("loss", f"test=loss-{direction}", "-o", "percent=10", "-o", f"direction={direction}"))
        errors = sender.net("send-series", receiver.ip, count, 0.0005)
        assert errors == {}, "the sender noticed"
        received, _ = sender.net("ask-count", receiver.ip)
    low, high = binomial_bounds(count, share)
    assert low <= count - received <= high, f"lost {count - received} of {count}, expected {low:.0f} to {high:.0f}"


def test_reordering_is_seen(service, container):
    target, peer = container({"test": "reorder"}), container()
    with peer.serving("count-server"):
        target.net("send-series", peer.ip, 500, 0.001)
        received, late = target.net("ask-count", peer.ip)
        assert (received, late) == (500, 0), "undisturbed, everything comes in order"
        service.wait_active(service.create("reorder", "test=reorder", "-o", "percent=25", "-o", "delay=20ms"))
        target.net("send-series", peer.ip, 500, 0.001)
        received, late = target.net("ask-count", peer.ip)
    assert received == 500, "reordering loses nothing"
    assert late > 50, f"only {late} of 500 came late"


@pytest.mark.testbed
def test_partition_lets_nothing_pass_and_tells_nobody(service, pair):
    target, peer, selector = pair
    assert None not in target.rtt(peer, 3)
    name = service.create("partition", selector)
    service.wait_active(name)
    assert target.net("send-series", peer.ip, 50, 0.001) == {}, "the sender noticed"
    expect_held(lambda: target.rtt(peer, 2) == [None, None], "nothing passes")
    ping = ["docker", "exec", peer.name, "ping", "-c", "2", "-W", "1", target.ip]
    expect_held(lambda: subprocess.run(ping, capture_output=True).returncode != 0, "the peer does not get through")
    service.cli("rm", name)
    assert None not in target.rtt(peer, 3)


def test_an_established_connection_survives_a_partition(service, container):
    target, peer = container({"test": "resume"}), container()
    with peer.serving("tcp-echo"):
        answer = {}
        delay = int(2 * PATIENCE)  # an injector starts within it
        client = threading.Thread(target=lambda: answer.update(target.net("tcp-trickle", peer.ip, delay + 8)))
        client.start()
        name = service.create("partition", "test=resume", "-f", "60s", "-d", "3s", "--delay", f"{delay}s")
        service.wait_active(name)
        service.wait_phase(name, "armed")
        undone = time.time()
        client.join()
    assert answer["error"] is None, answer
    gaps = [b - a for a, b in zip(answer["times"], answer["times"][1:])]
    assert 2.5 < max(gaps) < 7, f"the longest silence was {max(gaps):.2f} s"
    assert any(at > undone + 0.5 for at in answer["times"]), "it did not go on after the partition"


def test_reject_resets_at_once(service, container):
    target, peer = container({"test": "reject"}), container()
    with peer.serving("tcp-echo"):
        service.wait_active(service.create("partition", "test=reject", "-o", "mode=reject"))
        began = time.monotonic()
        answer = target.net("tcp-trickle", peer.ip, 3)
    assert answer["times"] == []
    assert answer["error"] in ("ECONNREFUSED", "ECONNRESET", "EHOSTUNREACH"), answer
    assert time.monotonic() - began < 3


@pytest.mark.parametrize("failure, options", [
    ("latency", ["delay=5ms"]),
    ("latency", ["delay=5ms", "direction=ingress"]),
    ("loss", ["percent=1"]),
    ("reorder", ["percent=10", "delay=2ms"]),
])
def test_a_large_transfer_arrives_unharmed(service, container, failure, options):
    target, peer = container({"test": "transfer"}), container()
    with peer.serving("tcp-sink"):
        arguments = [word for option in options for word in ("-o", option)]
        service.wait_active(service.create(failure, "test=transfer", *arguments))
        assert target.net("tcp-transfer", peer.ip, 20)["same"]


def test_policies_on_one_target_are_merged(service, pair):
    target, peer, selector = pair
    before = median(target.rtt(peer, 10))
    slow = service.create("latency", selector, "-o", "delay=30ms")
    slower = service.create("latency", selector, "-o", "delay=50ms")
    service.wait_active(slow)
    service.wait_active(slower)
    assert len(service.injectors()) == 1
    assert within_asked(median(target.rtt(peer, 20)) - before, 80)
    service.cli("rm", slow)
    assert within_asked(median(target.rtt(peer, 20)) - before, 50)


def test_names_still_resolve_and_localhost_is_left_alone(service, container):
    target = container({"test": "lo"})
    with target.serving("echo-server"):
        service.wait_active(service.create("partition", "test=lo"))
        assert None not in target.net("echo-client", "127.0.0.1", 5, 0.01)


def test_windows_come_and_go_as_the_schedule_says(service, pair):
    target, peer, selector = pair
    name = service.create("latency", selector, "-o", "delay=200ms", "-f", "3", "-d", "1500ms", "-p", ".5", "--seed", "4")
    watched = target.net("watch", peer.ip, 24, 0.05)
    faults = service.faults("--policy", name)
    windows = [(parse(f["started"]), parse(f["ended"])) for f in faults if f["outcome"] == "completed"]
    assert len(windows) >= 2, faults
    inside = [rtt for at, rtt in watched if any(a + 0.1 < at < b - 0.4 for a, b in windows)]
    outside = [rtt for at, rtt in watched if all(at < a - 0.4 or at > b + 0.4 for a, b in windows)
               and at < max(b for _, b in windows)]
    assert len(inside) > 20 and len(outside) > 20
    slow = sum(1 for rtt in inside if rtt is not None and within_asked(rtt, 200))
    fast = sum(1 for rtt in outside if rtt is not None and rtt < 50)
    assert slow >= 0.9 * len(inside), f"{slow} of {len(inside)} were slow inside windows"
    assert fast >= 0.9 * len(outside), f"{fast} of {len(outside)} were fast outside windows"
    for fault in faults:
        if PATIENCE > 1 and fault["outcome"] == "missed":
            continue  # an emulated machine may be too slow for the first
        assert abs(parse(fault["started"]) - parse(fault["planned_start"])) < 1


def parse(text):
    from datetime import datetime
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def test_removal_leaves_nothing(service, pair):
    target, _, selector = pair
    name = service.create("latency", selector, "-o", "delay=50ms", "-o", "direction=both")
    service.wait_active(name)
    assert target.kernel_state() != []
    service.cli("rm", name)
    assert target.kernel_state() == []
    wait_until(lambda: injector_containers() == [], "the sidekick is gone")


def test_what_tcp_felt_is_told(service, pair):
    target, peer, selector = pair
    with peer.serving("tcp-echo"):
        client = threading.Thread(target=target.net, args=("tcp-trickle", peer.ip, 9))
        client.start()
        wait_until(lambda: "ESTAB" in run("nsenter", "-t", str(target.pid), "-n", "ss", "-tn").stdout, "it has connected")
        name = service.create("latency", selector, "-o", "delay=60ms")
        service.wait_active(name)
        # While it holds, the figures come with every answer to a lease.
        row = wait_until(lambda: next((row for row in service.faults("--policy", name) if row["packets"]), None),
                         "figures of a fault that holds", within=8)
        assert row["outcome"] == "active" and row["measured"]["delayed"] > 0
        assert row["measured"]["connections"] == 1
        service.cli("rm", name)
        client.join()
    fault = service.faults("--policy", name)[0]
    measured = fault["measured"]
    # Smoothed by the kernel, and of a busy machine.
    assert 55 < milliseconds(measured["rtt"]) - milliseconds(measured["rtt_before"]) < 100, measured
    assert measured["dropped"] == 0
    assert "TCP saw " in service.cli("faults", "--policy", name, "--no-trunc").stdout


def test_losses_are_told(service, container):
    target, peer = container({"test": "told"}), container()
    name = service.create("loss", "test=told", "-o", "percent=50")
    service.wait_active(name)
    with peer.serving("count-server"):
        target.net("send-series", peer.ip, 200, 0.001)
    service.cli("rm", name)
    fault = service.faults("--policy", name)[0]
    low, high = binomial_bounds(fault["packets"], 0.5)
    assert fault["packets"] >= 200 and low <= fault["measured"]["dropped"] <= high, fault
