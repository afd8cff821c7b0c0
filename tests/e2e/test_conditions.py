"""stop_when and start_when: what goes wrong stops a policy within moments, and nothing is left of it."""
import contextlib
import http.server
import json
import signal
import threading
import time
import urllib.parse

import pytest

from conftest import docker, wait_until


@contextlib.contextmanager
def serving_http(answer):
    """An HTTP server; `answer` says (status, body) for a path and query."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            status, body = answer(urllib.parse.urlsplit(self.path))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()


@pytest.fixture
def cut(service, container, tmp_path):
    """A policy with conditions on a container of its own, once it holds."""
    def make(name, *options, command=("sleep", "600"), holds=True, **conditions):
        target = container({"test": name}, *command, options=options)
        policy = {"selector": f"test={name}", "failure": "partition", **conditions}
        file = tmp_path / f"{name}.json"
        file.write_text(json.dumps({"policies": {name: policy}}))
        service.cli("apply", "-f", file)
        if holds:
            service.wait_active(name)
        return target

    return make


def wait_stopped(service, name, within=15):
    view = wait_until(lambda: (it := service.policy(name))["status"]["stopped"] and it, f"{name} is stopped", within)
    assert view["status"]["phase"] == "stopped" and view["state"] == "stopped"
    assert view["status"]["stopped"]["evidence"] in view["status"]["message"]
    return view["status"]["stopped"]


def test_an_unhealthy_target_stops_the_policy_at_once(service, cut):
    target = cut("ill", "--health-cmd", "test ! -e /tmp/ill", "--health-interval", "500ms", "--health-retries", "1",
                 stop_when="unhealthy")
    wait_until(lambda: docker("inspect", "-f", "{{.State.Health.Status}}", target.id) == "healthy", "it is healthy")
    docker("exec", target.id, "touch", "/tmp/ill")
    wait_until(lambda: docker("inspect", "-f", "{{.State.Health.Status}}", target.id) == "unhealthy", "the engine notices",
               every=0.01)
    noticed = time.monotonic()
    wait_until(lambda: target.kernel_state() == [], "its kernel is clean", every=0.01)
    took = time.monotonic() - noticed
    stopped = wait_stopped(service, "ill")
    assert stopped["condition"] == "unhealthy: targets" and target.name in stopped["evidence"]
    print(f"unhealthy to clean: {took * 1000:.0f} ms")
    assert took < 2


def test_a_container_that_dies_or_restarts_stops_the_policy(service, cut, container):
    other = container({"role": "watched"})
    target = cut("dead", stop_when=[{"died": "role=watched"}])
    docker("restart", "-t", "0", other.id)
    stopped = wait_stopped(service, "dead")
    assert other.name in stopped["evidence"] and "exit code 137" in stopped["evidence"]
    wait_until(lambda: target.kernel_state() == [], "its kernel is clean")
    service.cli("start", "dead")
    service.wait_active("dead")
    service.stop(signal.SIGKILL)
    docker("restart", "-t", "0", other.id)
    service.start()
    assert f"{other.name} ended at " in wait_stopped(service, "dead")["evidence"], "what was missed counts, too"


def test_a_target_that_runs_out_of_memory_stops_the_policy(service, cut):
    cut("hungry", "--memory", "16m", stop_when="oom_killed", holds=False,
        command=("sh", "-c", "while [ ! -e /tmp/go ]; do sleep 0.1; done; tail /dev/zero; sleep 600"))
    service.wait_active("hungry")
    name = docker("ps", "-q", "--filter", "label=test=hungry")
    docker("exec", name, "touch", "/tmp/go")
    assert "ran out of memory" in wait_stopped(service, "hungry")["evidence"]


def test_an_address_that_stops_answering_stops_the_policy(service, cut):
    said = {"status": 200}
    with serving_http(lambda url: (said["status"], "all is well")) as address:
        cut("http", stop_when={"http_down": {"url": f"{address}/health", "contains": "well", "interval": "1s",
                                             "timeout": "500ms", "retries": 2}})
        wait_until(lambda: service.policy("http")["status"]["conditions"][0]["evidence"] == "it answered 200", "it was asked")
        said["status"] = 503
        stopped = wait_stopped(service, "http")
    assert stopped["evidence"] == "it answered 503 (2 of 2)"


def test_a_prometheus_query_beyond_a_value_stops_the_policy(service, cut):
    said = {"value": "0.01"}

    def answer(url):
        assert url.path == "/api/v1/query"
        query = urllib.parse.parse_qs(url.query)["query"]
        assert query == ['rate(errors{job="web"}[1m])']
        return 200, json.dumps({"status": "success", "data": {"resultType": "vector", "result": [
            {"metric": {"job": "web"}, "value": [time.time(), said["value"]]}]}})

    with serving_http(answer) as address:
        cut("errors", stop_when={"prometheus": {"url": address, "query": 'rate(errors{job="web"}[1m])', "above": 0.05,
                                                "interval": "1s", "timeout": "1s"}})
        wait_until(lambda: "0.01" in service.policy("errors")["status"]["conditions"][0]["evidence"], "it was asked")
        said["value"] = "0.2"
        assert wait_stopped(service, "errors")["evidence"] == "the query answers 0.2"


def test_a_policy_begins_when_its_start_when_holds(service, cut):
    said = {"status": 404}
    with serving_http(lambda url: (said["status"], "")) as address:
        target = cut("later", "--health-cmd", "true", "--health-interval", "500ms", holds=False,
                     start_when=["healthy", {"http_up": {"url": address, "interval": "1s", "timeout": "1s"}}])
        wait_until(lambda: "it answered 404" in service.policy("later")["status"]["message"], "it says what it waits for")
        assert service.policy("later")["status"]["phase"] == "waiting"
        assert target.kernel_state() == []
        said["status"] = 200
        service.wait_active("later")


def test_what_is_wrong_with_conditions_is_said_all_at_once(service, tmp_path):
    file = tmp_path / "bad.yaml"
    file.write_text("policies:\n  bad:\n    selector: a=b\n    failure: partition\n    stop_when:\n"
                    "      - unhealty\n      - http_down: {url: 'ftp://x', status: 99}\n")
    done = service.cli("apply", "-f", file, check=False)
    assert done.returncode == 1
    for words in ("unhealthy", "ftp://x", "status"):
        assert words in done.stderr, done.stderr


def test_a_service_may_refuse_to_ask_addresses(own_service):
    service = own_service("--no-probes")
    policy = {"policies": {"p": {"selector": "a=b", "failure": "partition", "stop_when": {"http_down": "http://x/"}}}}
    path = service.data / "p.json"
    path.write_text(json.dumps(policy))
    done = service.cli("apply", "-f", path, check=False)
    assert done.returncode == 1 and "--no-probes" in done.stderr


def test_link_local_addresses_are_never_asked(service, cut):
    cut("cloud", stop_when={"http_down": {"url": "http://169.254.169.254/latest/meta-data/", "interval": "1s",
                                          "timeout": "1s", "retries": 100}})
    wait_until(lambda: "link-local" in service.policy("cloud")["status"]["conditions"][0]["evidence"], "it was refused")
