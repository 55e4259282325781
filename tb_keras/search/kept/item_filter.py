"""Conditions on the attributes of items, such as `year >= 2019 and place = 'Bern'`."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, NamedTuple

Value = float | int | str


class Comparison(NamedTuple):
    """A condition on one attribute. It does not hold where the attribute is missing.

    Attributes:
        column: the attribute's name.
        operator: `=`, `!=`, `<`, `<=`, `>`, `>=`, `in` or `not in`, or `is null` or `is not null`
            without values, the only one that holds where the attribute is missing.
        values: numbers or strings; one but for `in` and `not in`.
    """

    column: str
    operator: str
    values: tuple[Value, ...]


class Group(NamedTuple):
    """Conditions of which all hold (`and`) or at least one (`or`)."""

    operator: str
    parts: tuple[Comparison | Group, ...]


Condition = Comparison | Group

_OPPOSITE = {
    "=": "!=",
    "<": ">=",
    ">": "<=",
    "in": "not in",
    "is null": "is not null",
    "and": "or",
}
_OPPOSITE |= {other: one for one, other in _OPPOSITE.items()}
_MIRRORED = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}
_LANGUAGE = "=, !=, <, <=, >, >=, in (...), between ... and ..., is null, and, or, not"
_LARGEST_INT = 2**63 - 1
_LONGEST = 10_000  # characters
_DEEPEST = 50
_MOST_PARTS = 500  # SQLite takes expressions of up to 1000 levels


def parsed_filter(written: str, columns: Mapping[str, str]) -> Condition:
    """Returns a filter as conditions: nothing but comparisons of columns with values.

    `not` becomes the opposite comparison, so that the meaning of missing values is SQL's in every
    store: a row without the attribute fits neither `year = 2019` nor `not year = 2019`.

    Args:
        written: a condition as behind SQL's WHERE.
        columns: the type of each column there is, `"number"` or `"text"`.

    Raises:
        ValueError: if it is written otherwise, or compares a column that is not there, or one with
            a value of the other type.
        ImportError: without the package sqlglot.

    Examples:
        >>> parsed_filter("year >= 2019 and place = 'Bern'", {"year": "number", "place": "text"})
        ... # doctest: +NORMALIZE_WHITESPACE
        Group(operator='and', parts=(Comparison(column='year', operator='>=', values=(2019,)),
            Comparison(column='place', operator='=', values=('Bern',))))
    """
    try:
        import sqlglot
    except ModuleNotFoundError:
        raise ImportError(
            "a filter needs the package sqlglot: pip install 'tb_keras[index]'"
        ) from None
    if not isinstance(written, str) or not written.strip() or len(written) > _LONGEST:
        raise ValueError(f"`filter` must be a condition on columns. Received: {written!r:.80}")
    try:
        tree = sqlglot.parse_one(written, into=sqlglot.exp.Condition, dialect="sqlite")
    except (sqlglot.errors.SqlglotError, RecursionError):
        raise _wrong(written, columns) from None
    return _Reader(sqlglot.exp, written, columns).condition(tree, False, 0)


def renamed(condition: Condition, names: Mapping[str, str]) -> Condition:
    """Returns a condition whose columns have other names.

    Examples:
        >>> renamed(Comparison("year", "=", (2019,)), {"year": "a0"})
        Comparison(column='a0', operator='=', values=(2019,))
    """
    if isinstance(condition, Group):
        return condition._replace(parts=tuple(renamed(part, names) for part in condition.parts))
    return condition._replace(column=names[condition.column])


def columns_of(condition: Condition) -> set[str]:
    """Returns the columns that a condition compares."""
    if isinstance(condition, Group):
        return set().union(*map(columns_of, condition.parts))
    return {condition.column}


def sql_of(condition: Condition) -> tuple[str, list[Value]]:
    """Returns a condition as SQL with a question mark for each value, and the values.

    Examples:
        >>> sql_of(Comparison("year", "in", (2019, 2020)))
        ('year in (?, ?)', [2019, 2020])
    """
    if isinstance(condition, Group):
        parts = [sql_of(part) for part in condition.parts]
        sql = f" {condition.operator} ".join(f"({sql})" for sql, _ in parts)
        return sql, [value for _, values in parts for value in values]
    marks = ", ".join("?" * len(condition.values))
    if condition.operator.endswith("in"):
        marks = f"({marks})"
    return f"{condition.column} {condition.operator} {marks}".rstrip(), [*condition.values]


def columns_told(columns: Mapping[str, str]) -> str:
    """Returns the columns there are, for an error message."""
    return ", ".join(f"{name} ({kind})" for name, kind in columns.items()) or "none"


def _wrong(written: str, columns: Mapping[str, str]) -> ValueError:
    return ValueError(
        f"`filter` must compare columns with values by {_LANGUAGE}; the columns are "
        f"{columns_told(columns):.300}. Received: {written:.200}"
    )


class _Reader(NamedTuple):
    """Reads a syntax tree of sqlglot, of which only the known parts pass."""

    exp: Any
    written: str
    columns: Mapping[str, str]

    def condition(self, node: Any, negated: bool, depth: int) -> Condition:
        exp = self.exp
        inner = functools.partial(self.condition, depth=depth + 1)
        if depth > _DEEPEST:
            raise _wrong(self.written, self.columns)
        if isinstance(node, exp.Paren):
            return inner(node.this, negated)
        if isinstance(node, exp.Not):
            return inner(node.this, not negated)
        if isinstance(node, (exp.And, exp.Or)):
            parts = list(node.flatten())
            if len(parts) > _MOST_PARTS:
                raise _wrong(self.written, self.columns)
            operator = "and" if isinstance(node, exp.And) else "or"
            return Group(
                _OPPOSITE[operator] if negated else operator,
                tuple(inner(part, negated) for part in parts),
            )
        if isinstance(node, exp.Between):
            bounds = (">=", node.args["low"]), ("<=", node.args["high"])
            parts = [self._compared(node.this, sign, [bound], negated) for sign, bound in bounds]
            return Group("or" if negated else "and", tuple(parts))
        if isinstance(node, exp.In) and node.expressions:
            return self._compared(node.this, "in", node.expressions, negated)
        if isinstance(node, exp.Is) and isinstance(node.expression, exp.Null):
            return self._compared(node.this, "is null", [], negated)
        signs = {exp.EQ: "=", exp.NEQ: "!=", exp.LT: "<", exp.LTE: "<=", exp.GT: ">", exp.GTE: ">="}
        sign = signs.get(type(node))
        if sign is None:
            raise _wrong(self.written, self.columns)
        column, value = node.this, node.expression
        if not isinstance(column, exp.Column):
            column, value, sign = value, column, _MIRRORED.get(sign, sign)
        return self._compared(column, sign, [value], negated)

    def _compared(self, node: Any, sign: str, values: list, negated: bool) -> Comparison:
        if not isinstance(node, self.exp.Column) or set(node.args) - {"this", "join_mark"}:
            raise _wrong(self.written, self.columns)
        column = node.name
        if column not in self.columns:
            raise ValueError(
                f"`filter` must name columns there are: {columns_told(self.columns):.300}. "
                f"Received: {column!r:.80}"
            )
        found = tuple(map(self._value, values))
        for value in found:
            kind = "text" if isinstance(value, str) else "number"
            if kind != self.columns[column]:
                raise ValueError(
                    f"`filter` must compare {column!r} with a {self.columns[column]}. "
                    f"Received: {value!r:.80}"
                )
        return Comparison(column, _OPPOSITE[sign] if negated else sign, found)

    def _value(self, node: Any) -> Value:
        exp = self.exp
        if isinstance(node, exp.Neg):
            value = self._value(node.this)
            if not isinstance(value, str):
                return -value
        elif isinstance(node, exp.Boolean):
            return int(node.this)
        elif isinstance(node, exp.Literal):
            if node.is_string:
                return node.this
            value = float(node.this) if set(node.this) - set("0123456789") else int(node.this)
            if abs(value) <= _LARGEST_INT:
                return value
        raise _wrong(self.written, self.columns)
