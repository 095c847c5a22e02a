"""The README and the docs are correct: the example runs, two commands set up, links work."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TEST_COMMAND = "pip install '.[test]' -Ccmake.define.AEVB_TESTING=ON && pytest -n 2 --dist loadfile"
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def blocks(language: str, page: str = "README.md") -> list[str]:
    """A page's fenced blocks in one language, without the fences."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return [body for name, body in FENCE.findall(text) if name == language]


def anchors(page: Path) -> set[str]:
    """The fragments of a page's headings, as GitHub writes them."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def output_of(example: str, folder: Path) -> str:
    """What an example prints. A warning is an error."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", example],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_python_example_runs(tmp_path: Path) -> None:
    (example,) = blocks("python")
    assert "nats per row" in output_of(example, tmp_path)


def test_the_guide_to_tables(tmp_path: Path) -> None:
    example = blocks("python", "docs/tables.md")[0]
    printed = output_of(example + "\nprint(codes.shape, drawn.shape)\n", tmp_path)
    scores = dict(re.findall(r"^(\w+): (-?[\d.]+) nats per row$", printed, re.MULTILINE))
    assert float(scores["aevb"]) > float(scores["FactorAnalysis"]) + 5
    assert "(171, 10) (100, 30)" in printed


def test_the_guide_to_mixed_tables(tmp_path: Path) -> None:
    example, quantiles = blocks("python", "docs/tables.md")[1:3]
    more = "print(filled.dtypes.to_dict(), filled.isna().sum().sum(), drawn.dtypes.to_dict())"
    holes = "age, city = df.age.isna(), df.city.isna()"
    numbers = "print((low < high)[age].all(), (low == high)[~age].all(), (high - low)[age].mean())"
    shares = "print(((rome > 0) & (rome < 1))[city].mean(), np.unique(rome[~city]))"
    lines = [example, more, quantiles, holes, numbers, shares]
    printed = output_of("\n".join(lines), tmp_path)
    assert "'city': 'categorical'" in printed
    assert "'visits': 'poisson'" in printed
    assert "'smoker': 'bernoulli'" in printed
    assert "} 0 {" in printed
    *_, of_age, of_city = printed.splitlines()
    assert of_age.startswith("True True")
    assert 5 < float(of_age.split()[2]) < 33  # that of the column itself is 33
    assert of_city == "1.0 [0. 1.]"


def test_the_guide_to_texts(tmp_path: Path) -> None:
    example = blocks("python", "docs/tables.md")[3]
    # bread, cheese, goal, match, team, wine
    more = "print((drawn.sum(1) == 20).all(), shares[0, [0, 1, 5]].sum(), shares[2, 2:5].sum())"
    right, of_food, of_sports = output_of(f"{example}\n{more}\n", tmp_path).split()
    assert right == "True"
    assert min(float(of_food), float(of_sports)) > 0.95


def test_the_guide_to_scale(tmp_path: Path) -> None:
    example = blocks("python", "docs/scale.md")[0]
    printed = output_of(example + "\nprint(codes.shape, trainer.n_train)\n", tmp_path)
    score, shape = printed.splitlines()
    assert -23 < float(score.split()[0]) < -20.5  # log p of such rows has the mean -20.7
    assert shape == "(10000, 3) 10000"


def test_two_setup_commands_of_one_line() -> None:
    commands = [block.strip() for block in blocks("sh") if "pip install" in block]
    assert commands == ["pip install '.[plot]' && aevb demo", TEST_COMMAND]


def test_test_command_is_marked() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    _, after = text.split("<!-- test command -->")  # one marker; .ci/run looks for it
    block = FENCE.search(after)
    assert block is not None
    assert block[2] == f"{TEST_COMMAND}\n"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_relative_links(page: Path) -> None:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    broken = []
    for link in LINK.findall(text):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, fragment = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (fragment and fragment not in anchors(target)):
            broken.append(link)
    assert not broken
