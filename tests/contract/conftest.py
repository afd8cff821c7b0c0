"""The service on fakes, and a client that holds every answer against GET /openapi.json."""
import http.client
import json
import pathlib
import re
import subprocess
import time
import urllib.parse

import jsonschema
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SERVICE = ROOT / "build" / "release" / "tests" / "contract" / "service_on_fakes"

formats = jsonschema.FormatChecker(formats=())


@formats.checks("date-time")
def is_time(value):
    return not isinstance(value, str) or re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", value) is not None


def wait_until(condition, what, within=20):
    deadline = time.monotonic() + within
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"not within {within} s: {what}"
        time.sleep(0.02)


class Contract:
    """The document, and which of its answers were seen."""

    def __init__(self, document):
        self.document = document
        self.resolver = jsonschema.RefResolver.from_schema(document)
        self.seen = set()

    def resolve(self, value):
        return self.resolver.resolve(value["$ref"])[1] if "$ref" in value else value

    def operations(self):
        for path, item in self.document["paths"].items():
            for method, operation in item.items():
                if method != "parameters":
                    yield method.upper(), path, operation

    def documented(self):
        return {(method, path, status) for method, path, operation in self.operations()
                for status in operation["responses"] if status != "default"}

    def find(self, method, target):
        path = target.split("?")[0]
        for known, template, operation in self.operations():
            if known == method and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path):
                return template, operation
        raise AssertionError(f"{method} {path} is not in the document")

    def validate(self, value, schema):
        jsonschema.Draft202012Validator(schema, resolver=self.resolver, format_checker=formats).validate(value)

    def validate_event(self, event):
        self.validate(event, self.document["components"]["schemas"]["Event"])

    def check(self, method, target, sent, answer):
        template, operation = self.find("GET" if method == "HEAD" else method, target)
        where = f"{method} {template} -> {answer.status}"
        response = self.resolve(operation["responses"].get(str(answer.status)) or operation["responses"]["default"])
        if str(answer.status) in operation["responses"] and method != "HEAD":
            self.seen.add((method, template, str(answer.status)))
        content = response.get("content")
        if content is None:
            assert answer.body == b"" and "Content-Type" not in answer.headers, where
            return
        assert answer.headers["Content-Type"] in content, f"{where}: {answer.headers['Content-Type']}"
        for name in response.get("headers", {}):
            assert name in answer.headers, f"{where}: no {name}"
        if method == "HEAD":
            return
        is_json = "json" in answer.headers["Content-Type"] and "jsonl" not in answer.headers["Content-Type"]
        self.validate(answer.json() if is_json else answer.body.decode(), content[answer.headers["Content-Type"]]["schema"])
        body = operation.get("requestBody")
        if answer.status < 300 and body and sent:
            self.validate(json.loads(sent), body["content"]["application/json"]["schema"])


class Answer:
    def __init__(self, response, body):
        self.status, self.headers, self.body = response.status, response.headers, body

    def json(self):
        return json.loads(self.body)


class Api:
    """Asks the service, and holds what it answers against the contract."""

    def __init__(self, address, contract=None, token="secret"):
        self.address = address
        self.contract = contract
        self.token = token

    def request(self, method, target, body=None, **headers):
        connection = http.client.HTTPConnection(urllib.parse.urlsplit(self.address).netloc, timeout=30)
        if self.token:
            headers.setdefault("Authorization", f"Bearer {self.token}")
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
            headers.setdefault("Content_Type", "application/json")
        connection.request(method, target, body, {k.replace("_", "-"): v for k, v in headers.items()})
        return connection, connection.getresponse()

    def call(self, method, target, body=None, **headers):
        connection, response = self.request(method, target, body, **headers)
        answer = Answer(response, response.read())
        connection.close()
        if self.contract:
            sent = json.dumps(body) if isinstance(body, (dict, list)) else body
            self.contract.check(method, target, sent, answer)
        return answer


class FakedService:
    def __init__(self):
        self.process = subprocess.Popen([SERVICE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.address = self.process.stdout.readline().strip()
        self.open_address = self.process.stdout.readline().strip()

    def tell(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "ok\n"

    def stop(self):
        self.process.stdin.close()
        self.process.wait(timeout=20)


@pytest.fixture(scope="session")
def faked():
    it = FakedService()
    yield it
    it.stop()


@pytest.fixture(scope="session")
def contract(faked):
    return Contract(Api(faked.address).call("GET", "/openapi.json").json())


@pytest.fixture(scope="session")
def api(faked, contract):
    it = Api(faked.address, contract)
    wait_until(lambda: it.call("GET", "/readyz").status == 200, "the engine is connected")
    return it


@pytest.fixture(scope="session")
def open_api(faked, contract):
    return Api(faked.open_address, contract, token=None)
