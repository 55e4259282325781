"""Reads randomly damaged files with every reader, and prints what went wrong.

    python -m tests.fuzzing --inputs=100000
    python -m tests.fuzzing --first=4711 --inputs=1 --reader=csv

Anything but a result, a ValueError or an OSError of under 500 characters is a failure; so is a
process that ends, or takes more than a minute. Inputs are told by their seeds, so that a failure
can be seen again.
"""

import argparse
import collections
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.fuzzing.inputs import Failure, Inputs

MEMORY = 10 * 2**30  # bytes of addresses of a process
PATIENCE = 60  # seconds for an input
REPORTED = 100  # inputs between two reports of a process


def main():
    parser = argparse.ArgumentParser("tests.fuzzing", description=__doc__.partition("\n")[0])
    parser.add_argument("--inputs", type=int, default=1000, help="how many")
    parser.add_argument("--first", type=int, default=0, help="seed of the first")
    parser.add_argument("--reader", help="name of the only reader to try")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--seconds", type=float, default=float("inf"), help="when to stop")
    parser.add_argument("--report", help="file of a part of the work, in its own process")
    parser.add_argument("--step", type=int, default=1)
    options = parser.parse_args()
    if options.report:
        return work(options)
    began = time.monotonic()
    counts, failures = supervise(options, began + options.seconds)
    print(f"{sum(counts.values())} inputs in {time.monotonic() - began:.0f} s")
    for name in sorted({name for name, _ in counts}):
        outcomes = {outcome: n for (other, outcome), n in sorted(counts.items()) if other == name}
        print(f"  {name}: {', '.join(f'{n} {outcome}' for outcome, n in outcomes.items())}")
    for failure in failures:
        print(f"FAILED seed {failure.seed}, {failure.reader}, {failure.file}: {failure.error}")
    print(f"{len(failures)} failures")
    return 1 if failures else 0


def work(options):
    """Runs every `step`-th input, and writes what happened, a line for each report."""
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    memory = MEMORY if most == resource.RLIM_INFINITY else min(MEMORY, most)
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    with tempfile.TemporaryDirectory() as folder, open(options.report, "a") as report:
        os.environ["TB_KERAS_CACHE"] = str(Path(folder) / "cache")
        inputs = Inputs(folder, options.reader)
        seeds = range(options.first, options.first + options.inputs, options.step)
        for number, seed in enumerate(seeds):
            at = Path(f"{options.report}.at")
            at.write_text(str(seed))
            failure = inputs.run(seed)
            if failure or number % REPORTED == REPORTED - 1 or seed == seeds[-1]:
                counts = [[*key, count] for key, count in inputs.counts.items()]
                inputs.counts.clear()
                print(json.dumps({"counts": counts, "failure": failure}), file=report, flush=True)
    return 0


def supervise(options, deadline):
    """Starts processes again where one ended or hangs; returns all counts and failures."""
    counts, failures = collections.Counter(), []
    end = options.first + options.inputs
    with tempfile.TemporaryDirectory() as folder:
        running = {}
        for number in range(min(options.processes, options.inputs)):
            report = Path(folder) / f"{number}.jsonl"
            running[report] = started(options, report, options.first + number, end)
        while running:
            time.sleep(0.2)
            for report, process in list(running.items()):
                at = Path(f"{report}.at")
                code = process.poll()
                hangs = at.exists() and time.time() - at.stat().st_mtime > PATIENCE
                if code is None and not hangs and time.monotonic() < deadline:
                    continue
                process.kill()
                process.wait()
                del running[report]
                if code == 0 or time.monotonic() >= deadline:
                    continue
                if not at.exists():
                    raise RuntimeError(f"a process ended with {code} before its first input")
                seed = int(at.read_text())
                at.unlink()  # else the next process would seem to hang from its start
                error = "took more than a minute" if hangs else f"the process ended with {code}"
                name = options.reader or Inputs(folder).names[seed % len(Inputs(folder).names)]
                failures.append(Failure(seed, name, "", error))
                following = seed + options.processes
                if following < end:
                    running[report] = started(options, report, following, end)
        for report in Path(folder).glob("*.jsonl"):
            for line in report.read_text().splitlines():
                found = json.loads(line)
                counts.update({(name, outcome): n for name, outcome, n in found["counts"]})
                failures += [Failure(*found["failure"])] if found["failure"] else []
    return counts, sorted(failures)


def started(options, report, first, end):
    command = [sys.executable, "-m", "tests.fuzzing", f"--report={report}", f"--first={first}"]
    command += [f"--inputs={end - first}", f"--step={options.processes}"]
    command += [f"--reader={options.reader}"] if options.reader else []
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


if __name__ == "__main__":
    sys.exit(main())
