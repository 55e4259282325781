"""Batches for training, as `tf.data` data sets that know which images and texts belong together.

`neighborhood_batches` makes batches of images and texts. `region_batches` makes batches of regions
and phrases for localization. `sharded_batches` makes batches of images and texts from the files of
`write_shards`, for corpora that no memory or disk holds; `shard_sample` returns a part of these as
a corpus.
"""

from tb_keras.batching.neighborhood_sampling import neighborhood_batches
from tb_keras.batching.region_sampling import region_batches
from tb_keras.batching.shards.shard_files import write_shards
from tb_keras.batching.shards.shard_sample import shard_sample
from tb_keras.batching.shards.sharded_sampling import sharded_batches

__all__ = [
    "neighborhood_batches",
    "region_batches",
    "shard_sample",
    "sharded_batches",
    "write_shards",
]


def __dir__() -> list[str]:
    return __all__
