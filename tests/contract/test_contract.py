"""Every route and every answer of GET /openapi.json, on the service with an engine in memory."""
import json
import re
import threading

import pytest

from conftest import Api, wait_until

PARTITION = {"selector": "service=web", "failure": "partition"}
LATENCY = {"selector": "service=db", "failure": {"latency": {"delay": "100ms", "jitter": "10ms"}}, "frequency": 10,
           "duration": "5s", "probability": "25%", "description": "a slow database", "seed": 4, "windows": 1000, "ttl": "1d"}


@pytest.fixture(autouse=True)
def clean(api):
    yield
    api.call("DELETE", "/v1/halt")
    for policy in api.call("GET", "/v1/policies").json():
        assert api.call("DELETE", f"/v1/policies/{policy['name']}").status == 204


def filled(path, name="nobody"):
    return re.sub(r"\{\w+\}", name, path)


def serving(api, count=1):
    return wait_until(lambda: [each for each in api.call("GET", "/v1/injectors").json() if each["active"]][:count] or None,
                      "an injector holds a fault")


def test_the_document_is_open_api(contract):
    assert contract.document["openapi"].startswith("3.1.")
    for method, path, operation in contract.operations():
        assert operation["summary"], path
        names = [contract.resolve(each)["name"] for each in contract.document["paths"][path].get("parameters", [])]
        assert names == re.findall(r"\{(\w+)\}", path), path


def test_every_route_refuses_unknown_parameters_and_callers_without_rights(contract, api, open_api):
    nobody, reader = Api(api.address, contract, token=None), Api(api.address, contract, token="reader")
    for method, path, operation in contract.operations():
        assert api.call(method, filled(path) + "?nothing=1").status == 400
        if operation.get("security") == []:
            continue
        refused = nobody.call(method, filled(path))
        assert refused.status == 401 and refused.headers["WWW-Authenticate"].startswith("Bearer")
        if method == "GET":
            refused = open_api.call(method, filled(path), Origin="https://evil.example")
            assert reader.call("HEAD", filled(path)).status != 403
        else:
            refused = reader.call(method, filled(path))
        assert refused.status == 403, (method, path)


def test_every_body_is_bounded_json(contract, api):
    for method, path, operation in contract.operations():
        if "requestBody" not in operation:
            continue
        assert api.call(method, filled(path), "x" * 2_000_000).status == 413
        assert api.call(method, filled(path), "a=b", Content_Type="application/x-www-form-urlencoded").status == 415
        assert api.call(method, filled(path), "{", Content_Type="application/json").status == 400
        assert api.call(method, filled(path), {"nothing": 1}).json()["errors"][0]["field"] == "nothing"


def test_every_name_may_be_unknown(contract, api):
    for method, path, operation in contract.operations():
        if "404" in operation["responses"]:
            target = path + "?policy=nobody" if path == "/v1/forecast" else filled(path)
            assert api.call(method, target).status == 404, (method, path)


def test_every_route_says_what_it_allows(contract, api):
    methods = {}
    for method, path, _ in contract.operations():
        methods.setdefault(path, set()).update({method, "OPTIONS"} | ({"HEAD"} if method == "GET" else set()))
    for path, allowed in methods.items():
        for method in ("OPTIONS", "TRACE"):
            connection, response = api.request(method, filled(path))
            assert response.status == (204 if method == "OPTIONS" else 405)
            assert set(response.headers["Allow"].split(", ")) == allowed
            connection.close()
        if "GET" in allowed:
            api.call("HEAD", filled(path))


def test_what_only_tells(api):
    for target in ("/", "/_ping", "/healthz", "/readyz"):
        assert Api(api.address, api.contract, token=None).call("GET", target).status == 200
    assert api.call("POST", "/v1/endpoints:examine").json()[0]["examined"][0]["works"]
    assert api.call("POST", "/v1/endpoints:clean").json() == [{"endpoint": "unix:///fake.sock", "removed": [], "failed": []}]
    for target in ("/version", "/info", "/metrics", "/openapi.json", "/v1/failures", "/v1/endpoints", "/v1/targets",
                   "/v1/targets?selector=service=web", "/v1/forecast", "/v1/forecast?until=1h"):
        assert api.call("GET", target).status == 200


def test_a_policy_from_birth_to_death(api):
    made = api.call("POST", "/v1/policies", {"name": "slow", **LATENCY})
    assert made.status == 201 and made.headers["Location"] == "/v1/policies/slow" and made.headers["ETag"] == '"1"'
    assert api.call("POST", "/v1/policies", {"name": "slow", **LATENCY}).status == 409
    assert api.call("PUT", "/v1/policies/slow", {**LATENCY, "probability": 1}, If_Match='"9"').status == 412
    changed = api.call("PUT", "/v1/policies/slow", {**LATENCY, "probability": 1}, If_Match='"1"')
    assert changed.status == 200 and changed.json()["revision"] == 2
    assert api.call("PUT", "/v1/policies/other", PARTITION).status == 201
    for target in ("/v1/policies", "/v1/policies/slow", "/v1/forecast?policy=slow"):
        assert api.call("GET", target).status == 200
    assert api.call("POST", "/v1/policies/slow/stop").json()["status"]["phase"] == "stopped"
    assert api.call("POST", "/v1/policies/slow/start").status == 200
    assert api.call("DELETE", "/v1/policies/slow", If_Match='"1"').status == 412
    assert api.call("DELETE", "/v1/policies/slow?wait=false").status == 202
    wait_until(lambda: api.call("GET", "/v1/policies/slow").status == 404, "it goes by itself")
    assert api.call("DELETE", "/v1/policies/other").status == 204


def test_every_wrong_field_is_said_at_once(api):
    answer = api.call("POST", "/v1/policies", {"selector": "", "failure": {"latency": {"delay": 5}}, "frequncy": 1,
                                               "probability": 7, "state": "walking"})
    assert answer.status == 400
    assert {each["field"] for each in answer.json()["errors"]} == {"selector", "failure.latency.delay", "frequncy",
                                                                   "probability", "state"}


def test_conditions(api):
    made = api.call("POST", "/v1/policies", {"name": "guarded", **PARTITION, "stop_when": "unhealthy", "start_when": "healthy"})
    assert made.status == 201
    status = made.json()["status"]
    assert status["phase"] == "waiting" and "has a HEALTHCHECK" in status["message"] and status["stopped"] is None
    assert [each["list"] for each in status["conditions"]] == ["start_when", "stop_when"]
    wrong = api.call("POST", "/v1/policies", {**PARTITION, "stop_when": [{"http_down": "http://web/"}, "unhealty"]})
    assert [each["field"] for each in wrong.json()["errors"]] == ["stop_when.1"]
    wrong = api.call("POST", "/v1/policies", {**PARTITION, "stop_when": [{"http_down": "http://web/"}]})
    assert wrong.status == 400 and "--no-probes" in wrong.json()["errors"][0]["message"]
    assert api.call("DELETE", "/v1/policies/guarded").status == 204


def test_several_are_stopped_in_one_step(api):
    assert api.call("POST", "/v1/policies:stop", {"names": ["nobody-has-it"]}).status == 202


def test_preview_touches_nothing(api):
    preview = api.call("POST", "/v1/policies:preview", {**PARTITION, "frequency": "10s"})
    assert preview.status == 200 and len(preview.json()["matched"]) == 2
    assert api.call("GET", "/v1/injectors").json() == []


def test_injectors(api):
    api.call("PUT", "/v1/policies/cut", PARTITION)
    wait_until(lambda: len(api.call("GET", "/v1/injectors").json()) == 2, "there are two")
    id = serving(api)[0]["id"]
    assert api.call("GET", f"/v1/injectors/{id}").json()["policies"] == ["cut"]
    assert api.call("GET", f"/v1/injectors/{id}/logs").status == 200
    connection, response = api.request("GET", f"/v1/injectors/{id}/logs?follow=1&tail=3")
    assert response.status == 200
    connection.close()
    assert api.call("POST", f"/v1/injectors/{id}/pause").status == 204
    assert api.call("GET", f"/v1/injectors/{id}").json()["state"] == "paused"
    assert api.call("POST", f"/v1/injectors/{id}/unpause").status == 204
    assert api.call("POST", f"/v1/injectors/{id}/restart").status == 204
    for method, path, _ in api.contract.operations():
        if path.startswith("/v1/injectors/{id}"):
            assert api.call(method, path.replace("{id}", "id")).status == 409, "the beginning of several ids"


def test_history_and_audit_come_in_pages(api):
    api.call("PUT", "/v1/policies/paged", PARTITION)
    wait_until(lambda: len(api.call("GET", "/v1/faults?policy=paged").json()["items"]) == 2, "two faults began")
    api.call("DELETE", "/v1/policies/paged")
    for path in ("/v1/faults?policy=paged&target=web-1", "/v1/faults?since=1h&until=0s", "/v1/audit?since=1h"):
        assert api.call("GET", path).json()["items"], path
    for path in ("/v1/faults", "/v1/audit"):
        seen, cursor = [], ""
        while cursor is not None:
            page = api.call("GET", f"{path}?limit=2{cursor and '&cursor=' + cursor}").json()
            seen += page["items"]
            cursor = page["next"]
        assert seen == api.call("GET", f"{path}?limit=1000").json()["items"]
    last = api.call("GET", "/v1/audit?limit=1").json()["items"][0]
    assert (last["method"], last["path"], last["status"], last["by"]) == ("DELETE", "/v1/policies/paged", 204, "token")


def test_halted_means_that_nothing_starts(api):
    api.call("PUT", "/v1/policies/idle", {**PARTITION, "state": "stopped"})
    assert api.call("PUT", "/v1/halt", {"reason": "drill"}).json()["reason"] == "drill"
    assert api.call("GET", "/v1/halt").json()["halted"]
    assert api.call("POST", "/v1/policies", PARTITION).status == 409
    assert api.call("PUT", "/v1/policies/idle", PARTITION).status == 409
    assert api.call("POST", "/v1/policies/idle/start").status == 409
    assert not api.call("DELETE", "/v1/halt").json()["halted"]


def read_events(api, accept, last_id=None, count=1):
    headers = {"Last_Event_ID": str(last_id)} if last_id is not None else {}
    connection, response = api.request("GET", "/events", Accept=accept, **headers)
    assert response.status == 200
    events, lines = [], []
    while len(events) < count:
        line = response.readline().decode()
        lines.append(line)
        if line.startswith(("data: ", "{")):
            events.append(json.loads(line.removeprefix("data: ")))
            api.contract.validate_event(events[-1])
    connection.close()
    api.contract.seen.add(("GET", "/events", "200"))
    return response.headers["Content-Type"], events, lines


def test_events_are_told_replayed_and_reset(api):
    told = {}
    def listen():
        told["sse"] = read_events(api, "text/event-stream", count=2)
    listener = threading.Thread(target=listen)
    listener.start()
    while listener.is_alive():  # the stream is open once it tells something
        api.call("PUT", "/v1/policies/told", PARTITION)
        listener.join(timeout=0.05)
    content_type, events, lines = told["sse"]
    assert content_type == "text/event-stream"
    assert f"id: {events[0]['id']}\n" in lines and f"event: {events[0]['type']}\n" in lines
    content_type, again, _ = read_events(api, "application/jsonl", last_id=events[0]["id"])
    assert content_type == "application/jsonl" and again == events[1:]
    _, reset, _ = read_events(api, "text/event-stream", last_id=1)
    assert reset[0]["type"] == "reset"
    assert api.call("GET", "/events", Last_Event_ID="x").status == 400


def test_an_engine_out_of_reach(api, faked):
    """The last but one: it stops answering, and comes back."""
    api.call("PUT", "/v1/policies/cut", PARTITION)
    held = [each["id"] for each in serving(api, 2)]
    faked.tell("silence")
    statuses = {}

    def act(id, action):
        statuses[action] = api.call("POST", f"/v1/injectors/{id}/{action}").status

    api_calls = [threading.Thread(target=act, args=(id, action)) for id, action in zip(held, ("pause", "unpause"))]
    [each.start() for each in api_calls]
    [each.join() for each in api_calls]
    assert statuses["pause"] == 503
    faked.tell("break")
    wait_until(lambda: api.call("GET", "/readyz").status == 503, "it is noticed")
    for method, target in (("DELETE", "/v1/policies/cut"), ("POST", "/v1/policies/cut/stop"), ("PUT", "/v1/halt")):
        answer = api.call(method, target)
        assert answer.status == 503 and "the engine is gone" in answer.json()["detail"]
    assert api.call("GET", "/v1/policies/cut").json()["state"] == "stopped"
    assert api.call("POST", "/v1/endpoints:examine").status == 200
    faked.tell("speak")
    faked.tell("mend")
    wait_until(lambda: api.call("GET", "/readyz").status == 200, "it is back")


def test_every_documented_answer_was_seen(contract):
    unseen = contract.documented() - contract.seen
    # Of an unpause nobody waits in vain: what is not paused is what it asks for. Trying an image takes a real one. That a
    # halt is resumed while it is rolling back is among the manager's own tests.
    elsewhere = {("POST", "/v1/injectors/{id}/unpause", "503"), ("POST", "/v1/injectors:test", "200"),
                 ("PUT", "/v1/halt", "409")}
    assert unseen <= elsewhere, sorted(unseen)
