"""Look-ups of names fail, take long and lead astray, as the C library of a container's program sees it: with Docker's
own resolver on a network of the user's, and with an outer one on the default bridge."""
import json
import os
import signal
import subprocess
import uuid

import pytest

from conftest import NET, docker, expect_held, injector_containers, run, wait_until


def look_up(container, *names):
    """[addresses or error, ms] of each name, by getaddrinfo with the container's network and resolv.conf."""
    script = 'mount --bind "$1" /etc/resolv.conf && shift && exec "$@"'
    configuration = docker("inspect", "-f", "{{.ResolvConfPath}}", container.id)
    done = run("nsenter", "-t", str(container.pid), "-n", "unshare", "-m", "sh", "-c", script, "sh", configuration,
               "/usr/bin/python3", NET, "look-up", *names)
    return json.loads(done.stdout)


def is_true(found, ip):
    answer, took = found
    return answer == [ip] and took < 1000


class Town:
    """A target, another container, and two more that they know by name, all on one network."""

    def __init__(self, container, network):
        self.label = f"names={network}"
        options = ("--network", network)
        self.target = container({"names": network}, options=options)
        self.other = container(options=options)
        self.db = container(name=f"db-{network}", options=options)
        self.web = container(name=f"web-{network}", options=options)

    def all_is_true_for(self, *who):
        for container in who:
            db, web = look_up(container, self.db.name, self.web.name)
            assert is_true(db, self.db.ip) and is_true(web, self.web.ip), (db, web)


@pytest.fixture
def town(network, container):
    it = Town(container, network)
    it.all_is_true_for(it.target, it.other)
    return it


@pytest.mark.parametrize("answer, seen", [("nxdomain", "EAI_NONAME"), ("servfail", "EAI_AGAIN"), ("192.0.2.9", ["192.0.2.9"])])
def test_a_name_fails_for_the_target_alone(service, town, answer, seen):
    name = service.create("dns", town.label, "-o", f"names={town.db.name}", "-o", f"answer={answer}")
    service.wait_active(name)
    db, web = look_up(town.target, town.db.name, town.web.name)
    assert db[0] == seen and db[1] < 1000, db
    assert is_true(web, town.web.ip), web
    ping = subprocess.run(["docker", "exec", town.target.name, "ping", "-c", "1", "-W", "1", town.db.name],
                          capture_output=True, text=True)
    assert ping.returncode != 0 and town.db.ip not in ping.stdout, ping.stdout
    town.all_is_true_for(town.other)
    service.cli("rm", name)
    town.all_is_true_for(town.target)
    assert town.target.kernel_state() == []
    [fault] = service.faults("--policy", name)
    assert fault["packets"] >= 1 and fault["measured"]["altered"] >= 1, fault


def test_a_late_answer_is_late_and_true(service, town):
    name = service.create("dns", town.label, "-o", "names=*", "-o", "delay=300ms")
    service.wait_active(name)
    [[answer, took]] = look_up(town.target, town.db.name)
    assert answer == [town.db.ip] and 300 <= took < 1500, (answer, took)
    town.all_is_true_for(town.other)


@pytest.mark.testbed
def test_a_killed_injector_leaves_names_as_they_are(own_service, town):
    service = own_service()
    service.wait_active(service.create("dns", town.label, "-o", "answer=refused"))
    expect_held(lambda: look_up(town.target, town.db.name)[0][0] == "EAI_AGAIN", "it is refused")
    [injector] = injector_containers()
    service.stop(signal.SIGKILL)  # or it would have a new one within moments
    os.kill(int(docker("inspect", "-f", "{{.State.Pid}}", injector)), signal.SIGKILL)
    wait_until(lambda: injector not in injector_containers(), "it is gone")
    town.all_is_true_for(town.target, town.other)
    assert town.target.kernel_state() == []


def test_an_outer_resolver_on_the_default_bridge(service, container):
    server = container()
    with server.serving("name-server"):
        label = uuid.uuid4().hex[:8]
        target, other = (container(labels, options=("--dns", server.ip)) for labels in ({"outer": label}, {}))
        name = service.create("dns", f"outer={label}", "-o", "names=*.example.com", "-o", "answer=nxdomain")
        service.wait_active(name)
        api, own = look_up(target, "api.example.com", "example.com")
        assert api[0] == "EAI_NONAME" and is_true(own, "10.9.8.7"), (api, own)
        assert is_true(look_up(other, "api.example.com")[0], "10.9.8.7")
        service.cli("rm", name)
        assert is_true(look_up(target, "api.example.com")[0], "10.9.8.7")
