"""Compare this tree with another revision: whether the results are the same bits, and the times.

    python bench/against.py REV [--rounds 7] [--seconds 0.5] [--only bits dense deep ...]

The script unpacks REV, builds it and builds this tree as it stands, each in its own folder. Each
build runs in its own process, and they take turns. The first table shows the results that differ by
a byte. The second table shows median times over the rounds, and the ratio of this tree's time to
REV's within each round.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from against_side import RESULTS, TIMED

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent


def build(tree: Path, site: Path) -> None:
    """Install a source tree into a folder of its own."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
    command += [f"--config-settings=build-dir={site}-build", "--target", str(site), str(tree)]
    subprocess.run(command, check=True)


def unpack(revision: str, tree: Path) -> None:
    """Write the files of a revision into a folder."""
    tree.mkdir()
    files = subprocess.run(
        ["git", "archive", revision], cwd=ROOT, check=True, stdout=subprocess.PIPE
    )
    subprocess.run(["tar", "-x", "-C", str(tree)], input=files.stdout, check=True)


class Side:
    """A process that uses one of the two builds and answers questions."""

    def __init__(self, site: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "against_side.py"), str(site)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": str(site)},
        )

    def ask(self, **question: object) -> str:
        """Return the answer to one question."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(json.dumps(question), file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"it ended over {question}")
        return str(json.loads(line))

    def close(self) -> None:
        """End the process."""
        self.process.communicate()


def compare_bits(new: Side, old: Side) -> int:
    """Print which results differ and return their number."""
    differ = [name for name in RESULTS if new.ask(bits=name) != old.ask(bits=name)]
    for name in differ:
        print(f"other bits: {name}")
    print(f"{len(RESULTS) - len(differ)} of {len(RESULTS)} results are the same byte for byte\n")
    return len(differ)


def race(new: Side, old: Side, names: list[str], rounds: int, seconds: float) -> None:
    """Print the times of both sides and their ratio."""
    print("| what | REV, ms | this tree, ms | ratio | from | to |")
    print("|---|---:|---:|---:|---:|---:|")
    for name in names:
        times = {side: [] for side in (new, old)}  # type: dict[Side, list[float]]
        for turn in range(rounds + 1):
            for side in (new, old) if turn % 2 else (old, new):
                time.sleep(0.05)  # threads of the previous side spin for a moment
                took = float(side.ask(timed=name, seconds=seconds))
                if turn > 0:  # the first round warms up
                    times[side].append(took)
        ratio = np.array(times[new]) / np.array(times[old])
        cells = [f"{1e3 * np.median(times[side]):.3f}" for side in (old, new)]
        cells += [f"{value:.3f}" for value in (np.median(ratio), ratio.min(), ratio.max())]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def main() -> None:
    """Build both sides and compare them. Exit with 1 if any bit differs."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("revision", metavar="REV")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.5, help="length of a turn")
    parser.add_argument("--only", nargs="+", choices=["bits", *TIMED], default=["bits", *TIMED])
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tree, sites = Path(folder, "tree"), (Path(folder, "new"), Path(folder, "old"))
        unpack(args.revision, tree)
        for source, site in zip((ROOT, tree), sites, strict=True):
            build(source, site)
        new, old = map(Side, sites)
        n_other = compare_bits(new, old) if "bits" in args.only else 0
        race(new, old, [name for name in TIMED if name in args.only], args.rounds, args.seconds)
        new.close()
        old.close()
    if n_other:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
