"""The local environment is ended where there is no Docker engine, too."""
import shutil
import subprocess

from conftest import ROOT


def test_to_stop_what_does_not_run_is_no_error(tmp_path):
    for folder in ("tools", "dev", "deploy"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    docker = tmp_path / "bin" / "docker"
    docker.parent.mkdir()
    docker.write_text("#!/bin/sh\nexit 1\n")
    docker.chmod(0o755)
    done = subprocess.run([tmp_path / "tools" / "environment", "stop"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
