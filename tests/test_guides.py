"""The examples of the guides run, and print what the guides say."""

import re
import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parents[1] / "docs"


def test_the_guide_to_tables(tmp_path):
    text = (DOCS / "tables.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    example += "\nprint(codes.shape, drawn.shape)\n"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", example],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    scores = dict(re.findall(r"^(\w+): (-?[\d.]+) nats per row$", done.stdout, re.MULTILINE))
    assert float(scores["aevb"]) > float(scores["FactorAnalysis"]) + 5
    assert "(171, 10) (100, 30)" in done.stdout
