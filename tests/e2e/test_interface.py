"""What users and scripts touch: the command line and the API of a running service; bad input above all."""
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import threading

import pytest

from conftest import ENTROPY, docker, injector_containers, run, wait_until


class Api(http.client.HTTPConnection):
    """The API on the service's Unix socket, with its token."""

    def __init__(self, service):
        super().__init__("localhost")
        self.service = service
        self.token = (service.data / "token").read_text().strip()

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(20)
        self.sock.connect(str(self.service.data / "entropy.sock"))

    def call(self, method, path, body=None, **headers):
        headers = {"Authorization": f"Bearer {self.token}", **{k.replace("_", "-"): v for k, v in headers.items()}}
        if isinstance(body, (dict, list)):
            body, headers["Content-Type"] = json.dumps(body), "application/json"
        self.request(method, path, body, headers)
        answer = self.getresponse()
        text = answer.read().decode()
        is_json = "json" in answer.headers.get("Content-Type", "")
        return answer.status, (json.loads(text) if is_json and text else text), answer.headers


@pytest.fixture
def api(service):
    it = Api(service)
    yield it
    it.close()


def refused(service, *args):
    """The command fails with exit code 1 and says why on stderr; stdout stays empty, and no policy is left."""
    done = service.cli(*args, check=False)
    assert done.returncode in (1, 2), done
    assert done.stdout == ""
    assert service.cli("ls", "-q").stdout == "", "nothing is half-done"
    return done.stderr


@pytest.mark.parametrize("arguments, says", [
    (["-e", "latncy", "-c", "a"], 'did you mean "latency"?'),
    (["-e", "latency", "-c", "a"], "needs delay"),
    (["-e", "latency", "-c", "a", "-o", "dealy=1ms"], 'did you mean "delay"?'),
    (["-e", "latency", "-c", "a", "-o", "delay=100"], "us, ms, s, m, h or d"),
    (["-e", "latency", "-c", "a", "-o", "delay=100xs"], "unknown unit"),
    (["-e", "partition", "-c", "a", "-p", "1.5"], "above 1"),
    (["-e", "partition", "-c", "a", "-f", "10", "-d", "20"], "longer than frequency"),
    (["-e", "partition", "-c", ""], "empty"),
    (["-e", "partition", "-c", "a in (b"], "not closed"),
    (["-e", "partition", "-c", "@nmae=x"], 'did you mean "name"?'),
    (["-e", "partition", "-c", "a", "--name", "-x"], ""),
    (["-e", "partition", "-c", "a", "--name", "a/b"], "[a-zA-Z0-9]"),
    (["-e", "loss", "-c", "a", "-o", "percent=101"], "0..100"),
    (["-e", "partition", "-c", "a", "--seed", "99999999999999999"], "53"),
])
def test_bad_input_gets_one_clear_message(service, arguments, says):
    assert says in refused(service, "create", *arguments)


def test_a_taken_name_is_refused_and_the_policy_kept(service):
    service.create("partition", "test=nobody", name="taken")
    again = service.cli("create", "--name", "taken", "-e", "latency", "-o", "delay=1ms", "-c", "x", check=False)
    assert again.returncode == 1 and "taken" in again.stderr
    assert service.policy("taken")["selector"] == "test=nobody"


def test_unknown_commands_and_options_say_the_nearest(service):
    done = service.cli("craete", check=False)
    assert done.returncode == 2 and "create" in done.stderr
    done = service.cli("create", "--frequncy", "10", check=False)
    assert done.returncode == 2 and "frequency" in done.stderr


def test_a_service_that_is_not_there(tmp_path):
    env = dict(os.environ, ENTROPY_HOST=f"unix://{tmp_path}/none.sock")
    done = run(ENTROPY, "ls", check=False, env=env)
    assert done.returncode == 1 and "entropy manage" in done.stderr


def test_create_prints_the_name_alone(service):
    name = service.cli("create", "-e", "partition", "-c", "test=nobody").stdout
    assert re.fullmatch(r"[a-z]+-[a-z]+\n", name)


def test_tables_and_formats(service, container):
    target = container({"test": "tables"})
    name = service.create("latency", "test=tables", "-o", "delay=10ms")
    service.wait_active(name)
    table = service.cli("ls").stdout.splitlines()
    assert table[0].split()[0] == "NAME" and name in table[1]
    assert service.cli("ls", "-q").stdout.split() == [name]
    assert service.cli("ls", "--format", "{{.Name}}").stdout.strip() == name
    assert json.loads(service.cli("ls", "--format", "json").stdout)["status"]["phase"] == "active"
    [injector] = service.injectors()
    assert injector["name"] == f"entropy-{target.name}" and injector["backend"] in ("userspace", "netem")
    assert injector["active"][0]["policy"] == name
    assert "fault.started" in service.cli("logs", injector["name"]).stdout
    inspected = service.policy(name)
    assert inspected["failure"] == {"latency": {"delay": "10ms"}}
    assert inspected["targets"][0]["name"] == target.name


def test_rm_of_what_is_not_there(service):
    done = service.cli("rm", "nobody", check=False)
    assert done.returncode == 1 and "nobody" in done.stderr
    assert service.cli("rm", "-f", "nobody").returncode == 0


def test_match_says_why_not(service, container):
    chosen, other = container({"test": "match"}), container({"test": "other"})

    def lines_of_both():
        lines = service.cli("match", "test=match").stdout
        return lines if other.name in lines else None

    lines = wait_until(lines_of_both, "the engine has told of both")
    assert chosen.name in lines
    assert re.search(rf"{other.name}.*test=match does not hold", lines)


def test_catalogue_doctor_and_info(service):
    catalogue = service.cli("failures").stdout
    assert all(name in catalogue for name in ("latency", "loss", "reorder", "partition", "delay"))
    doctor = service.cli("doctor").stdout
    assert "unix:///" in doctor
    # What it tries, it tries on the engine's kernel, and leaves nothing there.
    assert re.search(r"ok    backend (netem|userspace) works there", doctor)
    # An engine that removes it by itself may be a moment behind.
    wait_until(lambda: not docker("ps", "-aq", "--filter", "label=entropy.injector=examiner"), "the examiner is gone")
    assert service.cli("info").returncode == 0
    assert service.cli("version").stdout


def test_events_stream_what_happens(service, container):
    env = dict(os.environ, ENTROPY_HOST=service.host, ENTROPY_DATA_DIR=str(service.data))
    stream = subprocess.Popen([ENTROPY, "events", "--format", "json"], env=env, stdout=subprocess.PIPE, text=True)
    seen = []
    threading.Thread(target=lambda: [seen.append(json.loads(line)) for line in stream.stdout], daemon=True).start()

    def types():
        return [event["type"] for event in seen]

    try:
        # The stream is open once it shows something.
        def opened():
            service.cli("rm", service.create("partition", "test=nobody"))
            return seen

        wait_until(opened, "the stream opens")
        container({"test": "events"})
        name = service.create("partition", "test=events")
        wait_until(lambda: "fault.started" in types(), "the fault's start is told")
        service.cli("rm", name)
        wait_until(lambda: "fault.ended" in types() and "policy.removed" in types(), "its end, too")
    finally:
        stream.terminate()
        stream.wait()


def test_api_policies_from_birth_to_death(api):
    policy = {"selector": "test=nobody", "failure": {"loss": {"percent": 10}}, "frequency": 10, "probability": 0.25}
    status, body, headers = api.call("POST", "/v1/policies", {"name": "made", **policy})
    assert (status, headers["Location"]) == (201, "/v1/policies/made")
    assert body["duration"] == "10s" and body["probability"] == 0.25 and body["status"]["phase"] == "waiting"
    assert api.call("POST", "/v1/policies", {"name": "made", **policy})[0] == 409
    status, body, headers = api.call("GET", "/v1/policies/made")
    etag = headers["ETag"]
    assert api.call("PUT", "/v1/policies/made", {**policy, "probability": 1}, If_Match='"77"')[0] == 412
    status, changed, _ = api.call("PUT", "/v1/policies/made", {**policy, "probability": 1}, If_Match=etag)
    assert status == 200 and changed["revision"] == body["revision"] + 1 and changed["seed"] == body["seed"]
    assert [each["name"] for each in api.call("GET", "/v1/policies")[1]] == ["made"]
    assert api.call("DELETE", "/v1/policies/made")[0] == 204
    assert api.call("GET", "/v1/policies/made")[0] == 404


def test_api_refuses_with_problem_details(api):
    status, problem, headers = api.call("POST", "/v1/policies", {"selector": "a in (", "failure": {"latency": {"delay": 5}},
                                                                 "probabilty": 1})
    assert status == 400 and headers["Content-Type"].startswith("application/problem+json")
    assert {each["field"] for each in problem["errors"]} == {"selector", "failure.latency.delay", "probabilty"}
    assert problem["message"] and problem["title"] and problem["status"] == 400
    assert api.call("POST", "/v1/policies", "{", Content_Type="application/json")[0] == 400
    assert api.call("GET", "/v1/nothing")[0] == 404
    assert api.call("PATCH", "/v1/policies")[0] == 405
    assert api.call("GET", "/v1/policies", Authorization="Bearer wrong")[0] == 401
    assert api.call("GET", "/_ping", Authorization="")[:2] == (200, "OK")


def test_api_preview_and_forecast_touch_nothing(api, container):
    target = container({"test": "preview"})
    policy = {"selector": "test=preview", "failure": "partition", "frequency": "10s", "probability": 0.5, "seed": 3}
    # The service hears of the container in a moment.
    wait_until(lambda: target.name in json.dumps(api.call("POST", "/v1/policies:preview", policy)[1]), "it is foreseen")
    assert injector_containers() == []


def test_a_foreign_web_page_is_refused_without_auth(own_service):
    service = own_service("--no-auth", "-H", "tcp://127.0.0.1:0")
    port = int(re.search(r"listening on .*tcp://127\.0\.0\.1:(\d+)", service.text()).group(1))

    def status(**headers):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("GET", "/v1/policies", headers=headers)
        return connection.getresponse().status

    assert status() == 200
    assert status(Host="evil.example") == 403
    assert status(Origin="https://evil.example") == 403


def test_an_engine_that_is_not_there_is_said(own_service, tmp_path):
    service = own_service(endpoint=f"unix://{tmp_path}/nothing.sock")
    name = service.create("partition", "test=a")
    status = service.policy(name)["status"]
    assert status["phase"] in ("waiting", "degraded") and "nothing.sock" in status["message"]
    # A former service may have left something there: the policy is kept, stopped, until the engine can be asked.
    refused = service.cli("rm", name, check=False)
    assert refused.returncode == 1 and "is kept, stopped" in refused.stderr and "nothing.sock" in refused.stderr
    assert service.policy(name)["status"]["phase"] == "stopped"


def test_a_socket_without_permission_is_said(own_service, tmp_path):
    closed = tmp_path / "closed.sock"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(closed))
    listener.close()
    service = own_service(endpoint=f"unix://{closed}")
    name = service.create("partition", "test=a")
    wait_until(lambda: "closed.sock" in service.policy(name)["status"]["message"], "the message names the socket")


def test_one_service_per_data_directory(service):
    done = run(ENTROPY, "manage", "-H", f"unix://{service.data}/other.sock", "--data-dir", str(service.data), check=False)
    assert done.returncode == 1 and "another Entropy" in done.stderr


def test_plain_tcp_beyond_loopback_is_refused(tmp_path):
    done = run(ENTROPY, "manage", "-H", "tcp://0.0.0.0:0", "--data-dir", str(tmp_path), check=False)
    assert done.returncode != 0 and "no-tls" in done.stderr


def test_the_token_is_a_secret_file(service):
    assert (service.data / "token").stat().st_mode & 0o777 == 0o600


def test_sigterm_while_nothing_runs_is_quick(own_service):
    service = own_service()
    service.stop(signal.SIGTERM)
    assert "listening on" in service.text()
