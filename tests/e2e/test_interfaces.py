"""Faults of interfaces that come and go: what can't disturb anything is not said to hold."""
import uuid

from conftest import docker


def test_a_fault_waits_for_its_interface(service, network, container):
    label = uuid.uuid4().hex[:8]
    target, peer = container({"late": label}), container(options=("--network", network))
    name = service.create("latency", f"late={label}", "-o", "delay=80ms", "-o", "interfaces=eth1")
    service.wait_phase(name, "degraded")
    status = service.policy(name)["status"]
    assert status["active"] == 0 and "it is for eth1, and the target has eth0" in status["message"], status
    other = service.create("loss", f"late={label}", "-o", "percent=1")
    service.wait_active(other)
    assert service.policy(other)["status"]["phase"] == "active", "it has nothing to do with that"
    docker("network", "connect", network, target.name)
    service.wait_active(name)
    with peer.serving("echo-server"):
        assert min(took for took in target.rtt(peer) if took is not None) >= 80
    docker("network", "disconnect", network, target.name)
    service.wait_phase(name, "degraded")
    assert service.policy(name)["status"]["active"] == 0


def test_a_target_without_networks_has_nothing_to_disturb(service, network, container):
    label = uuid.uuid4().hex[:8]
    target = container({"alone": label}, options=("--network", network))
    name = service.create("latency", f"alone={label}", "-o", "delay=80ms")
    service.wait_active(name)
    docker("network", "disconnect", network, target.name)
    service.wait_phase(name, "degraded")
    status = service.policy(name)["status"]
    assert status["active"] == 0 and "nothing to disturb" in status["message"], status
    docker("network", "connect", network, target.name)
    service.wait_active(name)
