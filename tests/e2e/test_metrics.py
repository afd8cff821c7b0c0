"""What a real Prometheus sees of a service at work, and whether every query of the dashboards finds data in it."""
import json
import re
import shutil
import socket
import subprocess
import urllib.error
import urllib.parse
import urllib.request

import pytest

from conftest import ROOT, Service, run, wait_until

DEPLOY = ROOT / "deploy"
# Where Debian's package leaves the library that console pages are made with.
CONSOLE_LIBRARIES = "/usr/share/doc/prometheus/examples/console_libraries"
TYPES = {
    "entropy_build_info": "gauge", "entropy_halted": "gauge", "entropy_policies": "gauge", "entropy_policy_targets": "gauge",
    "entropy_faults_active": "gauge", "entropy_injectors": "gauge", "entropy_windows_total": "counter",
    "entropy_fault_seconds_total": "counter", "entropy_fault_packets_total": "counter",
    "entropy_fault_tcp_segments_total": "counter",
    "entropy_inject_duration_seconds": "histogram", "entropy_rollback_duration_seconds": "histogram",
    "entropy_reconcile_duration_seconds": "histogram", "entropy_endpoint_up": "gauge",
    "entropy_engine_requests_total": "counter", "entropy_orphans_removed_total": "counter",
    "entropy_http_request_duration_seconds": "histogram", "process_cpu_seconds_total": "counter",
    "process_start_time_seconds": "gauge", "process_resident_memory_bytes": "gauge", "process_virtual_memory_bytes": "gauge",
    "process_open_fds": "gauge", "process_max_fds": "gauge", "process_threads": "gauge",
}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def get(url, token=None):
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"} if token else {})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.read().decode()


class Watched(Service):
    """A service that listens on TCP as well, for Prometheus."""

    def __init__(self, data):
        self.address = f"127.0.0.1:{free_port()}"
        super().__init__(data, "-H", f"tcp://{self.address}", "--lease", "3s")  # a fault's figures come with its renewals

    def metrics(self):
        return get(f"http://{self.address}/metrics", (self.data / "token").read_text().strip())

    def metric(self, name, **labels):
        """The sum of the samples that have these labels."""
        found = 0.0
        for line in self.metrics().splitlines():
            sample = re.fullmatch(name + r"(?:\{(.*)\})? (\S+)", line)
            if sample and all(f'{key}="{value}"' in (sample[1] or "") for key, value in labels.items()):
                found += float(sample[2])
        return found


class Prometheus:
    """The configuration of deploy/prometheus with other addresses and a short breath."""

    def __init__(self, folder, service):
        self.address = f"127.0.0.1:{free_port()}"
        self.config = folder / "prometheus.yml"
        shutil.copytree(DEPLOY / "prometheus" / "rules", folder / "rules")
        text = (DEPLOY / "prometheus" / "prometheus.yml").read_text()
        for what, instead in [("entropy:7890", service.address), ("localhost:9090", self.address), (": 5s", ": 250ms"),
                              ("/var/lib/entropy/token", str(service.data / "token"))]:
            assert what in text
            text = text.replace(what, instead)
        self.config.write_text(text)
        run("promtool", "check", "config", str(self.config))
        self.process = subprocess.Popen(
            ["prometheus", f"--config.file={self.config}", f"--web.listen-address={self.address}",
             f"--storage.tsdb.path={folder}/data", f"--web.console.templates={DEPLOY}/prometheus/consoles",
             f"--web.console.libraries={CONSOLE_LIBRARIES}", "--log.level=warn"], stderr=(folder / "log").open("w"))
        wait_until(self.ready, f"Prometheus is ready, see {folder}/log", within=30)

    def ready(self):
        try:
            return get(f"http://{self.address}/-/ready")
        except urllib.error.URLError:
            return None

    def ask(self, path, **parameters):
        """What the API answers; its errors say which query is wrong."""
        url = f"http://{self.address}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            return json.loads(get(url))["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{parameters}: {error.read().decode()}") from error

    def now(self):
        return float(self.ask("query", query="time()")["result"][1])

    def has_data(self, query, since):
        """Whether the query has drawn anything since then; NaN draws nothing."""
        result = self.ask("query_range", query=query, start=since, end=self.now(), step=0.5)["result"]
        return any(value != "NaN" for series in result for _, value in series["values"])

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=30)


@pytest.fixture
def watched(tmp_path):
    it = Watched(tmp_path).start()
    yield it
    for name in it.cli("ls", "-q").stdout.split():
        it.cli("rm", name)
    it.stop()


@pytest.fixture
def prometheus(tmp_path, watched):
    folder = tmp_path / "prometheus"
    folder.mkdir()
    it = Prometheus(folder, watched)
    yield it
    it.stop()


def substituted(query):
    """As Grafana sends it, with everything chosen."""
    for variable, value in {"$__rate_interval": "4s", "$policy": ".*", "$instance": ".*"}.items():
        query = query.replace(variable, value)
    assert "$" not in query, query
    return query


def dashboard():
    return json.loads((DEPLOY / "grafana" / "dashboards" / "entropy.json").read_text())


def dashboard_queries():
    """Title and query of every panel and every annotation."""
    for panel in dashboard()["panels"]:
        for target in panel["targets"]:
            yield panel["title"], substituted(target["expr"])
    for annotation in dashboard()["annotations"]["list"]:
        # Older Grafanas take the query from the annotation itself, newer ones from its target.
        assert annotation["target"]["expr"] == annotation["expr"]
        yield f"annotation {annotation['name']}", substituted(annotation["expr"])


def console_queries():
    page = (DEPLOY / "prometheus" / "consoles" / "entropy.html").read_text()
    return re.findall(r'expr: "([^"]+)"', page) + re.findall(r'query "([^"]+)"', page)


def work(service, target, peer, selector):
    """Everything there is to be seen: faults with packets in them, windows, a rollback, a halt."""
    service.create("latency", selector, "-o", "delay=20ms", "-f", "2", "-d", "1", name="slow")
    service.create("loss", selector, "-o", "percent=50", name="lossy")
    service.create("partition", selector, "-f", "1", "-p", "0", name="lucky")
    service.wait_active("lossy")
    # In mid-window, and of a window that has no end: the time that it holds is seen to grow.
    held = service.metric("entropy_fault_seconds_total", policy="lossy")
    wait_until(lambda: service.metric("entropy_fault_seconds_total", policy="lossy") > held, "fault seconds grow")
    assert service.metric("entropy_windows_total", policy="lossy", outcome="hit") == 1
    target.net("send-series", peer.ip, 100, 0.01)
    dropped = lambda: service.metric("entropy_fault_packets_total", policy="lossy", action="dropped")
    wait_until(lambda: 20 <= dropped() <= 90, "half of 100 packets are counted as dropped")
    wait_until(lambda: service.metric("entropy_fault_packets_total", policy="slow", action="delayed") > 0, "packets delayed")
    wait_until(lambda: service.metric("entropy_windows_total", policy="slow", outcome="hit") >= 2, "two windows hit")
    wait_until(lambda: service.metric("entropy_windows_total", policy="lucky", outcome="spared") >= 2, "two spared")
    service.cli("stop", "lossy")
    service.cli("halt")


def check_exposition(service, target):
    text = service.metrics()
    checked = run("promtool", "check", "metrics", input=text)
    assert checked.stdout + checked.stderr == ""
    assert dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE)) == TYPES
    labels = re.findall(r'="((?:[^"\\]|\\.)*)"', text)
    assert labels and not [label for label in labels if re.search(r"\b[0-9a-f]{12}", label)], "no container's or image's id"
    assert target.name not in text
    assert service.metric("entropy_inject_duration_seconds_count") == 1, "one target, one injector"
    assert 0 < service.metric("entropy_inject_duration_seconds_sum") < 15
    assert service.metric("entropy_rollback_duration_seconds_count") == 2, "a stop and a halt"
    assert service.metric("entropy_engine_requests_total", operation="POST /containers/create", code="201") == 1
    assert service.metric("entropy_http_request_duration_seconds_count", route="/v1/policies", code="201") == 3


def check_dashboard(prometheus, since):
    for title, query in dashboard_queries():
        wait_until(lambda: prometheus.has_data(query, since), f"{title}: {query} has data")
    for variable in dashboard()["templating"]["list"]:
        if variable["type"] == "query":
            series, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["definition"]).groups()
            assert prometheus.ask(f"label/{label}/values", **{"match[]": series}), variable["name"]


def check_console(prometheus, since):
    for query in console_queries():
        if "ALERTS" not in query:
            wait_until(lambda: prometheus.has_data(query, since), f"{query} has data")
    page = get(f"http://{prometheus.address}/consoles/entropy.html")
    assert "<b>halted</b>" in page and "error" not in page.lower(), page


def check_rules(prometheus):
    rules = [rule for group in prometheus.ask("rules")["groups"] for rule in group["rules"]]
    assert rules and all(rule["health"] == "ok" for rule in rules), rules
    assert [rule["name"] for rule in rules if rule["state"] == "firing"] == []


def test_prometheus_sees_what_is_going_on(watched, prometheus, pair):
    wait_until(lambda: prometheus.ask("query", query='up{job="entropy"} == 1')["result"], "the service is scraped")
    began = prometheus.now()
    work(watched, *pair)
    check_exposition(watched, pair[0])
    check_dashboard(prometheus, began)
    check_console(prometheus, began)
    check_rules(prometheus)
    watched.cli("resume")
