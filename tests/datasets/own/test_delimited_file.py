"""Tests of quotes in delimited tables, against the csv module and pandas where they are right."""

import csv
import io
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tb_keras.datasets.own.delimited_file import DelimitedFile


def texts(path, content):
    path.write_text(content, newline="")
    return [row["text"] for _, row in DelimitedFile(path).rows(["text"])]


STRAY = ['"the best blue', "a cat", "a bus of 24 seats", 'a screen of 24"', 'say "hello"']


def test_a_quote_that_begins_a_tab_separated_field_is_a_quote(tmp_path):
    content = "image\ttext\n" + "".join(f"{n}.png\t{text}\n" for n, text in enumerate(STRAY))
    assert len(list(csv.reader(io.StringIO(content), delimiter="\t"))) < 1 + len(STRAY)
    assert texts(tmp_path / "a.tsv", content) == STRAY
    assert texts(tmp_path / "a.tsv", content.replace("\n", "\r\n")) == STRAY
    # It may be the last one, so that no other closes it.
    assert texts(tmp_path / "a.tsv", 'image\ttext\n1.png\ta\n2.png\t"the best\n') == [
        "a",
        '"the best',
    ]


def test_quotes_that_are_closed_in_their_line_are_taken_off_beside_stray_ones(tmp_path):
    content = 'image\ttext\n1.png\t"he said ""no"""\n2.png\t"the best\n3.png\tof 24"\n'
    assert texts(tmp_path / "a.tsv", content) == ['he said "no"', '"the best', 'of 24"']


def test_a_quoted_text_on_two_lines_stays_one(tmp_path):
    content = 'image\ttext\n"1.png"\t"two\nlines"\n2.png\t"three\n\nlines"\n'
    assert texts(tmp_path / "a.tsv", content) == ["two\nlines", "three\n\nlines"]
    content = 'image,text\n1.png,"two, or\nmore lines"\n"2.png","two\n3.png,lines"\n'
    assert texts(tmp_path / "a.csv", content) == ["two, or\nmore lines", "two\n3.png,lines"]


def test_rows_that_a_quote_may_have_swallowed_are_told(tmp_path):
    content = 'image,text\n1.png,"the best blue\n2.png,a cat\n3.png,of 24"\n4.png,a\n'
    with pytest.warns(UserWarning, match=r"a\.csv, line 2: a quote opens here"):
        found = texts(tmp_path / "a.csv", content)
    assert found == ["the best blue\n2.png,a cat\n3.png,of 24", "a"]


def test_a_quote_that_is_never_closed_is_told_where_it_opens(tmp_path):
    content = 'image,text\n1.png,a\n2.png,"the best\n3.png,a\n4.png,a\n'
    with pytest.raises(ValueError, match=r"a\.csv, line 3: unexpected end of data; a quote that"):
        texts(tmp_path / "a.csv", content)
    content = 'image\ttext\n1.png\ta\n2.png\t"the best\nno row\n4.png\ta\n'
    with pytest.raises(ValueError, match=r"a\.tsv, line 3: unexpected end of data; a quote that"):
        texts(tmp_path / "a.tsv", content)


def test_long_fields(tmp_path):
    long = "word " * 100_000
    assert texts(tmp_path / "a.csv", f"image,text\n1.png,{long}\n") == [long]


cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\0"), min_size=1)


@pytest.mark.parametrize("dialect", ["csv", "tsv"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])
@given(rows=st.lists(st.tuples(cells, cells), min_size=1, max_size=4))
def test_what_the_csv_module_writes_is_read(tmp_path_factory, dialect, quoting, rows):
    path = tmp_path_factory.getbasetemp() / f"a.{dialect}"
    with path.open("w", newline="", encoding="utf-8") as file:
        delimiter = "\t" if dialect == "tsv" else ","
        writer = csv.writer(file, delimiter=delimiter, quoting=quoting, lineterminator="\n")
        writer.writerows([("image", "text"), *rows])
    table = DelimitedFile(path)
    assert [tuple(row.values()) for _, row in table.rows(["text"])] == rows


@pytest.mark.parametrize("dialect", ["csv", "tsv"])
@given(rows=st.lists(st.tuples(cells, cells), min_size=1, max_size=4))
def test_what_is_quoted_only_where_it_must_be(tmp_path_factory, dialect, rows):
    """CSV is read as pandas and spreadsheets read it; lines that look like rows are warned of."""
    path = tmp_path_factory.getbasetemp() / f"a.{dialect}"
    delimiter = "\t" if dialect == "tsv" else ","
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=delimiter, lineterminator="\n")
        writer.writerows([("image", "text"), *rows])
    if any("\n" in cell and delimiter in cell for row in rows for cell in row):
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table = DelimitedFile(path)
        assert [tuple(row.values()) for _, row in table.rows(["text"])] == rows
