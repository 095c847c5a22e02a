"""Tables with columns of words on the command line."""

import csv
import sys

import numpy as np
import pandas as pd
import pytest

from aevb import AEVB, Evaluator, cli
from aevb.cli import csv_file, files
from aevb.cli.columns import feature_names, set_feature_names, wanted_columns
from aevb.cli.csv_layout import layout_of

FIT = ["--n-components=2", "--hidden-layer-sizes=4", "--n-epochs=2", "--random-state=0"]
SMALL = {"n_components": 2, "hidden_layer_sizes": (4,), "n_epochs": 2, "random_state": 0}
NAMES = ["city", "age", "size"]


def rows(n=30):
    """Rows of a city, a whole number and a number, with gaps at different places."""
    rng = np.random.default_rng(0)
    table = [
        [rng.choice(["Rome", "Oslo", "Bern"]), f"{rng.integers(20, 60)}", f"{rng.random():.2f}"]
        for _ in range(n)
    ]
    for i, (j, mark) in enumerate([(0, "?"), (0, ""), (1, "NA"), (2, " nan "), (1, " ")]):
        table[3 * i][j] = mark
    return table


def frame_of(table, names=NAMES):
    columns = [
        [None if text.strip() in ("", "?", "NA", "nan") else read_as(text) for text in column]
        for read_as, column in zip([str, int, float], zip(*table, strict=True), strict=True)
    ]
    types = dict(zip(names, [object, "Int64", float], strict=True))
    return pd.DataFrame(
        {name: pd.Series(cells, dtype=object) for name, cells in zip(names, columns, strict=True)}
    ).astype(types)


def write(name, table, header=NAMES):
    with open(name, "w", newline="") as file:
        csv.writer(file).writerows([header, *table] if header else table)
    return name


def read(name):
    with open(name, newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Run in a folder with a table of words, rows.csv."""
    monkeypatch.chdir(tmp_path)
    write("rows.csv", rows())


@pytest.fixture
def fitted(runs):
    runs(0, "fit", "rows.csv", "--out=m.safetensors", *FIT)
    return "m.safetensors"


# --------------------------------------------------------------------------------------- reading
def test_words_make_a_frame():
    read = files.read_table("rows.csv")
    pd.testing.assert_frame_equal(read.X, frame_of(rows()))
    assert read.names == tuple(NAMES)
    assert read.is_frame


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("1, a\n2, ?\n3, b\n", {"x0": [1, 2, 3], "x1": ["a", None, "b"]}),  # no header
        ("red,2\nblue,4\n", {"x0": ["red", "blue"], "x1": [2, 4]}),
        ("red,2\n", {"x0": ["red"], "x1": [2.0]}),
        ("red,a\nblue,4\n", {"red": ["blue"], "a": [4.0]}),
        ("a,b\nM,x\nF,y\n", {"a": ["M", "F"], "b": ["x", "y"]}),  # words alone have a header
        ("a,\nM,x\n", {"a": ["M"], "column 1": ["x"]}),
        ("a,b\n,?\nM,3\n", {"a": [None, "M"], "b": [np.nan, 3.0]}),
        ("M,1,u\n,2,v\n", {"x0": ["M", None], "x1": [1, 2], "x2": ["u", "v"]}),
        ("A,1\nB,2.5\nB,2.5\n", {"x0": ["A", "B", "B"], "x1": [1, 2.5, 2.5]}),
        ("c,n\n1,1\nA,1\nB,3\n", {"c": ["1", "A", "B"], "n": [1, 1, 3]}),  # most are words
        ("c,n\n1-2,1\n3-4,2\n", {"c": ["1-2", "3-4"], "n": [1, 2]}),
        ("c,n\nNaN,1\nnan,2\nNAN,4\nA,3\n", {"c": [None] * 3 + ["A"], "n": [1, 2, 4, 3]}),
        (
            "c,n\n1_000,1\n2_000,3\nA,2\nB,2\n3,3\n",
            {"c": ["1_000", "2_000", "A", "B", "3"], "n": [1, 3, 2, 2, 3]},
        ),
    ],
)
def test_what_is_a_header_and_what_is_a_word(text, columns):
    with open("some.csv", "w") as file:
        file.write(text)
    X = files.read_table("some.csv").X
    want = {
        name: pd.Series(values, dtype=object if any(isinstance(v, str) for v in values) else None)
        for name, values in columns.items()
    }
    want = {k: v.astype("Int64") if v.dtype.kind == "i" else v for k, v in want.items()}
    pd.testing.assert_frame_equal(X, pd.DataFrame(want))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\nx,1\ny,red\nz,3\n", "column 'b', line 3: got 'red', want a number or a blank cell"),
        ("a,b\nx,red\ny,1\nz,3\n", "column 'b', line 2: got 'red', want a number"),
        ("1,x\n2,y\n1_0,z\n", "column 0, line 3: got '1_0', want a number"),
        ('a,b\nx,"1,5"\ny,"2,5"\n', "column 'b', line 2: got '1,5', want a number"),
        ("a,b\nx,1\ny\n", "line 3: got 1 fields, want 2"),
    ],
)
def test_what_is_wrong_with_words(text, message):
    with open("some.csv", "w") as file:
        file.write(text)
    with pytest.raises(ValueError, match=r"^some\.csv: ") as caught:
        files.read_table("some.csv")
    assert message in str(caught.value)


def test_words_without_pandas(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ValueError, match=r"^rows\.csv: column 'city', line 3: got '\w+'; columns"):
        files.read_table("rows.csv")
    assert not files.read_table("rows.csv", ["city"]).is_frame


def test_a_column_of_names_is_pointed_out(capsys):
    def said(words):
        write("names.csv", [[word, 5] for word in words], ["name", "n"])
        files.read_table("names.csv")
        return capsys.readouterr().err

    names = [f"n{i}" for i in range(20)]
    line = (
        "aevb: names.csv: column 'name' has {} different words in {} rows; --drop 0 leaves it out\n"
    )
    assert said(names) == line.format(20, 20)
    assert said([*names, "?"]) == line.format(20, 20)
    assert said([*names, *names[1:]]) == line.format(20, 39)
    assert said(names * 2) == ""
    assert said(names[1:]) == ""


def test_row_numbers_beside_words_are_pointed_out(capsys):
    write("some.csv", [["a", 1], ["b", 2], ["a", 3]], ["x", "id"])
    files.read_table("some.csv")
    assert "column 'id' numbers the rows; --drop 1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [
        ("red;blue,1\ngreen;pink,2\n", ","),
        ('1,"red;blue"\n2,"green;pink"\n', ","),
        ("colour,n\nred;blue,1\ngreen;pink,2\na;b,3\n", ","),
        ("size (cm; rounded),n\n1,2\n", ","),
        ("size (cm; rounded),n;m\n1;2,x\n1;3,y\n2,z\n", ","),
        ("red;blue,x\ngreen;pink,y\n", ","),
        ("a\tb,1\n", ","),
        ("a,p;1\nb,q;1;2\nc,r;1;2;3\n", ","),
        ("1,5;2,5\n3,5;4,5\n", ";"),
        ("1,5;2\n3,5;4\n", ";"),
        ("name;n\nRossi, Mario;1\nBianchi, Ada;2\n", ";"),
        ("Rossi, Mario;1\nBianchi, Ada;2\n", ";"),
        ("Rome, Italy\t5\nOslo, Norway\t6\n", "\t"),
        ("1;2;3\n4;5\n", ";"),
        ("tags\nx\n", ","),
        ('a,b\n1,"x\n' + "y\n" * 20 + '"\n', ","),
        (",".join(["0.123456"] * 20_000), ","),  # longer than a field may be
    ],
)
def test_semicolons_in_words_and_commas_in_numbers(text, delimiter):
    with open("some.csv", "w") as file:
        file.write(text)
    assert layout_of("some.csv", [])[0].delimiter == delimiter


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('a,b\nx,1\ny,"2\nz,3\n', 3),
        ('a,b\n"x\n\ny",1\n\n"y,2\nz,3\n', 6),
        ("a,b\n" + "x,1\n" * 20 + '"y,2\nz,3\n', 22),
        ('a,b\n"x"y,1\n', 2),
        ('"a,b\n1,2\n', 1),
    ],
)
def test_a_quote_that_is_not_closed(text, line):
    with open("some.csv", "w") as file:
        file.write(text)
    with pytest.raises(ValueError, match=rf"^some\.csv: line {line}: .*a quote is not closed$"):
        files.read_table("some.csv")


def test_marks_of_missing_values():
    marks = ["", "?", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "None", "NULL", "null"]
    write("marks.csv", [["Rome", 7], ["Oslo", 9], *[[mark, mark] for mark in marks]], ["c", "n"])
    X = files.read_table("marks.csv").X
    assert X["c"].tolist() == ["Rome", "Oslo", *[None] * len(marks)]
    assert X["n"].tolist() == [7, 9, *[pd.NA] * len(marks)]


# ------------------------------------------------------------------------------------------- fit
def test_fit_is_fit_on_the_frame(runs):
    out = runs(0, "fit", "rows.csv", "--out=m.safetensors", *FIT).splitlines()
    want, model = AEVB(**SMALL).fit(frame_of(rows())), AEVB.load("m.safetensors")
    for name, weight in want.weights_.items():
        np.testing.assert_array_equal(model.weights_[name], weight)
    assert model.feature_names_in_.tolist() == NAMES
    assert out[1] == "columns  2 gaussian, standardised; 1 categorical"
    age = model.columns_[1]
    assert out[3:6] == [
        "column  likelihood      location        scale  levels",
        "city    categorical                            3: Bern, Oslo, Rome",
        f"age     gaussian    {age.location:>12g} {age.scale:>12g}",
    ]
    assert runs(0, "info", "m.safetensors").splitlines()[6:] == out[3:7]


def test_levels_in_a_table_are_cut(runs):
    levels = [f"level number {i}" for i in range(9)]
    write("long.csv", [[level, 5, "x" * 50] for level in levels * 2], ["a", "n", "b"])
    out = runs(0, "fit", "long.csv", "--out=m.safetensors", *FIT)
    assert "  9: level number 0, level number 1, ...\n" in out
    assert f"  1: {'x' * 40}\n" in out


@pytest.mark.parametrize("header", [NAMES, None])
def test_likelihoods_of_columns(runs, header):
    write("rows.csv", rows(), header)
    words = ["age" if header else "1", "2"]
    options = [f"--likelihood={words[0]}=poisson", f"--likelihood={words[1]}=laplace"]
    runs(0, "fit", "rows.csv", "--out=m.safetensors", *FIT, *options)
    families = [column.family for column in AEVB.load("m.safetensors").columns_]
    assert families == ["categorical", "poisson", "laplace"]
    write("numbers.csv", [row[1:] for row in rows()], header and NAMES[1:])
    runs(0, "fit", "numbers.csv", "--out=m.safetensors", *FIT, "--likelihood=0=categorical")
    assert [c.family for c in AEVB.load("m.safetensors").columns_] == ["categorical", "gaussian"]


def test_a_column_s_name_may_have_an_equals_sign(runs):
    write("rows.csv", rows(), ["city", "a=b", "1"])
    options = ["--likelihood=a=b=poisson", "--likelihood=1=laplace"]
    runs(0, "fit", "rows.csv", "--out=m.safetensors", *FIT, *options)
    families = [column.family for column in AEVB.load("m.safetensors").columns_]
    assert families == ["categorical", "poisson", "laplace"]


@pytest.mark.parametrize(
    ("code", "words", "message"),
    [
        (2, ["gaussian", "age=poisson"], "--likelihood: got 'gaussian' and more, want one name"),
        (2, ["gaussian", "laplace"], "--likelihood: got 'gaussian' and more"),
        (2, ["age=poisson", "age=laplace"], "--likelihood: got a column twice"),
        (2, ["age=poisson", "1=laplace"], "--likelihood: got a column twice"),
        (2, ["3=poisson"], "got '3', want a number from 0 to 2, or one of the names city, age"),
        (1, ["age=luck"], "likelihood: got 'luck', want one of"),
        (1, ["city=gaussian"], "for column 'city', which has categories; want"),
    ],
)
def test_wrong_likelihoods(runs, code, words, message):
    options = [f"--likelihood={word}" for word in words]
    assert message in runs(code, "fit", "rows.csv", "--out=m", *FIT, *options)


# -------------------------------------------------------------------------------- with the model
def test_commands_take_the_frame(runs, fitted):
    model, X = AEVB.load(fitted), frame_of(rows())
    out = runs(0, "evaluate", fitted, "rows.csv", "--random-state=3")
    assert f"{Evaluator(model, random_state=3).bound(X).mean:.2f} +- " in out
    runs(0, "transform", fitted, "rows.csv", "--out=z.npy")
    np.testing.assert_array_equal(np.load("z.npy"), model.transform(X))


@pytest.mark.parametrize("header", [NAMES, None])
def test_impute_keeps_what_is_known(runs, header):
    """A file without a header is read too. A missing cell keeps the blanks beside its mark."""
    table = rows()
    table[0][0], table[1][0] = " ? ", f" {table[1][0]}"
    write("rows.csv", table, header)
    runs(0, "fit", "rows.csv", "--out=m.safetensors", *FIT)
    argv = ["impute", "m.safetensors", "rows.csv", "--out=full.csv", "--random-state=5"]
    assert runs(0, *argv) == "5 missing values of 30 rows filled in: full.csv\n"
    model = AEVB.load("m.safetensors")
    X = frame_of(rows(), NAMES if header else ["x0", "x1", "x2"])
    if not header:
        assert feature_names(model) is None
        set_feature_names(model, X.columns)
    filled = model.impute(X, random_state=5)
    table[0][0] = f" {filled.iloc[0, 0]} "
    table[3][0] = filled.iloc[3, 0]
    table[6][1], table[12][1] = f"{filled.iloc[6, 1]}", f"{filled.iloc[12, 1]}"
    table[9][2] = f" {filled.iloc[9, 2]:.9g} "
    assert read("full.csv") == ([header, *table] if header else table)


def test_impute_takes_columns_by_name(runs, fitted):
    runs(0, "impute", fitted, "rows.csv", "--out=full.csv", "--random-state=5")
    turned = [[size, "k", city, age] for city, age, size in rows()]
    write("turned.csv", turned, ["size", "key", "city", "age"])
    argv = ["impute", fitted, "turned.csv", "--drop=key", "--random-state=5", "--out=out.csv"]
    runs(0, *argv)
    want = [[size, "k", city, age] for city, age, size in read("full.csv")]
    assert [row[2:] for row in read("out.csv")[1:]] == [row[2:] for row in want[1:]]
    message = runs(1, *argv[:3], "--out=out.csv")
    assert "turned.csv: the data have columns that the model does not know: 'key'; leave" in message
    message = runs(1, *argv, "--drop=city")
    assert "turned.csv: the model needs columns that the data do not have: 'city'\n" in message


def test_a_column_is_what_it_was_in_fit(runs):
    """The levels may look like numbers in another file, and a column may be blank there."""
    write("rows.csv", [["1", 5], ["A", 6], ["B", 7], ["2", 5], ["A", 9]], ["grade", "n"])
    runs(0, "fit", "rows.csv", "--out=m.safetensors", *FIT)
    write("new.csv", [["1", 5], ["2", ""]], ["grade", "n"])
    X = files.read_table_for(AEVB.load("m.safetensors"), "new.csv").X
    assert X["grade"].tolist() == ["1", "2"]
    runs(0, "evaluate", "m.safetensors", "new.csv")
    write("new.csv", [["", 5], ["?", 8]], ["grade", "n"])
    runs(0, "evaluate", "m.safetensors", "new.csv")
    write("new.csv", [["A", "x"], ["B", "y"]], ["grade", "n"])
    message = runs(1, "evaluate", "m.safetensors", "new.csv")
    assert "new.csv: column 'n', line 2: got 'x', want a number or a blank cell" in message


def test_a_model_of_numbers_takes_no_words(runs):
    runs(0, "fit", "rows.csv", "--out=m.safetensors", *FIT, "--drop=city")
    write("new.csv", [["A", "x"], ["B", "y"]], NAMES[1:])
    assert "column 'age', line 2: got 'A', want" in runs(1, "evaluate", "m.safetensors", "new.csv")


def test_data_of_another_width(runs):
    write("rows.csv", rows(), None)
    runs(0, "fit", "rows.csv", "--out=m.safetensors", *FIT)
    message = runs(1, "evaluate", "m.safetensors", "rows.csv", "--drop=0")
    assert "rows.csv: X has 2 features, but AEVB is expecting 3 features as input\n" in message


@pytest.mark.filterwarnings("default")
def test_unseen_words_are_one_line(capsys, fitted):
    write("new.csv", [["Paris", 30, 0.5], ["Rome", 40, 0.25]])
    assert cli.main(["evaluate", fitted, "new.csv"]) == 0
    assert capsys.readouterr().err == (
        "aevb: warning: X: column 'city' has 'Paris'. These categories were not there in fit; "
        "they are treated as missing.\n"
    )
    assert cli.main(["impute", fitted, "new.csv", "--out=full.csv"]) == 0
    assert read("full.csv")[1] == ["Paris", "30", "0.5"]


def test_sample_has_the_header_and_the_types(runs, fitted):
    argv = ["--n-samples=4", "--random-state=1", "--out=s.csv"]
    assert runs(0, "sample", fitted, *argv) == "4 samples: s.csv\n"
    want = AEVB.load(fitted).sample(4, random_state=1)
    table = [[city, f"{age:d}", f"{size:.9g}"] for city, age, size in want.itertuples(index=False)]
    assert read("s.csv") == [NAMES, *table]
    write("rows.csv", rows(), None)
    runs(0, "fit", "rows.csv", "--out=m.safetensors", *FIT)
    runs(0, "sample", "m.safetensors", *argv)
    assert read("s.csv") == table


def test_words_go_to_csv_files_alone(runs, fitted):
    for name in ("s.npy", "s.png"):
        message = runs(2, "sample", fitted, f"--out={name}", "--image-shape=1x3")
        assert message.startswith("aevb: --out must end in .csv for a model with columns of words")
    assert "must end in .csv" in runs(2, "impute", fitted, "rows.csv", "--out=full.npy")
    np.save("rows.npy", np.zeros((2, 3)))
    for name in ("full.npy", "full.csv"):
        message = runs(2, "impute", fitted, "rows.npy", f"--out={name}")
        assert message.startswith("aevb: DATA must be a .csv file for a model with columns")


# -------------------------------------------------------------------------------------- booleans
def test_a_column_of_true_and_false_is_boolean():
    write("b.csv", [["True", "x", "true"], ["FALSE", "y", "no"], ["?", "x", "no"]], ["b", "c", "d"])
    X = files.read_table("b.csv").X
    assert X["b"].dtype == "boolean"
    assert X["b"].tolist() == [True, False, pd.NA]
    assert X["d"].tolist() == ["true", "no", "no"]
    write("b.csv", [["True", "False"], ["False", "True"]], None)  # this is no header
    assert files.read_table("b.csv").X["x0"].tolist() == [True, False]
    write("b.csv", [["True", "Rome"], ["False", "Oslo"]], ["b", "c"])
    assert files.read_table("b.csv").names == ("b", "c")


@pytest.mark.parametrize("dtype", ["bool", "boolean", "object", "polars"])
def test_booleans_of_a_model_are_read_back(runs, dtype):
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"b": rng.random(30) < 0.5, "x": rng.random(30)})
    if dtype == "polars":
        X = pytest.importorskip("polars").DataFrame({name: X[name].to_list() for name in X})
    else:
        X = X.astype({"b": dtype})
    model = AEVB(**SMALL).fit(X)
    model.save("m.safetensors")
    runs(0, "sample", "m.safetensors", "--out=s.csv", "--n-samples=9")
    cells = {row[0] for row in read("s.csv")[1:]}
    assert cells <= {"True", "False"}
    for command in ("evaluate", "transform", "impute"):
        runs(0, command, "m.safetensors", "s.csv", *["--out=o.csv"] * (command != "evaluate"))
    write("new.csv", [["True", 0.5], ["0", 0.25], [" ", 0.75]], ["b", "x"])
    runs(0, "transform", "m.safetensors", "new.csv", "--out=z.npy")
    want = model.transform(type(X)({"b": [True, False, None], "x": [0.5, 0.25, 0.75]}))
    np.testing.assert_array_equal(np.load("z.npy"), want)
    runs(0, "impute", "m.safetensors", "new.csv", "--out=f.csv")
    assert read("f.csv")[3][0].strip() in ("True", "False")
    runs(0, "impute", "m.safetensors", "new.csv", "--out=f.npy")
    np.testing.assert_array_equal(np.load("f.npy")[:2], [[1, 0.5], [0, 0.25]])
    write("new.csv", [["2", 0.5]], ["b", "x"])
    message = runs(1, "evaluate", "m.safetensors", "new.csv")
    assert "column 'b', line 2: got '2', want True, False, 1, 0 or a blank cell" in message


def test_fit_takes_booleans_for_bernoulli(runs):
    write("b.csv", [["true", 0.5], ["False", 0.25], ["", 0.75]] * 9, ["b", "x"])
    runs(0, "fit", "b.csv", "--out=m.safetensors", *FIT)
    assert [c.family for c in AEVB.load("m.safetensors").columns_] == ["bernoulli", "gaussian"]


# ------------------------------------------------------------------------- other tables and models
def test_impute_writes_whole_numbers_of_an_array(runs):
    """Counts, and columns whose known numbers are whole, and not all the same."""
    rng = np.random.default_rng(0)
    table = np.column_stack([rng.poisson(3, 30), rng.integers(5, 9, 30), rng.random(30)])
    runs(0, "fit", write("n.csv", table, list("abc")), "--out=m.safetensors", *FIT,
         "--likelihood=a=poisson")  # fmt: skip
    write("new.csv", [["", "", ""], ["", 7.0, 0], ["", 8.0, 0]], list("abc"))
    runs(0, "impute", "m.safetensors", "new.csv", "--out=full.csv")
    values = read("full.csv")[1]
    assert [value.isdecimal() for value in values] == [True, True, False]
    model = AEVB.load("m.safetensors")
    files.read_table_for(model, "new.csv")
    filled = model.impute(np.array([[np.nan] * 3, [np.nan, 7, 0], [np.nan, 8, 0]]))
    np.testing.assert_array_equal(np.array(values[:2], float), np.rint(filled[0, :2]))


def test_sample_of_numbers_to_a_csv_file(runs):
    frame = pd.DataFrame({"a": np.arange(30), "b": np.linspace(0, 1, 30)})
    AEVB(**SMALL).fit(frame).save("frame.safetensors")
    AEVB(**SMALL).fit(frame.to_numpy()).save("array.safetensors")
    for kind in ("frame", "array"):
        want = np.asarray(AEVB.load(f"{kind}.safetensors").sample(3))
        runs(0, "sample", f"{kind}.safetensors", "--n-samples=3", "--out=s.npy")
        np.testing.assert_array_equal(np.load("s.npy"), want)
        assert np.load("s.npy").dtype.kind == "f"
        runs(0, "sample", f"{kind}.safetensors", "--n-samples=3", "--out=s.csv")
        header = [["a", "b"]] if kind == "frame" else []
        written = read("s.csv")
        assert written[: len(header)] == header
        np.testing.assert_allclose(np.array(written[len(header) :], float), want, rtol=1e-8)


def test_models_of_other_frames_read_csv_files(runs):
    polars = pytest.importorskip("polars")
    X = polars.DataFrame(
        {"city": ["Rome", "Oslo", None] * 8, "age": [1, 5, 3] * 8, "size": [0.5, None, 1.5] * 8}
    )
    AEVB(**SMALL).fit(X).save("p.safetensors")
    assert wanted_columns(AEVB.load("p.safetensors")).kinds == ["words", "numbers", "numbers"]
    write("new.csv", [["Oslo", 4, ""], ["", 2, 0.5]])
    runs(0, "impute", "p.safetensors", "new.csv", "--out=f.csv")
    _, first, second = read("f.csv")
    assert (first[:2], second[1:]) == (["Oslo", "4"], ["2", "0.5"])
    assert second[0] in ("Rome", "Oslo")
    runs(0, "sample", "p.safetensors", "--out=s.csv", "--n-samples=2")
    assert read("s.csv")[0] == NAMES


def test_a_quick_path_is_left_for_words_alone(monkeypatch):
    write("numbers.csv", [[1, 2], [3, ""]], ["a", "b"])
    monkeypatch.setattr(csv_file, "kinds_of_columns", None)
    monkeypatch.setattr(csv_file, "make_frame", None)
    np.testing.assert_array_equal(files.read_table("numbers.csv").X, [[1, 2], [3, np.nan]])
