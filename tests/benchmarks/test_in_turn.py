"""Tests of calls timed in turn."""

import os
import time
from concurrent.futures.process import BrokenProcessPool

import numpy as np
import pytest

from benchmarks.peers.in_turn import in_process, ratio, ratio_table, seconds_in_turn
from tests.benchmarks.table_cells import unpadded


def test_each_call_is_made_once_unmeasured_and_then_all_in_turn():
    called = []
    calls = {name: lambda name=name: called.append(name) for name in "abc"}
    seconds = seconds_in_turn(calls, 4)
    assert called == list("abcabcbcacababc")
    assert {name: len(values) for name, values in seconds.items()} == {"a": 4, "b": 4, "c": 4}


def test_the_seconds_are_those_of_the_call():
    seconds = seconds_in_turn({"short": lambda: None, "long": lambda: time.sleep(0.02)}, 2)
    assert min(seconds["long"]) >= 0.02
    assert ratio(seconds, "long", "short") > 1


def test_ratios_are_those_of_the_same_round():
    seconds = {"ours": [1.0, 2.0, 4.0], "peer": [2.0, 6.0, 4.0]}
    assert ratio(seconds, "peer", "ours") == 2.0
    assert ratio(seconds, "ours", "ours") == 1.0
    line = unpadded(ratio_table(seconds, "ours", "ms").splitlines()[-1])
    assert line == "| peer | 4,000 | 2.00 | 1.00 to 3.00 |"


def test_a_process_of_its_own_gives_back_its_result_and_says_when_it_was_killed():
    assert in_process(np.add, 1, 2) == 3
    assert in_process(os.getpid) != os.getpid()
    with pytest.raises(BrokenProcessPool):
        in_process(os._exit, 3)
