"""Two services on one engine leave each other alone; what one that never comes back has left is found and removed."""
import signal

import pytest

from conftest import Service, injector_containers, wait_until


@pytest.fixture
def another_service(tmp_path_factory):
    it = Service(tmp_path_factory.mktemp("another"))
    yield it
    it.stop(signal.SIGKILL)


def test_a_second_service_leaves_the_firsts_injectors_alone_and_says_so(own_service, another_service, pair, container):
    target, peer, selector = pair
    first = own_service()
    first.wait_active(first.create("partition", selector))
    before = injector_containers()
    second = another_service.start()
    wait_until(lambda: "another Entropy (manager" in second.text(), "it says so in its log")
    other = container({"test": "second"})
    second.wait_active(second.create("latency", "test=second", "-o", "delay=1ms"))
    # The same target is refused with the reason, and not taken over.
    name = second.create("latency", selector, "-o", "delay=1ms")
    wait_until(lambda: second.policy(name)["status"]["phase"] == "degraded", "there can be one alone")
    assert "another Entropy" in second.policy(name)["status"]["message"]
    done = second.cli("doctor", "--fix")
    assert "which are left alone (served, as far as can be told)" in done.stdout and "removed" not in done.stdout
    second.cli("halt")
    assert target.rtt(peer, 1) == [None], "the first one's fault goes on"
    assert set(before) <= set(injector_containers())
    second.stop()
    assert injector_containers() == before


def test_what_a_dead_service_has_left_is_found_and_removed(own_service, another_service, container):
    first = own_service("--lease", "2s")
    target = container({"test": "left"})
    first.wait_active(first.create("partition", "test=left"))
    first.stop(signal.SIGKILL)
    wait_until(lambda: target.kernel_state() == [], "its lease is over", within=10)
    [left] = injector_containers()
    second = another_service.start()
    done = second.cli("doctor", check=False)
    assert done.returncode == 1 and "doctor --fix removes it" in done.stdout, done.stdout
    done = second.cli("doctor", "--fix")
    assert f"removed entropy-{target.name}" in done.stdout
    assert left not in injector_containers()
