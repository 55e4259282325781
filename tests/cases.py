"""What `make test` leaves to `make test-all`: further cases of a test, and further examples."""

import hypothesis
import pytest


def slow_but(*fast, cases):
    """The cases of a parametrized test, those that are not named as fast marked slow."""
    return [
        case
        if case in fast
        else pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=pytest.mark.slow)
        for case in cases
    ]


class OnDemand(dict):
    """Makes each value when it is first asked for."""

    def __init__(self, make):
        self.make = make

    def __missing__(self, name):
        self[name] = self.make(name)
        return self[name]


def selected(request, name):
    """The values of a parameter in those tests of a module that are to run.

    For a fixture that makes something for all of them at once.
    """
    calls = [getattr(i, "callspec", None) for i in request.session.items if i.path == request.path]
    return {call.params[name] for call in calls if call and name in call.params}


def examples(number):
    """Hypothesis settings of so many examples in `make test-all`, of at most 25 in `make test`."""
    default = hypothesis.settings.default.max_examples
    return hypothesis.settings(max_examples=number if default >= 100 else min(number, default))
