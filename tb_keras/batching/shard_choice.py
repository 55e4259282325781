"""The choice of a worker's part of the batches."""

from __future__ import annotations

from tb_keras.checks.arguments import check_int


def check_shard(num_shards: int, shard_index: int) -> None:
    """Raises a ValueError unless `shard_index` is one of `num_shards` shards.

    Examples:
        >>> check_shard(2, 2)
        Traceback (most recent call last):
        ValueError: `shard_index` must be less than num_shards=2. Received: shard_index=2
    """
    check_int("num_shards", num_shards, least=1)
    check_int("shard_index", shard_index, least=0)
    if shard_index >= num_shards:
        raise ValueError(
            f"`shard_index` must be less than num_shards={num_shards}. "
            f"Received: shard_index={shard_index}"
        )
