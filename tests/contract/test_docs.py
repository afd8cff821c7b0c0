"""The examples of docs/api.md do what the page says."""
import json
import os
import re
import subprocess

from conftest import ROOT

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def agrees(wanted, got):
    """An object may have more fields, a list more items at its end; "…" is anything."""
    if wanted == "…":
        return True
    if isinstance(wanted, dict):
        return isinstance(got, dict) and all(key in got and agrees(value, got[key]) for key, value in wanted.items())
    if isinstance(wanted, list):
        return isinstance(got, list) and len(got) >= len(wanted) and all(map(agrees, wanted, got))
    return wanted == got


def test_the_examples_of_the_api_page(api, faked):
    env = dict(os.environ, ENTROPY=faked.address, TOKEN="secret")
    blocks = [block for block in BLOCK.findall((ROOT / "docs" / "api.md").read_text()) if block[0] != "console"]
    prelude = blocks[0][1].splitlines()[0]
    answer = None
    for kind, text in blocks:
        if kind == "sh":
            done = subprocess.run(["bash", "-euc", f"{prelude}\n{text}"], env=env, capture_output=True, text=True, timeout=60)
            assert done.returncode == 0, f"{text}{done.stdout}{done.stderr}"
            answer = done.stdout
        else:
            got = json.loads(answer.strip().splitlines()[-1])
            assert agrees(json.loads(text), got), f"{text}\nis not\n{got}"
