"""Tests that errors stay short, and keep their kind."""

import os

import pytest

from tb_keras.checks.short_errors import short_errors


@pytest.mark.parametrize("kind", [ValueError, OSError, FileNotFoundError])
def test_the_middle_of_a_long_message_is_cut(kind):
    with pytest.raises(kind) as error, short_errors():
        raise kind(f"pairs.csv: {'x' * 10_000} is no column")
    said = str(error.value)
    assert type(error.value) is kind
    assert len(said) < 500
    assert said.startswith("pairs.csv: xxx")
    assert said.endswith("xxx is no column")
    assert error.value.__suppress_context__


def test_others_stay_as_they_are():
    short, other = ValueError("x" * 400), KeyError("x" * 1000)
    for given in (short, other):
        with pytest.raises(type(given)) as error, short_errors():
            raise given
        assert error.value is given


def test_an_error_that_python_makes_of_a_long_name():
    with pytest.raises(OSError, match=r"File name too long: 'xxx") as error, short_errors():
        os.stat("x" * 10_000)
    assert len(str(error.value)) < 500


def test_an_error_of_unicode_is_short_too():
    with pytest.raises(ValueError, match="x") as error, short_errors():
        raise UnicodeDecodeError("utf-8", b"x" * 1000, 0, 1, "x" * 1000)
    assert len(str(error.value)) < 500
