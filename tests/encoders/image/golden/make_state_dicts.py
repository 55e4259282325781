"""Writes state_dict_zip.pt and state_dict_legacy.pt: one small state dict in both formats.

Run it from the repository's root, in a virtual environment of its own (PyTorch is no dependency of
this package):

    python -m venv /path/to/venv
    /path/to/venv/bin/pip install torch==2.13.0 numpy
    /path/to/venv/bin/python tests/encoders/image/golden/make_state_dicts.py
"""

import collections
import pathlib

import torch


def main() -> None:
    matrix = torch.arange(12, dtype=torch.float32).reshape(3, 4)
    state = collections.OrderedDict(
        matrix=matrix,
        transposed=matrix.t(),
        column=matrix[:, 2],
        expanded=torch.tensor([5.0]).expand(3),
        half=torch.tensor([0.5, -2.0], dtype=torch.float16),
        double=torch.tensor([1e-300], dtype=torch.float64),
        count=torch.tensor(2**40, dtype=torch.int64),
        flags=torch.tensor([True, False, True]),
        bytes=torch.tensor([0, 255], dtype=torch.uint8),
        empty=torch.zeros((0, 3)),
    )
    state._metadata = {"": {"version": 1}}  # as `module.state_dict()` leaves it
    folder = pathlib.Path(__file__).parent
    torch.save(state, folder / "state_dict_zip.pt")
    torch.save(state, folder / "state_dict_legacy.pt", _use_new_zipfile_serialization=False)


if __name__ == "__main__":
    main()
