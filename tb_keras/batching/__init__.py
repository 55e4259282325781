"""`tf.data` batches that know the neighbourhoods."""

from tb_keras.batching.neighborhood_batches import neighborhood_batches as neighborhood_batches
from tb_keras.batching.region_batches import region_batches as region_batches
