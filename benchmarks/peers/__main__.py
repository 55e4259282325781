"""Measures speed and accuracy beside the peers, and writes RESULTS.md and RESULTS.json.

    python -m benchmarks.peers [--parts=training_step,loss] [--small] [--repetitions=5]

Each part is measured in a process of its own and its figures are kept; what was measured before is
not measured again, so that a run that was killed goes on. The page shows all parts that are there.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from absl import app, flags

from benchmarks.peers.parts import PARTS

_ROOT = Path(__file__).parents[2]

_PARTS = flags.DEFINE_list("parts", list(PARTS), "What to measure, in the order given.")
_SMALL = flags.DEFINE_bool("small", False, "Small sizes, to see that everything runs.")
_REPETITIONS = flags.DEFINE_integer("repetitions", 5, "Rounds of each timing.", lower_bound=1)
_DIRECTORY = flags.DEFINE_string(
    "directory",
    None,
    "Where each part's figures are kept; runs/benchmark, or runs/benchmark-small, if left out.",
)
_OUTPUT = flags.DEFINE_string(
    "output", None, "Where to write; benchmarks, or with --small the directory, if left out."
)


@flags.validator("parts", message=f"each must be one of {', '.join(PARTS)}")
def _known(parts: list[str]) -> bool:
    return bool(parts) and set(parts) <= set(PARTS)


def main(arguments: list[str]) -> int:
    if arguments[1:]:
        raise app.UsageError(f"No arguments are taken but flags. Received: {arguments[1:]}")
    # Not before the flags are checked: TensorFlow takes seconds to load.
    from benchmarks.peers.results import write_results
    from benchmarks.peers.running import run_parts

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    small = _SMALL.value
    runs = _ROOT / "runs" / ("benchmark-small" if small else "benchmark")
    directory = Path(_DIRECTORY.value or runs)
    output = Path(_OUTPUT.value or (directory if small else _ROOT / "benchmarks"))
    modules = {name: f"benchmarks.peers.parts.{name}" for name in PARTS}
    chosen = {name: modules[name] for name in _PARTS.value}
    failed = run_parts(chosen, directory, _REPETITIONS.value, small)
    missing = write_results(modules, directory, output, failed)
    print(f"Written: {output / 'RESULTS.md'}", flush=True)
    wrong = [name for name in chosen if name in failed or name in missing]
    if wrong:
        print(f"Failed: {', '.join(wrong)}", file=sys.stderr)
    return int(bool(wrong))


if __name__ == "__main__":
    app.run(main)
