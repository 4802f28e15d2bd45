"""The demo's table: reading CSV files, and the errors of invalid ones."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest
from support import whole

from kerasched.demo.table import Table
from kerasched.demo.table import built_in_table
from kerasched.demo.table import check_size
from kerasched.demo.table import read_table
from kerasched.errors import UserError

pytestmark = pytest.mark.host

FILE = Path("table.csv")
GOOD = "a,b,kind\n1,2.5,no\n-3,4e1,yes\n0,0.5,no\n"


@pytest.fixture(autouse=True)
def _folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def read(content, target="kind"):
    if isinstance(content, str):
        content = content.encode()
    FILE.write_bytes(content)
    return read_table(FILE, target)


def table_of(counts):
    """Return a table with the given numbers of rows of each class."""
    labels = np.repeat([0, 1], counts)
    features = np.arange(len(labels), dtype=float).reshape(-1, 1)
    return Table("table.csv", ("a",), features, labels, ("no", "yes"))


def test_features_are_the_cells_besides_the_target():
    expected = [[1.0, 2.5], [-3.0, 40.0], [0.0, 0.5]]
    assert np.array_equal(read(GOOD).features, expected)


def test_features_are_float64():
    assert read(GOOD).features.dtype == np.float64


def test_columns_are_the_header_without_the_target():
    assert read(GOOD).columns == ("a", "b")


def test_the_source_is_the_file_name():
    assert read(GOOD).source == "table.csv"


def test_classes_are_sorted_by_name():
    assert read("a,kind\n1,yes\n2,no\n").classes == ("no", "yes")


def test_labels_are_the_indices_of_the_classes():
    assert read(GOOD).labels.tolist() == [0, 1, 0]


def test_numeric_classes_are_sorted_as_numbers():
    # As text, 10 would come before 9.
    assert read("a,kind\n1,10\n2,9\n").classes == ("9", "10")


def test_labels_follow_the_numeric_order_of_the_classes():
    assert read("a,kind\n1,10\n2,9\n3,10\n").labels.tolist() == [1, 0, 1]


def test_spaces_around_a_class_are_ignored():
    assert read("a,kind\n1, no\n2,yes \n3,no\n").labels.tolist() == [0, 1, 0]


def test_spaces_around_a_column_name_are_ignored():
    assert read(" a , kind\n1,no\n2,yes\n").columns == ("a",)


def test_a_byte_order_mark_is_not_part_of_the_first_column():
    assert read("\ufeff" + GOOD).columns == ("a", "b")


def test_a_quoted_header_may_contain_a_comma():
    assert read('"a, in mm",kind\n1,no\n2,yes\n').columns == ("a, in mm",)


def test_a_quoted_number_is_a_number():
    assert read('a,kind\n"1.5",no\n2,yes\n').features[0, 0] == 1.5


def test_a_quoted_class_may_contain_a_comma():
    assert read('a,kind\n1,"no, never"\n2,yes\n').classes == ("no, never", "yes")


def test_blank_lines_are_skipped():
    blank = "\na,b,kind\n\n1,2.5,no\n\n\n-3,4e1,yes\n0,0.5,no\n\n"
    assert np.array_equal(read(blank).features, read(GOOD).features)


def test_lines_may_end_as_on_windows():
    assert read(GOOD.replace("\n", "\r\n")).classes == ("no", "yes")


def test_the_last_line_needs_no_line_end():
    assert len(read(GOOD.rstrip("\n")).labels) == 3


def test_a_target_in_the_middle_keeps_the_columns_around_it():
    assert read("a,kind,b\n1,no,2\n3,yes,4\n").columns == ("a", "b")


def test_a_target_in_the_middle_keeps_the_cells_around_it():
    table = read("a,kind,b\n1,no,2\n3,yes,4\n")
    assert table.features.tolist() == [[1.0, 2.0], [3.0, 4.0]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param("", "table.csv: the file is empty", id="empty"),
        pytest.param("\n\n", "table.csv: the file is empty", id="only-blank-lines"),
        pytest.param(
            "a,b,kind\n",
            "table.csv: the file has a header but no rows",
            id="header-only",
        ),
        pytest.param(
            "a,b,class\n1,2,no\n3,4,yes\n",
            "table.csv: no column 'kind'; the columns are a, b, class",
            id="unknown-target",
        ),
        pytest.param(
            "a,a,kind\n1,2,no\n3,4,yes\n",
            "table.csv: the column 'a' appears more than once",
            id="duplicate-column",
        ),
        pytest.param(
            "a,kind,kind\n1,no,no\n3,yes,yes\n",
            "table.csv: the column 'kind' appears more than once",
            id="duplicate-target",
        ),
        pytest.param(
            "kind\nno\nyes\n",
            "table.csv: has no column to learn from besides 'kind'",
            id="only-the-target",
        ),
        pytest.param(
            "a,b,kind\n1,2,no\n3,yes\n",
            "table.csv: row 2 (line 3 of the file) has 2 cells, the header has 3",
            id="row-too-short",
        ),
        pytest.param(
            "a,b,kind\n1,2,no,5\n3,4,yes\n",
            "table.csv: row 1 (line 2 of the file) has 4 cells, the header has 3",
            id="row-too-long",
        ),
        pytest.param(
            "a,kind\n1,no\n2,no\n",
            "table.csv: column 'kind' must hold two classes, it holds 1: no",
            id="one-class",
        ),
        pytest.param(
            "a,kind\n1,no\n2,yes\n3,maybe\n",
            "table.csv: column 'kind' must hold two classes, it holds 3: "
            "maybe, no, yes",
            id="three-classes",
        ),
        pytest.param(
            "a,kind\n1,f\n2,e\n3,d\n4,c\n5,b\n6,a\n",
            "table.csv: column 'kind' must hold two classes, it holds 6: "
            "a, b, c, d, e, ...",
            id="six-classes",
        ),
        pytest.param(
            "a,kind\n1,no\n2,\n",
            "table.csv: row 2 (line 3 of the file), column 'kind': "
            "the class is missing: ''",
            id="missing-class",
        ),
        pytest.param(
            "a,kind\n1,no\n2,NaN\n",
            "table.csv: row 2 (line 3 of the file), column 'kind': "
            "the class is missing: 'NaN'",
            id="nan-class",
        ),
        pytest.param(
            "a,b,kind\n1,2,no\n3,4,yes\n5,six,no\n",
            "table.csv: row 3 (line 4 of the file), column 'b': not a number: 'six'",
            id="not-a-number",
        ),
        pytest.param(
            "a,kind,b\n1,no,2\n3,yes,\n",
            "table.csv: row 2 (line 3 of the file), column 'b': not a number: ''",
            id="missing-number-after-the-target",
        ),
        pytest.param(
            "a,kind\nnan,no\n2,yes\n",
            "table.csv: row 1 (line 2 of the file), column 'a': "
            "not a finite number: 'nan'",
            id="nan",
        ),
        pytest.param(
            "a,kind\n1,no\n-inf,yes\n",
            "table.csv: row 2 (line 3 of the file), column 'a': "
            "not a finite number: '-inf'",
            id="infinite",
        ),
        pytest.param(
            "a,kind\n1,no\n1e999,yes\n",
            "table.csv: row 2 (line 3 of the file), column 'a': "
            "not a finite number: '1e999'",
            id="too-large-for-a-float",
        ),
        pytest.param(
            "a,kind\n1,no\n1.7e308,yes\n",
            "table.csv: row 2 (line 3 of the file), column 'a': "
            "not a finite number: '1.7e308'",
            id="too-large-for-a-range",
        ),
        pytest.param(
            'a,"the\nkind"\n\n\n1,no\n\nx,yes\n',
            "table.csv: no column 'kind'; the columns are a, the\nkind",
            id="line-end-in-a-name",
        ),
        pytest.param(
            "a,kind\n\n\n1,no\n\nx,yes\n",
            "table.csv: row 2 (line 6 of the file), column 'a': not a number: 'x'",
            id="lines-are-counted-with-blank-ones",
        ),
    ],
)
def test_an_invalid_table_is_an_error(content, message):
    with pytest.raises(UserError, match=whole(message)):
        read(content)


def test_a_missing_file_is_an_error():
    reason = os.strerror(errno.ENOENT)
    with pytest.raises(UserError, match=whole(f"table.csv: cannot be read: {reason}")):
        read_table(FILE, "kind")


def test_a_directory_is_an_error():
    FILE.mkdir()
    reason = os.strerror(errno.EISDIR)
    with pytest.raises(UserError, match=whole(f"table.csv: cannot be read: {reason}")):
        read_table(FILE, "kind")


def test_a_file_that_is_not_utf8_is_an_error():
    content = "a,kind\n1,caf\u00e9\n2,yes\n".encode("latin-1")
    with pytest.raises(UnicodeDecodeError) as reason:
        content.decode()
    message = f"table.csv: not a CSV file in UTF-8: {reason.value}"
    with pytest.raises(UserError, match=whole(message)):
        read(content)


def test_a_table_of_just_one_batch_is_accepted():
    check_size(table_of([10, 22]), batch_size=32)


def test_fewer_rows_than_a_batch_are_an_error():
    message = (
        "table.csv: 31 rows are fewer than one batch of 32: "
        "add rows or choose a smaller --batch-size"
    )
    with pytest.raises(UserError, match=whole(message)):
        check_size(table_of([10, 21]), batch_size=32)


@pytest.mark.parametrize("counts", [(4, 2), (2, 4), (3, 3), (98, 2)])
def test_six_rows_with_two_of_each_class_are_accepted(counts):
    check_size(table_of(counts), batch_size=1)


@pytest.mark.parametrize(
    ("counts", "rows", "rarer"), [((3, 2), 5, 2), ((9, 1), 10, 1), ((1, 9), 10, 1)]
)
def test_too_few_rows_to_hold_out_both_classes_are_an_error(counts, rows, rarer):
    message = (
        f"table.csv: {rows} rows, {rarer} of the rarer class, are too few to hold out "
        "a fifth with both classes: at least 6 rows are needed, 2 of each class"
    )
    with pytest.raises(UserError, match=whole(message)):
        check_size(table_of(counts), batch_size=1)


# According to the UCI repository, the table has 569 rows, 212 malignant and 357 benign.
# The first is record 842302.
def test_the_built_in_table_has_ten_columns_of_569_rows():
    assert built_in_table().features.shape == (569, 10)


def test_the_built_in_table_begins_with_the_first_record():
    first = [17.99, 10.38, 122.8, 1001, 0.1184, 0.2776, 0.3001, 0.1471, 0.2419, 0.07871]
    assert built_in_table().features[0].tolist() == first


def test_the_built_in_table_has_the_means_as_its_columns():
    assert built_in_table().columns == (
        "mean radius",
        "mean texture",
        "mean perimeter",
        "mean area",
        "mean smoothness",
        "mean compactness",
        "mean concavity",
        "mean concave points",
        "mean symmetry",
        "mean fractal dimension",
    )


def test_the_built_in_table_counts_212_malignant_and_357_benign_rows():
    table = built_in_table()
    counts = dict(zip(table.classes, np.bincount(table.labels).tolist(), strict=True))
    assert counts == {"malignant": 212, "benign": 357}
