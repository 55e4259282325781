"""Batches for training, as `tf.data` data sets that know which images and texts belong together.

`neighborhood_batches` makes batches of images and texts. `region_batches` makes batches of regions
and phrases for localization.
"""

from tb_keras.batching.neighborhood_sampling import neighborhood_batches
from tb_keras.batching.region_sampling import region_batches

__all__ = ["neighborhood_batches", "region_batches"]


def __dir__() -> list[str]:
    return __all__
