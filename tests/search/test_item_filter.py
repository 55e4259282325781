"""Tests of filters: their meaning, where values are missing too, and that they do no more."""

import sqlite3

import pytest

from tb_keras.search.kept.item_filter import parsed_filter, renamed, sql_of

COLUMNS = {"year": "number", "place": "text", "my col": "text"}
NAMES = {name: f"a{number}" for number, name in enumerate(COLUMNS)}

RIGHT = {
    "year >= 2019 and place = 'Bern'": ("(a0 >= ?) and (a1 = ?)", [2019, "Bern"]),
    "not (year=1 or place in ('a','b'))": ("(a0 != ?) and (a1 not in (?, ?))", [1, "a", "b"]),
    "year not between 1 and 2": ("(a0 < ?) or (a0 > ?)", [1, 2]),
    "not not year = 1": ("a0 = ?", [1]),
    "not year is null": ("a0 is not null", []),
    "2019 < year": ("a0 > ?", [2019]),
    "-1.5e3 <= year": ("a0 >= ?", [-1500.0]),
    "year = 9223372036854775807": ("a0 = ?", [2**63 - 1]),
    "year <> 2 -- the second": ("a0 != ?", [2]),
    "\"my col\" = 'it''s'": ("a2 = ?", ["it's"]),
    "year = true": ("a0 = ?", [1]),
}
WRONG = [
    "year = 1; drop table images",
    "place like 'a%'",
    "place in (select 1)",
    "place in ()",
    "exists(select 1)",
    "abs(year) = 1",
    "year",
    "1 = 1",
    "place = 'a' or 1=1",
    "year = place",
    "t.year = 1",
    "year = 1e400",
    "year = 99999999999999999999",
    "year = ?1",
    "year = null",
    "year = 1 and",
    'place = "Bern"',
    "place = 'a' collate nocase",
    "case when 1 then 1 end",
    "cast(year as text) = '1'",
    "(year, place) = (1, 'a')",
    "year = 1 limit 1",
    "year + 1 = 2",
    "random()",
    "'",
    "(" * 60 + "year = 1" + ")" * 60,
    " or ".join(["year = 1"] * 501),
]


@pytest.mark.parametrize("written", RIGHT)
def test_right_filters(written):
    assert sql_of(renamed(parsed_filter(written, COLUMNS), NAMES)) == RIGHT[written]


@pytest.mark.parametrize("written", WRONG)
def test_what_compares_no_column_with_values_is_refused(written):
    with pytest.raises(ValueError, match=r"must compare columns with values by .* the columns are"):
        parsed_filter(written, COLUMNS)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("yeer = 1", r"columns there are: year \(number\), place \(text\).*Received: 'yeer'"),
        ("YEAR = 1", "Received: 'YEAR'"),
        ("place = 3", "compare 'place' with a text. Received: 3"),
        ("year in (1, 'a')", "compare 'year' with a number. Received: 'a'"),
        ("  ", "must be a condition on columns"),
        ("year = 1" + " " * 10_000, "must be a condition on columns"),
    ],
)
def test_wrong_columns_and_values_are_named(written, message):
    with pytest.raises(ValueError, match=message) as raised:
        parsed_filter(written, COLUMNS)
    assert "\n" not in str(raised.value)


def test_many_conditions_are_within_what_sqlite_takes():
    written = " and ".join(["year = 1"] * 500)
    sql, values = sql_of(renamed(parsed_filter(written, COLUMNS), NAMES))
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE t (a0)")
    connection.execute("INSERT INTO t VALUES (1)")
    assert connection.execute(f"SELECT * FROM t WHERE {sql}", values).fetchall() == [(1,)]
    connection.close()
