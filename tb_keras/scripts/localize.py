"""Finds the places in a picture that phrases speak of.

    tb-localize --model=savedmodels/scenes park.jpg "a dog" "the bench behind it"

Proposes regions, scores them with each phrase and prints the best boxes (left, top, right, bottom,
in pixels). Then it draws the best box of each phrase into a copy of the picture,
PICTURE.localized.png unless --output names another file.
"""

from __future__ import annotations

from pathlib import Path

from absl import flags

from tb_keras.encoders import propose_regions
from tb_keras.evaluation import draw_boxes
from tb_keras.scripts import data_flags
from tb_keras.scripts.own_data.readable_pictures import readable_paths
from tb_keras.scripts.run_main import run_main
from tb_keras.serving import ExportedLocalizer
from tb_keras.storage.atomic_file import written_beside

_MODEL = flags.DEFINE_string("model", None, "Directory of the exported model.", required=True)
_OUTPUT = flags.DEFINE_string("output", None, "File to write the picture with the boxes to (PNG).")
_K = flags.DEFINE_integer("k", 3, "Boxes to print for each phrase.", lower_bound=1)
for _flag in (data_flags.PROPOSALS, data_flags.PROPOSALS_PER_PICTURE, data_flags.EDGE_MODEL):
    flags.declare_key_flag(_flag)  # so that --help shows it


def main(arguments: list[str]) -> None:
    """Runs the script."""
    if len(arguments) < 2:
        raise ValueError('name a picture and at least one phrase: park.jpg "a dog"')
    picture, *phrases = arguments
    if not Path(picture).is_file():
        raise FileNotFoundError(f"there is no picture {picture!r}")
    if not all(phrase.strip() for phrase in phrases):
        raise ValueError("a phrase must not be empty")
    model = ExportedLocalizer(_MODEL.value)
    readable_paths([picture])
    _, boxes = propose_regions([picture], **data_flags.proposal_settings(), verbose=False)
    if not len(boxes):
        raise ValueError(f"nothing was proposed in {picture!r}, which may be of one colour")
    scores = model.localize(picture, boxes, phrases)
    best, labels = [], []
    for phrase, row in zip(phrases, scores):
        order = (-row).argsort(kind="stable")[: _K.value]
        best.append(boxes[order[0]])
        labels.append(f"{phrase} {row[order[0]]:.2f}")
        print(f"\n{phrase}")
        for rank, region in enumerate(order, start=1):
            corners = ", ".join(f"{corner:.0f}" for corner in boxes[region])
            print(f"  {rank}. {row[region]:6.3f}  [{corners}]")
    output = Path(_OUTPUT.value or f"{picture}.localized.png")
    with written_beside(output) as beside:
        draw_boxes(picture, best, labels).save(beside, format="PNG")
    print(f"\nWrote {output}")


if __name__ == "__main__":
    run_main("tb-localize", main)
