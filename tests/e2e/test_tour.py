"""docs/tour.md, as a reader types it: every command of it, in one shell, in a copy of the checkout."""
import os
import pathlib
import re
import subprocess

from conftest import IMAGE, PATIENCE, ROOT, injector_containers, docker, run

BUILT_ALREADY = ("git clone", "make build")


def commands():
    blocks = re.findall(r"^```sh\n(.*?)^```", (ROOT / "docs" / "tour.md").read_text(), re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if line.strip()]
    return [line for line in lines if not line.startswith(BUILT_ALREADY)]


def test_every_command_of_the_tour_works(tmp_path):
    for name in ("bin", "examples", "docs"):
        (tmp_path / name).symlink_to(ROOT / name)
    given = commands()
    assert len(given) > 25
    # Each is shown before it runs, and the first that fails ends it.
    script = "set -m\n" + "\n".join(f"printf '$ %s\\n' {quoted(line)}\n{line} || {{ echo \"FAILED: $?\"; exit 1; }}"
                                    if not line.endswith("&") else line for line in given)
    env = dict(os.environ, SHOP_IMAGE=IMAGE, HOME=str(tmp_path))
    for name in ("ENTROPY_HOST", "ENTROPY_DATA_DIR"):
        env.pop(name, None)
    try:
        done = subprocess.run(["bash", "-c", script], cwd=tmp_path, env=env, capture_output=True, text=True,
                              timeout=120 * PATIENCE)
    finally:
        run("sh", str(ROOT / "examples" / "shop" / "down"))
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "12 apples" in said and "sold out" in said
    assert "every fault is read back as gone" in done.stderr
    assert "## Entropy: passed" in done.stdout
    assert re.search(r"would be created", done.stdout)
    assert 'did you mean "latency"?' in done.stderr and "02 is octal" in done.stderr
    assert "░" in done.stdout
    assert (tmp_path / "chaos.xml").read_text().count("<failure") == 0
    assert injector_containers() == []


def quoted(text):
    return "'" + text.replace("'", "'\\''") + "'"
