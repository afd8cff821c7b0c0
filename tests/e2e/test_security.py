"""TLS on both sides, and what Entropy asks of an engine: no more than docs/security.md says."""
import json
import os
import pathlib
import re
import select
import signal
import socket
import ssl
import subprocess

import pytest

from conftest import ENTROPY, ROOT, Service, run, wait_until
from proxies import EngineProxy
from test_interface import Api

CALLS = re.findall(r"^\| `(GET|POST|DELETE) (\S+)` \|", (ROOT / "docs" / "security.md").read_text(), re.MULTILINE)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """An authority (ca.pem), and folders `server` and `client` with cert.pem and key.pem of its making."""
    folder = tmp_path_factory.mktemp("certificates")

    def openssl(*args):
        run("openssl", *args, cwd=folder)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl("req", "-x509", *key, "-days", "2", "-subj", "/CN=authority", "-keyout", "ca.key", "-out", "ca.pem")
    for who, extension in ("server", "subjectAltName=DNS:localhost,IP:127.0.0.1"), ("client", "extendedKeyUsage=clientAuth"):
        (folder / who).mkdir()
        (folder / "extension").write_text(extension)
        openssl("req", *key, "-subj", f"/CN={who}", "-keyout", f"{who}/key.pem", "-out", "csr")
        openssl("x509", "-req", "-days", "2", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "extension",
                "-in", "csr", "-out", f"{who}/cert.pem")
        (folder / who / "ca.pem").write_bytes((folder / "ca.pem").read_bytes())
    return folder


class FilteringProxy(EngineProxy):
    """Stands before an engine's socket with mutual TLS, and lets the documented calls pass."""

    def __init__(self, certificates):
        self.refused, self.passed = [], set()
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(certificates / "server" / "cert.pem", certificates / "server" / "key.pem")
        self.tls.load_verify_locations(certificates / "ca.pem")
        self.tls.verify_mode = ssl.CERT_REQUIRED
        super().__init__(socket.create_server(("127.0.0.1", 0)))
        self.address = f"tcp://127.0.0.1:{self.listener.getsockname()[1]}"

    def serve(self, plain):
        try:
            with self.tls.wrap_socket(plain, server_side=True) as client, socket.socket(socket.AF_UNIX) as engine:
                request = self.head_of(client)
                if not request:
                    return
                head, method, target = request
                if not self.allows(method, target):
                    client.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                    return
                engine.connect(self.engine)
                engine.sendall(head)
                self.exchange(client, engine)
        except OSError:  # of TLS, too
            pass

    @staticmethod
    def exchange(client, engine):
        """Both ways until one of them ends, in one thread: two must not read and write a TLS socket at once."""
        while True:
            ready = [client] if client.pending() else select.select([client, engine], [], [])[0]
            for source, sink in ((client, engine), (engine, client)):
                if source in ready:
                    part = source.recv(65536)
                    if not part:
                        return
                    sink.sendall(part)

    def allows(self, method, target):
        path = re.sub(r"^/v[\d.]+", "", target.split("?")[0])
        for call in CALLS:
            if call[0] == method and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", call[1]), path):
                self.passed.add(call)
                return True
        self.refused.append(f"{method} {path}")
        return False


def test_the_documented_engine_calls_are_enough(own_service, container, certificates):
    proxy = FilteringProxy(certificates)
    service = own_service(endpoint=f"{proxy.address}?cert-path={certificates}/client")
    target = container({"test": "proxied"})
    name = service.create("latency", "test=proxied", "-o", "delay=20ms")
    service.wait_active(name)
    later = container({"test": "proxied"})
    service.wait_active(name, faults=2)
    assert {each["target"]["name"] for each in service.injectors()} == {target.name, later.name}
    assert service.cli("logs", service.injectors()[0]["name"]).stdout
    assert "partition" in service.cli("failures").stdout
    doctor = service.cli("doctor", check=False).stdout
    assert re.search(r"ok    backend (netem|userspace) works there", doctor), doctor
    service.cli("rm", name)
    acts = [("kill", "signal=CONT"), ("restart", "grace=0s"), ("pause", None), ("memory", "limit=512MiB")]
    for failure, parameter in acts:
        act = service.create(failure, "test=proxied", *(["-o", parameter] if parameter else []))
        wait_until(lambda: len([each for each in service.faults("--policy", act) if each["started"]]) == 2, f"{failure} is done")
        service.cli("rm", act)
    service.stop()
    assert proxy.refused == []
    # An engine that has the image already is not asked to load it; custom images and Swarm have their own tests.
    unused = {("GET", "/services"), ("POST", "/images/load"), ("POST", "/images/create"), ("POST", "/containers/{id}/stop")}
    assert set(CALLS) - proxy.passed <= unused
    proxy.listener.close()


def test_an_engine_whose_certificate_is_not_trusted_is_said(own_service, certificates, tmp_path):
    proxy = FilteringProxy(certificates)
    other = tmp_path / "other"
    other.mkdir()
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
        "/CN=other", "-keyout", other / "key", "-out", other / "ca.pem")
    service = own_service(endpoint=f"{proxy.address}?cert-path={other}")
    name = service.create("partition", "test=nobody")
    wait_until(lambda: "certificate" in service.policy(name)["status"]["message"], "the status says why")
    assert proxy.passed == set()


def test_mutual_tls_between_client_and_service(tmp_path, certificates):
    server = certificates / "server"
    service = Service(tmp_path, "-H", "tcp://127.0.0.1:0", "--tlsverify", "--tlscacert", str(server / "ca.pem"), "--tlscert",
                      str(server / "cert.pem"), "--tlskey", str(server / "key.pem")).start()
    try:
        host = re.search(r"listening on .*(https://127\.0\.0\.1:\d+)", service.text()).group(1)

        def client(folder, *options):
            env = {**os.environ, "ENTROPY_HOST": host, "ENTROPY_DATA_DIR": str(tmp_path), "ENTROPY_CERT_PATH": str(folder)}
            return run(ENTROPY, *options, check=False, env=env)

        assert client(certificates / "client", "create", "--name", "cut", "-e", "partition", "-c", "a=b").returncode == 0
        assert client(certificates, "ls").returncode == 1, "the authority alone is no certificate of one's own"
        untrusted = client(tmp_path, "--tlsverify", "ls")
        assert untrusted.returncode == 1 and "not trusted" in untrusted.stderr
        env = {**os.environ, "ENTROPY_HOST": host.replace("https", "tcp"), "ENTROPY_DATA_DIR": str(tmp_path)}
        assert run(ENTROPY, "ls", check=False, env=env).returncode == 1, "plain HTTP on a TLS port"
        [entry] = Api(service).call("GET", "/v1/audit")[1]["items"]
        assert (entry["by"], entry["status"]) == ("token, certificate client", 201)
    finally:
        service.stop()


def test_the_token_is_not_in_the_process_list(service):
    token = (service.data / "token").read_text().strip()
    env = dict(os.environ, ENTROPY_HOST=service.host)
    stream = subprocess.Popen([ENTROPY, "--token", token, "events"], env=env, stdout=subprocess.PIPE, text=True)
    try:
        wait_until(lambda: "xxxx" in pathlib.Path(f"/proc/{stream.pid}/cmdline").read_text(), "it is overwritten")
        assert token not in pathlib.Path(f"/proc/{stream.pid}/cmdline").read_text()
        assert token not in service.text()
    finally:
        stream.terminate()
        stream.wait()


def test_streams_tell_of_the_rollback_at_the_end(own_service, container):
    service = own_service()
    container({"test": "drained"})
    name = service.create("partition", "test=drained")
    service.wait_active(name)
    env = dict(os.environ, ENTROPY_HOST=service.host, ENTROPY_DATA_DIR=str(service.data))
    stream = subprocess.Popen([ENTROPY, "events", "--since", "1h", "--format", "json"], env=env, stdout=subprocess.PIPE,
                              text=True)
    while "fault.started" not in stream.stdout.readline():
        assert stream.poll() is None
    service.stop(signal.SIGTERM)
    told = [json.loads(line)["type"] for line in stream.communicate(timeout=20)[0].splitlines()]
    assert "fault.ended" in told
