"""Tables on the command line: what is read from CSV files, and which columns a model gets."""

import numpy as np
import pandas as pd
import pytest

from aevb import AEVB, cli
from aevb.cli import csv_file, files, fit
from aevb.cli.options import UsageError

nan = np.nan
FIT = ["--out=m.safetensors", "--n-components=2", "--hidden-layer-sizes=4", "--n-epochs=1"]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def write(tmp_path):
    def to_file(text, name="rows.csv"):
        (tmp_path / name).write_bytes(text.encode() if isinstance(text, str) else text)
        return name

    return to_file


def fails(capsys, code, *argv):
    assert cli.main(list(argv)) == code
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    return err


def succeeds(capsys, *argv):
    code = cli.main(list(argv))
    captured = capsys.readouterr()
    assert code == 0, captured.err
    return captured


# --------------------------------------------------------------------------------------- reading
@pytest.mark.parametrize(
    ("text", "rows", "names"),
    [
        ("1,2\n3,4\n", [[1, 2], [3, 4]], None),
        ("-1e-3,+2.5\n", [[-0.001, 2.5]], None),
        ("5\n6\n7\n", [[5], [6], [7]], None),
        ("1, 2\r\n3, 4\r\n", [[1, 2], [3, 4]], None),
        ("a,b\n1,2\n3,4\n", [[1, 2], [3, 4]], "ab"),
        ("1,b\n1,2\n", [[1, 2]], "1b"),  # a single word makes the line a header
        ("b,1\n1,2\n", [[1, 2]], "b1"),
        ("h\u00f6he,\u5e45\n1,2", [[1, 2]], ["h\u00f6he", "\u5e45"]),
        ("\ufeffa,b\n1,2\n", [[1, 2]], "ab"),
        ("\ufeff1,2\n", [[1, 2]], None),
        ("\ufeff1,NA\n", [[1, nan]], None),
        ("a;b\n1;2\n", [[1, 2]], "ab"),
        ("a\tb\n1\t2\n", [[1, 2]], "ab"),
        ('"a, x";"b"\n"1";2\n', [[1, 2]], ["a, x", "b"]),
        ('"a;x","b;y"\n1,2\n', [[1, 2]], ["a;x", "b;y"]),
        ('"a\nx",b\n1,2\n', [[1, 2]], ["a\nx", "b"]),
        (" a , b \n1,2\n", [[1, 2]], "ab"),
        (",b\n1,2\n", [[1, 2]], ["column 0", "b"]),
        ("\n\na,b\n\n1,2\n\n3,4\n  \n", [[1, 2], [3, 4]], "ab"),
        ("a;x,b\n1,2\n", [[1, 2]], ["a;x", "b"]),
        ("#a,b\n1,2\n", [[1, 2]], ["#a", "b"]),
        ("1,,NA\nNaN,nan,?\n 2 , ,3\n", [[1, nan, nan], [nan] * 3, [2, nan, 3]], None),
        ("a,b\n,2\n", [[nan, 2]], "ab"),
        ('a,b\n"",2\n', [[nan, 2]], "ab"),
        ("20000001,1e300\n", [[20000001, 1e300]], None),
    ],
)
def test_csv(write, text, rows, names):
    read = files.read_table(write(text))
    assert read.X.dtype == np.float64
    np.testing.assert_array_equal(read.X, np.array(rows))
    assert read.names == (names and tuple(names))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no rows"),
        ("\n \n", "no rows"),
        ("a,b\n", "no rows"),
        ("1,2,3\n4,5\n", "line 2: got 2 fields, want 3"),
        ("1;2;3\n4;5\n", "line 2: got 2 fields, want 3"),
        ("a,b,c\n1,2\n3,4\n", "line 2: got 2 fields, want 3"),
        (
            "a,b\n1,2\n3,red\n",
            "column 'b', line 3: got 'red', want a number or a blank cell; --drop",
        ),
        ("a,b\n1,2\n\n3,1_000\n", "column 'b', line 4: got '1_000', want a number"),
        ("a;b\n1,5;2\n", "column 'a', line 2: got '1,5', want a number"),
        ("1,2\nthree,4\n", "column 0, line 2: got 'three', want a number"),
        ('a,b\n"1\n2",2\n', "column 'a', line 3: got '1\\n2', want"),
        ("a,b, a\n1,2,3\n", "the header has the name 'a' 2 times"),
        (b"1,2\n\xff,3\n", "'utf-8' codec can't decode"),
        ("a,b\n1," + "2" * 200_000 + "x\n", "field larger than field limit"),
    ],
)
def test_what_is_wrong_with_a_csv(write, text, message):
    with pytest.raises(ValueError, match=r"^rows\.csv: ") as caught:
        files.read_table(write(text))
    assert message in str(caught.value)


def test_numpy_reads_clean_files(write, monkeypatch):
    monkeypatch.setattr(csv_file, "_numbers_with_gaps", None)
    files.read_table(write('"a";"b"\n1;"2"\n'))
    with pytest.raises(TypeError):
        files.read_table(write("a;b\n1;NA\n"))


def test_lines_are_no_comments(write):
    with pytest.raises(ValueError, match="column 0, line 2: got '#3', want a number"):
        files.read_table(write("1,2\n#3,4\n"))


# ------------------------------------------------------------------------------------------ drop
TABLE = "id,colour,height,weight\n7,red,1.5,2\n7,blue,2.5,3\n"


def test_drop_of_words_without_a_header(write):
    read = files.read_table(write("M,1\nF,2\nM,3\n"), ["0"])
    np.testing.assert_array_equal(read.X, [[1], [2], [3]])


@pytest.mark.parametrize("drop", [["id", "colour"], ["0", "1"], ["1", "id"], ["colour", "id", "0"]])
def test_drop(write, drop):
    read = files.read_table(write(TABLE), drop)
    np.testing.assert_array_equal(read.X, [[1.5, 2], [2.5, 3]])
    assert read.names == ("height", "weight")


def test_drop_of_an_array():
    X = np.arange(6).reshape(2, 3)
    np.save("rows.npy", X)
    np.testing.assert_array_equal(files.read_table("rows.npy", ["1"]).X, X[:, [0, 2]])
    np.save("flat.npy", X[0])
    with pytest.raises(UsageError, match="1 dimensions, want rows and columns"):
        files.read_table("flat.npy", ["1"])


def test_a_name_comes_before_a_number(write):
    assert files.read_table(write("1,x\n1,2\n"), ["1"]).names == ("x",)


@pytest.mark.parametrize(
    ("drop", "message"),
    [
        (["age"], "'age', want a number from 0 to 3, or one of the names id, colour, height"),
        (["4"], "'4', want"),
        (["-1"], "'-1', want"),
        (["0", "1", "2", "3"], "--drop 0 --drop 1 --drop 2 --drop 3 leaves no column"),
    ],
)
def test_what_cannot_be_dropped(write, capsys, drop, message):
    words = [f"--drop={word}" for word in drop]
    assert message in fails(capsys, 2, "fit", write(TABLE), *FIT, *words)


# ----------------------------------------------------------------------------------- row numbers
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0,5\n1,5\n2,5\n", "column 0"),
        ("1,5\n2,5\n3,5\n", "column 0"),
        ("x,y\n1,5\n2,5\n3,5\n", "column 'x'"),
        ("x,Index\n5,1\n5,2\n5,3\n", "column 'Index'"),
        ("x,\n5,0\n5,1\n5,2\n", "column 1"),
        ("x,y\n5,0\n5,1\n5,2\n", None),
        ("x,id\n5,0\n5,2\n5,1\n", None),
        ("2,5\n3,5\n4,5\n", None),
        ("1,5\n2,5\n", None),
        ("x,id\n5,0\n5,1\n5,NA\n", None),
    ],
)
def test_a_column_that_numbers_the_rows_is_pointed_out(write, capsys, text, said):
    read = files.read_table(write(text))
    err = capsys.readouterr().err
    assert read.X.shape[1] == 2  # it is kept
    number = 0 if text[0] != "x" or said == "column 'x'" else 1
    line = f"aevb: rows.csv: {said} numbers the rows; --drop {number} leaves it out\n"
    assert err == (line if said else "")


def test_a_column_that_is_left_out_is_not_pointed_out(write, capsys):
    files.read_table(write("0,5\n1,5\n2,5\n"), ["0"])
    assert capsys.readouterr().err == ""


# --------------------------------------------------------------------------------- missing values
def test_missing_values_are_read_by_every_command(write, capsys):
    """They are no errors, and a row with one has the code that the model gives it."""
    name = write("a,b,c\n1,,3\n,2,4\n2,3,4\n5,3,1\n")
    succeeds(capsys, "fit", name, *FIT, "--n-components=1")
    succeeds(capsys, "evaluate", "m.safetensors", name)
    succeeds(capsys, "transform", "m.safetensors", name, "--out=z.npy")
    X = np.array([[1, nan, 3], [nan, 2, 4], [2, 3, 4], [5, 3, 1]])
    model = AEVB.load("m.safetensors")
    assert model._engine.settings["mask_inputs"]
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    np.testing.assert_array_equal(np.load("z.npy"), model.transform(frame))


# ----------------------------------------------------------------------------------------- names
def test_the_names_go_to_the_model_and_back(write, capsys):
    rows = np.random.default_rng(0).random((20, 3)).round(3)
    text = "".join(f"{a},{b},{c}\n" for a, b, c in rows)
    succeeds(capsys, "fit", write("a,b,c\n" + text), *FIT, "--drop=b", "--random-state=0")
    model = AEVB.load("m.safetensors")
    assert model.feature_names_in_.tolist() == ["a", "c"]
    want = AEVB(2, hidden_layer_sizes=4, n_epochs=1, random_state=0).fit(rows[:, [0, 2]])
    for name, weight in want.weights_.items():
        np.testing.assert_array_equal(model.weights_[name], weight)

    def evaluated(text, *options):
        name = write(text, "new.csv")
        return succeeds(capsys, "evaluate", "m.safetensors", name, "--random-state=0", *options)

    said = evaluated("a,b,c\n" + text, "--drop=b")
    assert said.err == ""  # no warning about names
    swapped = "".join(f"{c},{a}\n" for a, _, c in rows)
    assert evaluated("c,a\n" + swapped) == said
    assert evaluated("".join(f"{a},{c}\n" for a, _, c in rows)) == said  # by their places
    err = fails(capsys, 1, "evaluate", "m.safetensors", "rows.csv")
    assert "rows.csv: the data have columns that the model does not know: 'b'; leave" in err
    err = fails(capsys, 1, "evaluate", "m.safetensors", "rows.csv", "--drop=a")
    assert "rows.csv: the model needs columns that the data do not have: 'a'\n" in err


def test_the_plan_of_a_fit(write, capsys, monkeypatch):
    rows = "0.5,0\n0.25,1\n" * 10
    name, nameless = write("height,weight\n" + rows), write(rows, "nameless.csv")
    options = ["--validation-fraction=0.25", "--n-epochs=2", "--early-stopping=true"]
    plan = [
        "rows     20, 5 of them held out",
        "columns  2 bernoulli, as they are",
        "epochs   2",
    ]
    table = [
        "column  likelihood     location        scale",
        "height  bernoulli             0            1",
        "weight  bernoulli             0            1",
    ]
    end = "Bounds in nats per row."

    def told(*argv, likelihood="bernoulli"):
        argv = ["fit", *argv, *FIT, *options, f"--likelihood={likelihood}"]
        out = succeeds(capsys, *argv).out.splitlines()
        return out[: out.index(end)]

    assert told(name) == plan + table
    assert told(nameless) == plan
    assert [line.split()[0] for line in told(nameless, "--verbose")[4:]] == ["x0", "x1"]
    assert told(nameless, likelihood="0=gaussian")[2:4] == [plan[2], table[0]]
    monkeypatch.setattr(fit, "_MOST_COLUMNS", 1)
    assert told(name) == plan
    assert told(name, "--verbose") == plan + table
