"""The cost of `import aevb` beside scikit-learn, which it needs: medians over fresh interpreters.

python bench/imports.py [--runs 15]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile

import numpy as np

IMPORTS = """
import time
start = time.perf_counter()
import sklearn.base, sklearn.utils.validation
middle = time.perf_counter()
import aevb
print(middle - start, time.perf_counter() - middle)
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=15)
    args = parser.parse_args()
    command = [sys.executable, "-c", IMPORTS]
    elsewhere = tempfile.gettempdir()  # the sources here would hide the installed package
    runs = [
        subprocess.run(command, cwd=elsewhere, capture_output=True, text=True, check=True)
        for _ in range(args.runs + 1)
    ][1:]  # the first run fills the disk cache
    theirs, ours = 1e3 * np.median([list(map(float, r.stdout.split())) for r in runs], axis=0)
    print(f"scikit-learn {theirs:.0f} ms, aevb beyond it {ours:.1f} ms")


if __name__ == "__main__":
    main()
