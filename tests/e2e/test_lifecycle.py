"""Containers come, go and restart; injectors and the service die; nothing is left behind."""
import collections
import concurrent.futures
import datetime
import json
import os
import signal
import subprocess
import time

import pytest

from conftest import PATIENCE, Container, docker, expect_held, injector_containers, inside, kernel_state, run, wait_until
from proxies import StormyProxy, Weather


def slow(rtts):
    return [rtt is not None and rtt > 60 for rtt in rtts]


def test_a_container_that_comes_later_gets_the_fault(service, container):
    name = service.create("latency", "test=later", "-o", "delay=100ms")
    assert service.policy(name)["status"]["phase"] == "waiting"
    peer, target = container(), container({"test": "later"})
    with peer.serving("echo-server"):
        service.wait_active(name)
        assert all(slow(target.rtt(peer)))


def test_a_restarted_container_gets_it_again(service, pair):
    target, peer, selector = pair
    service.wait_active(service.create("latency", selector, "-o", "delay=100ms"))
    before = injector_containers()
    docker("restart", "-t", "0", target.name)
    wait_until(lambda: injector_containers() not in ([], before) and all(slow(target.rtt(peer, 3))),
               "the restarted target is slow again")
    wait_until(lambda: len(injector_containers()) == 1, "the old sidekick is gone")


def test_a_recreated_container_gets_it_again(service, container):
    peer, target = container(), container({"test": "again"})
    service.wait_active(service.create("latency", "test=again", "-o", "delay=100ms"))
    docker("rm", "-f", target.name)
    wait_until(lambda: injector_containers() == [], "the sidekick went with its target")
    target = container({"test": "again"}, name=target.name)
    with peer.serving("echo-server"):
        wait_until(lambda: all(slow(target.rtt(peer, 3))), "the new container is slow")


def test_a_stopped_container_needs_no_sidekick(service, container):
    target = container({"test": "stopping"})
    name = service.create("partition", "test=stopping")
    service.wait_active(name)
    docker("stop", "-t", "0", target.name)
    wait_until(lambda: injector_containers() == [], "the sidekick is gone")
    service.wait_phase(name, "waiting")


@pytest.mark.testbed
def test_sigkill_of_an_injector_leaves_clean_traffic_at_once(own_service, pair):
    target, peer, selector = pair
    service = own_service()
    service.wait_active(service.create("partition", selector))
    expect_held(lambda: target.rtt(peer, 1) == [None], "nothing passes")
    service.stop(signal.SIGKILL)  # or it would have a new one within moments
    docker("kill", "-s", "KILL", *injector_containers())
    assert None not in target.rtt(peer, 5)
    assert target.kernel_state() == []


def test_a_killed_injector_is_replaced(service, pair):
    target, peer, selector = pair
    name = service.create("latency", selector, "-o", "delay=100ms")
    service.wait_active(name)
    before = injector_containers()
    docker("kill", "-s", "KILL", *before)
    wait_until(lambda: injector_containers() not in ([], before), "there is a new one")
    service.wait_active(name)
    assert all(slow(target.rtt(peer)))
    assert [f["outcome"] for f in service.faults("--policy", name)] == ["active", "cut-short"]


def test_a_frozen_injector_lets_traffic_flow(own_service, pair):
    target, peer, selector = pair
    service = own_service()
    service.wait_active(service.create("partition", selector))
    service.stop(signal.SIGKILL)
    docker("pause", *injector_containers())
    # Two seconds, and one lost datagram's patience.
    wait_until(lambda: None not in target.rtt(peer, 1), "traffic flows", within=4)


def test_a_frozen_injector_is_noticed_and_replaced(own_service, pair):
    target, peer, selector = pair
    service = own_service("--lease", "12s")
    name = service.create("latency", selector, "-o", "delay=100ms")
    service.wait_active(name)
    before = injector_containers()
    pid = int(docker("inspect", "-f", "{{.State.Pid}}", *before))
    assert pid > 0
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: injector_containers() not in ([], before), "it is replaced", within=15)
    service.wait_active(name)
    assert all(slow(target.rtt(peer)))
    docker("pause", *injector_containers())  # the engine tells of this one
    wait_until(lambda: [f["outcome"] for f in service.faults("--policy", name)] == ["active", "cut-short", "cut-short"],
               "the frozen ones' faults are over, the new one's holds")


@pytest.mark.testbed
def test_a_killed_service_ends_its_faults_with_the_lease(own_service, pair):
    target, peer, selector = pair
    lease = 3 if PATIENCE == 1 else 40  # an emulator may take long for the pings alone
    service = own_service("--lease", f"{lease}s")
    service.wait_active(service.create("latency", selector, "-o", "delay=100ms"))
    pid, ip = target.pid, peer.ip  # what takes time to ask for
    rtt = lambda count: inside(pid, "echo-client", ip, count, 0.05)
    service.stop(signal.SIGKILL)
    expect_held(lambda: all(slow(rtt(3))), "the lease holds yet")
    # Where traffic may flow before, see expect_held, the kernel is asked as well.
    wait_until(lambda: not any(slow(rtt(1))) and (PATIENCE == 1 or kernel_state(pid) == []), "the lease ran out", within=10)
    assert kernel_state(pid) == []


def test_what_ended_while_nobody_looked_ended_before_its_successor_began(own_service, pair):
    target, peer, selector = pair
    service = own_service()
    name = service.create("latency", selector, "-o", "delay=100ms")
    service.wait_active(name)
    service.stop(signal.SIGKILL)
    docker("rm", "-f", *injector_containers())
    service.start()
    service.wait_active(name)
    wait_until(lambda: [f["outcome"] for f in service.faults("--policy", name)] == ["active", "cut-short"],
               "the one that is gone is said to be over", within=5)
    after, before = service.faults("--policy", name)
    time_of = datetime.datetime.fromisoformat
    assert time_of(before["started"]) <= time_of(before["ended"]) <= time_of(after["started"])


def test_a_service_that_comes_back_takes_over_without_a_gap(own_service, pair):
    target, peer, selector = pair
    service = own_service("--lease", "20s")
    name = service.create("latency", selector, "-o", "delay=100ms")
    service.wait_active(name)
    before = injector_containers()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        watched = pool.submit(target.net, "watch", peer.ip, 2, 0.02)
        service.stop(signal.SIGKILL)
        service.start()
        service.wait_active(name)
        took = [rtt for _, rtt in watched.result()]
    assert len(took) > 50 and all(slow(took)), took
    assert injector_containers() == before
    assert [f["outcome"] for f in service.faults("--policy", name)] == ["active"]
    service.cli("rm", name)
    assert not any(slow(target.rtt(peer)))


def test_sigterm_rolls_everything_back_and_says_so(own_service, container):
    targets = [container({"test": "term"}) for _ in range(3)]
    service = own_service()
    name = service.create("latency", "test=term", "-o", "delay=100ms")
    service.wait_active(name, faults=3)
    began = time.monotonic()
    service.stop(signal.SIGTERM)
    assert time.monotonic() - began < 10
    assert injector_containers() == []
    assert all(target.kernel_state() == [] for target in targets)
    assert "rolled back" in service.text()
    service.start()  # the policy was kept
    service.wait_active(name, faults=3)


def test_halt_is_sticky_and_verified(own_service, pair):
    target, peer, selector = pair
    service = own_service()
    name = service.create("partition", selector)
    service.wait_active(name)
    began = time.monotonic()
    service.cli("halt")
    assert time.monotonic() - began < 2
    assert None not in target.rtt(peer, 3)
    assert service.policy(name)["status"]["phase"] == "halted"
    refused = service.cli("start", name, check=False)
    assert refused.returncode == 1 and "resume" in refused.stderr
    service.stop(signal.SIGKILL)
    service.start()
    assert service.policy(name)["status"]["phase"] == "halted"
    service.cli("resume")
    service.wait_active(name)


def test_a_halt_with_a_hundred_faults_is_verified_within_two_seconds(own_service, container):
    service = own_service()
    targets = [container({"test": "hundred"}) for _ in range(10)]
    for number in range(10):
        service.create("latency", "test=hundred", "-o", f"delay={number + 1}ms", name=f"hundred-{number}")
    for number in range(10):
        service.wait_active(f"hundred-{number}", faults=10)
    assert all(target.kernel_state() for target in targets)
    began = time.monotonic()
    service.cli("halt")
    took = time.monotonic() - began
    assert all(target.kernel_state() == [] for target in targets)
    print(f"halt with 100 faults: {took:.2f} s")
    assert took < 2 * PATIENCE


def test_stop_and_start(service, pair):
    target, peer, selector = pair
    name = service.create("latency", selector, "-o", "delay=100ms")
    service.wait_active(name)
    service.cli("stop", name)
    assert not any(slow(target.rtt(peer)))
    assert service.policy(name)["status"]["phase"] == "stopped"
    service.cli("start", name)
    service.wait_active(name)
    assert all(slow(target.rtt(peer)))


def test_containers_that_share_a_network_share_an_injector(service, container):
    owner = container({"test": "shared"})
    container({"test": "shared"}, options=["--network", f"container:{owner.id}"])
    name = service.create("partition", "test=shared", "--wait", "--timeout", "20s")
    policy = service.policy(name)
    assert policy["status"]["targets"] == 2 and policy["status"]["active"] == 1
    assert [target["state"] for target in policy["targets"]] == ["active", "active"]
    assert len(injector_containers()) == 1


def test_whoever_joined_a_network_that_is_gone_is_left_alone(service, container):
    owner, peer = container(), container()
    guest = container({"test": "guest"}, options=["--network", f"container:{owner.id}"])
    name = service.create("latency", "test=guest", "-o", "delay=100ms")
    service.wait_active(name)
    docker("restart", "-t", "0", owner.name)
    policy = service.wait_phase(name, "waiting") and service.policy(name)
    assert f"when {owner.name} was started again" in policy["status"]["message"]
    with peer.serving("echo-server"):
        assert not any(slow(owner.rtt(peer)))
        docker("restart", "-t", "0", guest.name)
        service.wait_active(name)
        assert all(slow(owner.rtt(peer)))


@pytest.fixture
def behind_proxy(own_service, tmp_path):
    """Makes a service with options, and what stands between it and its engine."""
    proxy = StormyProxy(tmp_path, 1)
    yield lambda *options: (own_service(*options, endpoint=f"unix://{proxy.path}"), proxy)
    proxy.listener.close()


@pytest.fixture
def proxied(behind_proxy):
    """With a lease of 6 s."""
    return behind_proxy("--lease", "6s")


def test_what_holds_behind_an_engine_that_hangs_is_said_until_the_lease_is_over(proxied, pair):
    target, peer, selector = pair
    service, proxy = proxied
    name = service.create("latency", selector, "-o", "delay=100ms")
    service.wait_active(name)
    proxy.change(Weather(mute=1.0))  # it is asked, and never heard again
    policy = service.wait_phase(name, "degraded") and service.policy(name)
    assert "neither its injector nor the engine answers" in policy["status"]["message"]
    assert policy["status"]["active"] == 1 and all(slow(target.rtt(peer, 3)))
    wait_until(lambda: service.policy(name)["status"]["active"] == 0, "it is said to be over", within=30)
    assert not any(slow(target.rtt(peer, 3)))
    proxy.change(Weather())
    proxy.cut_all()
    service.wait_active(name, within=60)
    assert all(slow(target.rtt(peer, 3)))


def test_a_service_that_could_not_ask_its_engine_does_not_say_that_nothing_is_left(proxied, pair):
    _, _, selector = pair
    service, proxy = proxied
    name = service.create("latency", selector, "-o", "delay=100ms")
    service.wait_active(name)
    service.stop(signal.SIGKILL)
    proxy.change(Weather(away=True))
    process = service.start().process
    service.stop()
    assert process.returncode == 1 and "1 could not be undone" in service.text()
    assert "nothing is left" not in service.text()
    proxy.change(Weather())
    service.start().wait_active(name)
    service.cli("rm", name)


def injector_of(target):
    """Of all that may be about to go on the engine, the ones of this container."""
    return docker("ps", "-q", "--filter", "label=entropy.injector", "--filter", f"label=entropy.target={target.id}").split()


def logged_ends(injector):
    """By window, what the injector has logged of faults that ended."""
    lines = [json.loads(line) for line in docker("logs", injector).splitlines() if line.startswith('{"event":"fault.ended"')]
    return {line["window"]: {key: line[key] for key in ("window", "started", "ended", "outcome")} for line in lines}


def short_windows(service, selector):
    """A policy with a window each second, of which one is over."""
    name = service.create("latency", selector, "-o", "delay=100ms", "-f", "1s", "-d", "400ms")
    wait_until(lambda: "completed" in [row["outcome"] for row in service.faults("--policy", name)], "a window is over",
               within=30)
    return name


def windows_alone(injector, count):
    """Waits until the injector, to which nobody listens, has gone through some windows; its ends of these."""
    before = logged_ends(injector).keys()
    wait_until(lambda: len(logged_ends(injector).keys() - before) >= count, "it goes on by itself", within=30)
    return [end for window, end in logged_ends(injector).items() if window not in before]


def expect_told(service, name, ends):
    """Each of these windows is in the history, once and as its injector saw it."""
    windows = {end["window"] for end in ends}

    def told():
        rows = [row for row in service.faults("--policy", name) if row["window"] in windows]
        return sorted(({key: row[key] for key in ends[0]} for row in rows), key=lambda row: row["window"])

    wait_until(lambda: told() == sorted(ends, key=lambda end: end["window"]), f"the history tells of {ends}", within=60)


def test_windows_while_the_service_is_away_are_in_the_history_as_they_were(own_service, pair):
    target, _, selector = pair
    service = own_service("--lease", "60s")
    name = short_windows(service, selector)
    before = injector_of(target)
    service.stop(signal.SIGKILL)
    ends = windows_alone(before[0], count=5)
    service.start()
    expect_told(service, name, ends)
    assert injector_of(target) == before


def test_windows_behind_an_engine_that_is_away_are_in_the_history_as_they_were(behind_proxy, pair):
    target, _, selector = pair
    service, proxy = behind_proxy("--lease", "60s")
    name = short_windows(service, selector)
    before = injector_of(target)
    proxy.change(Weather(away=True))
    service.wait_phase(name, "degraded", within=30)
    ends = windows_alone(before[0], count=3)
    proxy.change(Weather())
    expect_told(service, name, ends)
    assert injector_of(target) == before


def test_without_a_network_nothing_is_active(service, container):
    target = container({"test": "cut-off"})
    name = service.create("latency", "test=cut-off", "-o", "delay=100ms")
    service.wait_active(name)
    docker("network", "disconnect", "bridge", target.name)
    policy = service.wait_phase(name, "degraded") and service.policy(name)
    assert policy["status"]["active"] == 0
    assert "no network interface" in policy["status"]["message"]
    docker("network", "connect", "bridge", target.name)
    service.wait_active(name)


def test_a_second_network_gets_the_fault_too(service, container):
    target, peer = container({"test": "networks"}), container()
    network = f"{peer.name}-net"
    docker("network", "create", network)
    try:
        docker("network", "connect", network, peer.name)
        name = service.create("latency", "test=networks", "-o", "delay=100ms")
        service.wait_active(name)
        docker("network", "connect", network, target.name)
        ip = json.loads(docker("inspect", peer.name))[0]["NetworkSettings"]["Networks"][network]["IPAddress"]
        with peer.serving("echo-server"):
            wait_until(lambda: all(slow(target.net("echo-client", ip, 3, 0.01))), "the new network is slow", within=5)
    finally:
        docker("network", "disconnect", "-f", network, target.name, check=False)
        docker("network", "disconnect", "-f", network, peer.name, check=False)
        docker("network", "rm", network)


def test_protected_and_host_containers_are_never_touched(service, container):
    container({"test": "never", "entropy.protect": "true"})
    last = container({"test": "never"}, options=["--network", "host"])
    wait_until(lambda: last.name in service.cli("match", "test=never").stdout, "the engine has told of both")
    name = service.create("partition", "test=never")
    status = service.policy(name)["status"]
    assert status["phase"] == "waiting"
    assert injector_containers() == []
    matched = service.cli("match", "test=never").stdout
    assert "entropy.protect" in matched and "host's network" in matched


def test_the_sidekick_has_the_least_privilege(service, container):
    target = container({"test": "least"})
    service.wait_active(service.create("partition", "test=least"))
    it = json.loads(docker("inspect", *injector_containers()))[0]
    assert it["Name"] == f"/entropy-{target.name}"
    host = it["HostConfig"]
    assert host["CapDrop"] == ["ALL"] and host["CapAdd"] in (["NET_ADMIN"], ["CAP_NET_ADMIN"])
    assert host["ReadonlyRootfs"] and not host["Privileged"] and not host["Binds"]
    assert host["SecurityOpt"] == ["no-new-privileges"]
    assert 0 < host["Memory"] <= 64 << 20 and 0 < host["PidsLimit"] <= 16
    assert it["Config"]["Labels"]["entropy.target"] == target.id


def test_the_forecast_comes_true_over_a_death_in_mid_window(own_service, container):
    """Who is picked and whom the dice hit is the same in the forecast, in the kernel and after a `kill -9` of the service."""
    targets = [container({"test": "forecast"}) for _ in range(3)]
    service = own_service()
    name = service.create("latency", "test=forecast", "-o", "delay=100ms", "--pick", "2", "-p", "0.8", "-f", "2500ms",
                          "-d", "1500ms", "--windows", "4", "--delay", "2s")

    def forecast():
        rows = service.cli("faults", "--forecast", "1m", "--policy", name, "--format", "json").stdout.splitlines()
        return {(row["window"], row["target"], row["planned_start"]) for row in map(json.loads, rows)}

    foreseen = forecast()
    service.wait_active(name)
    service.stop(signal.SIGKILL)
    slowed = {target.name for target in targets if target.kernel_state()}
    service.start()
    assert forecast() <= foreseen
    service.wait_phase(name, "expired", within=30)
    seen = [(row["window"], row["target"], row["planned_start"]) for row in service.faults("--policy", name)]
    assert sorted(seen) == sorted(foreseen), "every window that was foreseen, once, and no other"
    wait_until(lambda: {row["outcome"] for row in service.faults("--policy", name)} == {"completed"}, "the last end is told")
    assert slowed == {target for window, target, _ in seen if window == min(foreseen)[0]}
    assert max(collections.Counter(window for window, _, _ in seen).values()) <= 2
