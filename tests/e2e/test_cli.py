"""The command line as people and CI use it: files, runs, a terminal, a shell's completion, Docker's and Compose's plugins."""
import contextlib
import fcntl
import json
import os
import pathlib
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import xml.etree.ElementTree

import pytest

from conftest import ENTROPY, NET, ROOT, injector_containers, run, wait_until


@pytest.fixture
def env(service):
    return dict(os.environ, ENTROPY_HOST=service.host, ENTROPY_DATA_DIR=str(service.data))


def slow(label, delay="150ms", extra=""):
    return f"policies:\n  slow:\n    selector: test={label}\n    failure: {{latency: {{delay: {delay}}}}}\n{extra}"


class Terminal:
    """A program on a pseudo-terminal; what it shows is kept as it comes."""
    running = []

    def __init__(self, *command, env=None, columns=80, rows=24):
        self.shown = ""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvpe(command[0], command, dict(env or os.environ, TERM="xterm"))
        Terminal.running.append(self)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self, within=0.05):
        with contextlib.suppress(OSError):
            while select.select([self.fd], [], [], within)[0]:
                piece = os.read(self.fd, 65536)
                if not piece:
                    break
                self.shown += piece.decode(errors="replace")
        return self.shown

    def wait_for(self, pattern, within=20):
        return wait_until(lambda: re.search(pattern, self.read()), f"the terminal shows {pattern}: {self.shown}", within)

    def type(self, keys):
        os.write(self.fd, keys.encode())

    def end(self):
        """Its exit code."""
        def ended():
            self.read()
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            return (os.waitstatus_to_exitcode(status),) if pid else None
        code, = wait_until(ended, f"the program ends: {self.shown}", within=30)
        self.close()
        return code

    def close(self):
        Terminal.running.remove(self)
        os.close(self.fd)


@pytest.fixture(autouse=True)
def no_terminal_left():
    """What a test that failed has left on one."""
    yield
    for it in list(Terminal.running):
        os.kill(it.pid, signal.SIGKILL)
        os.waitpid(it.pid, 0)
        it.close()


def test_apply_makes_the_service_what_the_file_says(service, container, tmp_path):
    container({"test": "apply"})
    file = tmp_path / "chaos.yaml"
    file.write_text(slow("apply", extra="  cut: {selector: test=nobody, failure: partition}\n"))
    assert "slow would be created" in service.cli("apply", "-f", file, "--dry-run").stdout
    assert service.cli("ls", "-q").stdout == ""
    assert service.cli("apply", "-f", file).stdout == "slow created\ncut created\n"
    service.wait_active("slow")
    started = service.policy("slow")["epoch"]
    file.write_text(slow("apply", delay="50ms"))
    assert "~ failure.latency.delay: 150ms -> 50ms" in service.cli("apply", "-f", file, "--prune", "--dry-run").stdout
    service.create("partition", "test=nobody", name="by-hand")
    assert service.cli("apply", "-f", file, "--prune").stdout == "slow updated (failure.latency.delay)\ncut removed\n"
    assert service.cli("ls", "-q").stdout.split() == ["by-hand", "slow"]
    assert service.policy("slow")["epoch"] == started, "its windows go on"
    exported = tmp_path / "exported.yaml"
    exported.write_text(service.cli("export").stdout)
    assert "by-hand updated" in service.cli("apply", "-f", exported).stdout  # it belongs to the default set now
    assert service.cli("apply", "-f", exported).stdout == "by-hand unchanged\nslow unchanged\n"


def test_every_problem_of_a_file_is_said_with_its_place(service, tmp_path):
    file = tmp_path / "bad.yaml"
    file.write_text("policies:\n  a: {selector: x, failure: latncy}\n  b: {selector: x, failure: partition, windows: 012}\n"
                    "  b: {selector: x, failure: partition}\n  c: {selector: x, failure: partition, state: off}\n")
    done = service.cli("apply", "-f", file, check=False)
    assert done.returncode == 1 and done.stdout == ""
    for place in ("2:20: a.failure: unknown failure", "3:49: 012 is octal", '4:3: the key "b" is given twice, first in line 3',
                  "5:47: off is a boolean"):
        assert f"entropy: {file}:{place}" in done.stderr
    assert service.cli("ls", "-q").stdout == ""


def test_a_standalone_run_needs_nothing_else(container, tmp_path):
    target = container({"test": "alone"})
    peer = container()
    chaos = tmp_path / "chaos.yaml"
    chaos.write_text(slow("alone", extra="    expect: {hits: 1, targets: 1, missed: 0}\n"))
    measure = ["nsenter", "-t", str(target.pid), "-n", "/usr/bin/python3", NET, "echo-client", peer.ip, "3", "0.05"]
    with peer.serving("echo-server"):
        done = run(ENTROPY, "run", "-f", str(chaos), "--standalone", "--seed", "7", "--report", f"junit={tmp_path}/r.xml",
                   "--report", f"json={tmp_path}/r.json", "--", *measure, check=False)
    assert done.returncode == 0, done.stderr
    assert all(rtt >= 150 for rtt in json.loads(done.stdout)), "what the command saw is slow, and its output is its own"
    assert "slow: 1 hit on 1 container (seed 7)" in done.stderr
    suite = xml.etree.ElementTree.parse(tmp_path / "r.xml").getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("3", "0")
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["passed"] and report["faults"][0]["target"] == target.name
    assert target.kernel_state() == []
    assert injector_containers() == []


def test_the_exit_code_says_what_went_wrong(service, env, container, tmp_path):
    container({"test": "codes"})
    chaos = tmp_path / "chaos.yaml"

    def code(text, *command):
        chaos.write_text(text)
        done = run(ENTROPY, "run", "-f", str(chaos), "--", *command, check=False, env=env)
        assert service.cli("ls", "-q").stdout == "", done.stderr
        return done.returncode, done.stderr

    assert code(slow("codes"), "sh", "-c", "exit 3")[0] == 3
    assert code(slow("codes"), "sh", "-c", "kill -TERM $$")[0] == 143
    assert code(slow("codes"), "/none/at/all")[0] == 127
    assert code(slow("nobody-has-it"), "true") == (125, "entropy: slow: nothing matches test=nobody-has-it (entropy match says more)\n")
    never, words = code(slow("codes", extra="    delay: 1h\n"), "true")
    assert never == 125 and "slow: FAILED: never fired" in words
    assert code(slow("codes", extra="    delay: 1h\n    expect: {hits: 0}\n"), "true")[0] == 0
    done = run(ENTROPY, "run", "-f", str(chaos), "--standalone", "--endpoint", f"unix://{tmp_path}/none.sock", "--", "true",
               check=False)
    assert done.returncode == 125 and "none.sock" in done.stderr
    assert code("policies: {slow: 1}\n", "true")[0] == 125


def test_a_run_without_a_command_returns_once_the_policy_holds(service, container):
    container({"test": "held"})
    done = service.cli("run", "--name", "held", "-e", "latency", "-o", "delay=10ms", "-c", "test=held", "-f", "1m")
    assert done.stdout == "held\n"
    assert service.policy("held")["status"]["phase"] == "active"
    assert "ttl" not in service.policy("held"), "it stays"


def test_create_may_wait_until_the_policy_holds(service, container):
    container({"test": "waited"})
    policy = ["-e", "latency", "-o", "delay=10ms", "-c"]
    assert service.cli("create", "--name", "now", *policy, "test=waited", "--wait").stdout == "now\n"
    assert service.policy("now")["status"]["phase"] == "active"
    service.cli("create", "--name", "later", *policy, "test=waited", "--delay", "1h", "--wait")
    assert service.policy("later")["targets"][0]["state"] == "armed", "its injector is there"
    done = service.cli("create", "--name", "nobody", *policy, "test=nobody", "--wait", "--timeout", "1s", check=False)
    assert (done.returncode, done.stdout) == (1, "nobody\n") and "no container matches yet" in done.stderr


def test_a_killed_run_leaves_nothing_beyond_its_lease(service, env, container, tmp_path):
    target = container({"test": "killed"})
    chaos = tmp_path / "chaos.yaml"
    chaos.write_text(slow("killed"))
    it = subprocess.Popen([ENTROPY, "run", "-f", str(chaos), "--lease", "2s", "--", "sleep", "30"], env=env,
                          stderr=subprocess.DEVNULL)
    wait_until(lambda: service.cli("ls", "-q").stdout, "the policy is there")
    service.wait_active("slow")
    # It is prolonged for as long as the run lives.
    ttl = service.policy("slow")["ttl"]
    wait_until(lambda: service.policy("slow")["ttl"] != ttl, "the lease is renewed")
    it.kill()
    it.wait()
    service.wait_phase("slow", "expired", within=4)
    wait_until(lambda: target.kernel_state() == [], "the kernel is clean", within=2)


@pytest.fixture
def standalone(container, tmp_path):
    """A run with a service of its own whose fault holds on a container, and which goes on."""
    target = container({"test": "standalone"})
    chaos = tmp_path / "chaos.yaml"
    chaos.write_text(slow("standalone"))
    it = subprocess.Popen([ENTROPY, "run", "-f", str(chaos), "--standalone", "--", "sleep", "30"], stderr=subprocess.DEVNULL,
                          env=dict(os.environ, TMPDIR=str(tmp_path)))
    wait_until(target.kernel_state, "the fault holds")
    return it, target, chaos


def test_a_killed_standalone_run_takes_its_service_along(standalone, tmp_path):
    it, target, _ = standalone
    it.kill()
    it.wait()
    wait_until(lambda: target.kernel_state() == [] and injector_containers() == [], "everything is gone", within=15)
    wait_until(lambda: list(tmp_path.glob("entropy-run-*")) == [], "its folder, too")


def test_what_a_run_left_that_died_with_its_service_is_no_hindrance(standalone, tmp_path):
    it, target, chaos = standalone
    children = pathlib.Path(f"/proc/{it.pid}/task/{it.pid}/children").read_text().split()
    for pid in children:  # the service and the command, before anybody can tell them to end
        os.kill(int(pid), signal.SIGKILL)
    it.kill()
    it.wait()
    wait_until(lambda: target.kernel_state() == [], "its lease is over", within=30)
    assert injector_containers() != [], "it waits for somebody to come back"
    done = run(ENTROPY, "run", "-f", str(chaos), "--standalone", "--", "true", check=False,
               env=dict(os.environ, TMPDIR=str(tmp_path)))
    assert done.returncode == 0, done.stderr
    assert injector_containers() == [] and target.kernel_state() == []
    assert list(tmp_path.glob("entropy-run-*")) == [], "the dead one's folder, too"


def test_ctrl_c_reaches_the_command_and_everything_is_rolled_back(service, env, container, tmp_path):
    target = container({"test": "ctrl-c"})
    chaos = tmp_path / "chaos.yaml"
    chaos.write_text(slow("ctrl-c"))
    terminal = Terminal(ENTROPY, "run", "-f", str(chaos), "--", "sh", "-c", "trap 'echo caught; exit 7' INT; test -t 0 && echo on a terminal; "
                        "while :; do sleep 0.05; done", env=env)
    terminal.wait_for("on a terminal")
    terminal.type("\x03")
    assert terminal.end() == 7
    assert terminal.shown.count("caught") == 1
    assert "every fault is read back as gone" in terminal.shown
    assert target.kernel_state() == []


def test_tables_fit_the_terminal_and_are_whole_in_a_pipe(service, env):
    name = service.create("partition", "test=nobody," + ",".join(f"label-{i}=value-{i}" for i in range(10)))
    terminal = Terminal("sh", "-c", f"stty cols 70; {ENTROPY} ls", env=env, columns=70)
    assert terminal.end() == 0
    lines = terminal.shown.splitlines()
    assert len(lines) == 2 and all(len(line) <= 70 for line in lines) and "…" in terminal.shown
    assert "value-9" in run(ENTROPY, "ls", env=env).stdout
    assert name in lines[1]


def test_top_shows_what_happens_and_halts(service, env, container):
    container({"test": "top"})
    name = service.create("latency", "test=top", "-o", "delay=10ms", "-f", "20")
    service.wait_active(name)
    piped = run(ENTROPY, "top", env=env).stdout
    assert "ENDS IN" in piped and name in piped and "\033" not in piped
    terminal = Terminal(ENTROPY, "top", env=dict(env, NO_COLOR="1"), columns=100)
    terminal.wait_for(rf"{name}.*active")
    terminal.type("h")
    terminal.wait_for("HALTED")
    assert json.loads(service.cli("info", "--format", "json").stdout)["halt"]["halted"]
    terminal.type("r")
    terminal.wait_for("resumed")
    terminal.type("q")
    assert terminal.end() == 0
    assert terminal.shown.endswith("\033[?1049l"), "the screen is as it was"
    assert "\033[1m" not in terminal.shown, "NO_COLOR"


def test_inspect_and_the_timeline_show_each_container(service, container):
    target = container({"test": "seen"})
    protected = container({"test": "seen", "entropy.protect": "true"})
    name = service.create("latency", "test=seen", "-o", "delay=10ms", "-f", "500ms", "-p", "0.5", "--seed", "4")
    wait_until(lambda: len(service.faults("--policy", name)) >= 2, "two windows were hits")
    policy = service.policy(name)
    assert [each["state"] in ("active", "armed") for each in policy["targets"]] == [True]
    assert policy["skipped"][0]["name"] == protected.name and "entropy.protect" in policy["skipped"][0]["reason"]
    table = service.cli("inspect", "--format", "table", name).stdout
    assert re.search(rf"{protected.name} .*skipped .*entropy.protect=true", table)
    timeline = service.cli("faults", "--timeline", "--since", "10s", "--forecast", "10s").stdout
    line = next(line for line in timeline.splitlines() if target.name[:20] in line)
    past, future = line.split("|")
    assert "█" in past and "░" in future and "·" in future


def test_bash_completes_what_is_there(service, env, container):
    container({"test": "complete"})
    name = service.create("partition", "test=nobody", name="half-cut")

    def complete(line):
        script = (f"PATH={ROOT}/bin:$PATH; source <(entropy completion bash); compopt() {{ :; }}; COMP_LINE='{line}'; COMP_POINT=${{#COMP_LINE}}; "
                  "_entropy; printf '%s\\n' \"${COMPREPLY[@]}\"")
        return run("bash", "-c", script, env=env).stdout.split()

    assert {"create", "apply", "run", "top"} <= set(complete("entropy "))
    assert complete("entropy cr") == ["create"]
    assert complete("entropy rm ha") == [name]
    assert complete("entropy create -e part") == ["partition"]
    assert "delay=" in complete("entropy create -e latency -o d")
    assert complete("entropy create -c test=com") == ["complete"], "behind the = that bash splits at"
    assert "--no-trunc" in complete("entropy ls --no")


def test_zsh_completes_what_is_there(service, env, tmp_path):
    service.create("partition", "test=nobody", name="half-cut")
    # What stands on the line is printed whole at Ctrl-X: while typed at, it is redrawn in pieces.
    (tmp_path / ".zshrc").write_text(f"PATH={ROOT}/bin:$PATH; PS1='ready> '; autoload -Uz compinit; compinit -u -D\n"
                                     "source <(entropy completion zsh)\n"
                                     "line() { print -r -- \"<$BUFFER>\" >/dev/tty }; zle -N line; bindkey '^X' line\n")
    terminal = Terminal("zsh", env=dict(env, ZDOTDIR=str(tmp_path)), columns=200)
    terminal.wait_for("ready> ")
    for typed, whole in (("rm ha", "rm half-cut "), ("create -e part", "create -e partition "), ("comp", "completion "),
                         ("create -e latency -o dela", "create -e latency -o delay=")):
        terminal.type(f"\x15entropy {typed}\t\x18")
        terminal.wait_for(f"<entropy {whole}>")
    terminal.type("\x15exit\n")
    assert terminal.end() == 0


def test_fish_completes_what_is_there(service, env, tmp_path):
    name = service.create("partition", "test=nobody", name="half-cut")

    def complete(line):
        script = f"set PATH {ROOT}/bin $PATH; entropy completion fish | source; complete -C '{line}'"
        done = run("fish", "--no-config", "-c", script, env=dict(env, HOME=str(tmp_path)))
        return [line.split("\t")[0] for line in done.stdout.splitlines()]

    assert complete("entropy rm ha") == [name]
    assert complete("entropy create -e part") == ["partition"]
    assert {"create", "apply", "run", "top"} <= set(complete("entropy "))
    assert "delay=" in complete("entropy create -e latency -o d")
    assert "--no-trunc" in complete("entropy ls --no")


def test_a_plugin_of_the_docker_command(service, env, tmp_path):
    plugins = tmp_path / "cli-plugins"
    plugins.mkdir()
    (plugins / "docker-entropy").symlink_to(ENTROPY)
    name = service.create("partition", "test=nobody")
    as_plugin = dict(env, DOCKER_CONFIG=str(tmp_path))
    assert run("docker", "entropy", "ls", "-q", env=as_plugin).stdout.strip() == name
    assert "entropy*" in run("docker", "--help", env=as_plugin).stdout
    assert run("docker", "entropy", "craete", env=as_plugin, check=False).returncode == 2


def test_a_provider_of_compose(service, env, container):
    """By the protocol that Compose documents (docs/extension.md of docker/compose): Debian 12 has no Compose that knows it."""
    target = container({"test": "composed", "com.docker.compose.project": "shop", "com.docker.compose.service": "db"})
    container({"test": "composed", "com.docker.compose.project": "other", "com.docker.compose.service": "db"})

    def compose(*args, check=True):
        done = run(ENTROPY, "compose", *args, env=env, check=check)
        return [json.loads(line) for line in done.stdout.splitlines()]

    metadata, = compose("metadata")
    assert {"selector", "failure", "file"} <= {each["name"] for each in metadata["up"]["parameters"]}
    up = ["--project-name", "shop", "up", "--selector=@service=db", "--failure=latency", "--param=delay=10ms", "chaos"]
    for attempt in range(2):  # `up` is idempotent
        messages = compose(*up)
        assert {each["type"] for each in messages} <= {"info", "setenv"}
        assert {"type": "setenv", "message": "POLICY=shop-chaos"} in messages
    service.wait_active("shop-chaos")
    assert [each["name"] for each in service.policy("shop-chaos")["targets"]] == [target.name], "its own project alone"
    assert service.policy("shop-chaos")["revision"] == 2
    compose("--project-name=shop", "stop", "chaos")
    assert service.policy("shop-chaos")["state"] == "stopped"
    assert compose("--project-name=shop", "down", "chaos")[0]["message"] == "shop-chaos is removed"
    assert compose("--project-name=shop", "down", "chaos") == []
    assert target.kernel_state() == []
    refused = compose("--project-name=shop", "up", "--selector=a", "--failure=latncy", "chaos", check=False)
    assert refused[0]["type"] == "error" and "did you mean" in refused[0]["message"]
