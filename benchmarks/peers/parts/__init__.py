"""The parts of the benchmark, in the order of the page.

A part is a module of this package with

- `FULL` and `SMALL`: sizes, the keyword arguments of `measure`; a small run ends in seconds;
- `measure(file, repetitions, **sizes)`: returns figures that JSON can hold. They will be kept in
  the path `file`, beside which a long part keeps what it has so far;
- `section(figures)`: their Markdown, which begins with a heading of the second level;
- `losing(figures)`: plain sentences on where a peer is better, or less is reached than was meant.

The last two need nothing but the figures. A peer that is not installed is left out of the figures,
and the section says so.
"""

PARTS = (
    "training_step",
    "loss",
    "large_batch",
    "input_pipeline",
    "encoding",
    "evaluation",
    "precision",
    "accuracy",
    "ablations",
)
