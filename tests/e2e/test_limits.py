"""The service's own limits, on real containers."""
from conftest import wait_until


def cut(target, peer):
    return target.rtt(peer, 1) == [None]


def test_at_most_so_many_faults_hold_at_once_and_the_rest_is_said(own_service, container):
    service = own_service("--max-active", "2")
    peer = container()
    targets = [container({"test": "limited"}) for _ in range(4)]
    with peer.serving("echo-server"):
        name = service.create("partition", "test=limited")
        service.wait_active(name, faults=2)
        assert sum(cut(target, peer) for target in targets) == 2
        view = service.policy(name)
        assert view["status"]["phase"] == "active" and view["status"]["active"] == 2
        assert "--max-active 2" in view["status"]["message"]
        held_back = {target["name"] for target in view["targets"] if target["state"] == "held-back"}
        assert len(held_back) == 2
        assert all("--max-active 2" in t["reason"] for t in view["targets"] if t["name"] in held_back)
        # What gets free goes to those who wait.
        first = next(target for target in targets if target.name not in held_back)
        service.cli("create", "--name", "other", "-e", "latency", "-o", "delay=1ms", "-c", f"@name={first.name}")
        service.cli("stop", name)
        service.wait_active("other")
        service.cli("start", name)
        service.wait_active(name)
        assert service.policy(name)["status"]["active"] == 1


def test_at_most_a_share_of_a_services_replicas_is_disturbed(own_service, container):
    service = own_service("--max-share", "50%")
    peer = container()
    labels = {"com.docker.compose.project": "shop", "com.docker.compose.service": "web", "test": "share"}
    targets = [container(labels) for _ in range(3)]
    with peer.serving("echo-server"):
        name = service.create("partition", "test=share")
        service.wait_active(name)
        wait_until(lambda: len(service.injectors()) == 3, "all have their injectors")
        assert sum(cut(target, peer) for target in targets) == 1, "half of three is one"
        assert "of the 3 replicas of web at most 1" in service.policy(name)["status"]["message"]


def test_limits_that_are_none_are_refused(own_service, tmp_path):
    from conftest import ENTROPY, run
    for option, value in (("--max-active", "0"), ("--max-active", "many"), ("--max-share", "0"), ("--max-share", "150%")):
        done = run(ENTROPY, "manage", "--data-dir", tmp_path, option, value, check=False)
        assert done.returncode == 2 and option in done.stderr, done.stderr
