"""`tf.data` batches that know the neighbourhoods."""

from tb_keras.batching.neighborhood_sampling import neighborhood_batches
from tb_keras.batching.region_sampling import region_batches

__all__ = ["neighborhood_batches", "region_batches"]


def __dir__() -> list[str]:
    return __all__
