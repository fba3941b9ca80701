"""The scripts of docs/guide/shards.md print what the page says, each in processes of its own."""

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from support.helpers import PATIENCE_S

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "guide" / "shards.md").read_text(encoding="utf-8")
#: The whole scripts of the page; the other blocks are doctests.
SCRIPTS = [code for code in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if ">>>" not in code]
(PRINTED,) = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("package", ["concurrent", "ray", "dask"])
def test_the_scripts_print_what_the_page_says(package: str, tmp_path: Path) -> None:
    """The first script prints both answers. Those for other packages print the same page, if these are installed."""
    if find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    (script,) = (code for code in SCRIPTS if re.search(rf"^(?:import|from) {package}\b", code, re.MULTILINE))
    (tmp_path / "shards.py").write_text(script, encoding="utf-8")
    places = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(
        [sys.executable, "shards.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(places), "RAY_AUTH_MODE": "disabled"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    expected = PRINTED.splitlines()
    assert done.stdout.splitlines() == (expected if package == "concurrent" else expected[:1])


def test_every_script_of_the_page_is_run() -> None:
    """The page has the three scripts and no other one."""
    assert len(SCRIPTS) == 3
