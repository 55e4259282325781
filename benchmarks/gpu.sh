#!/bin/sh
# What a GPU makes of a training: the time of a step plain, by XLA, in bfloat16, and over two
# replicas, and how much these differ from one device.
#
#     sh benchmarks/gpu.sh
#
# Run it in the repository, with TensorFlow for GPUs (pip install 'tensorflow[and-cuda]') in .venv.
# It takes some minutes. Two replicas are left out where there are no two GPUs. PYTHON names another
# interpreter, STEPS, IMAGES and DIM other sizes. What it measures is printed; OUTPUT is the
# directory that replicas.md is left in, by default here.
set -eu

python=${PYTHON:-.venv/bin/python}
gpus=$("$python" -c 'import tensorflow as tf; print(len(tf.config.list_physical_devices("GPU")))')
echo "$gpus GPUs"
for way in plain xla bfloat16 replicas; do
    if [ "$way" = replicas ] && [ "$gpus" -lt 2 ] && [ "$gpus" -gt 0 ]; then continue; fi
    "$python" - "$way" "${STEPS:-100}" "${IMAGES:-500}" "${DIM:-4096}" <<'PROGRAM'
import sys
import time

import keras
import numpy as np

from tb_keras.corpus import Corpus
from tb_keras.training import Recipe, from_recipe, replica_strategy

way, (steps, images, dim) = sys.argv[1], map(int, sys.argv[2:])
strategy = replica_strategy(2) if way == "replicas" else None
rng = np.random.default_rng(0)
features = rng.standard_normal((2 * images, dim)).astype("float32")
corpus = Corpus(np.arange(2 * images), image_features=features, text_features=features)
recipe = Recipe(images_per_batch=images, dtype="mixed_bfloat16" if way == "bfloat16" else "")
network, model, batches = from_recipe(corpus, recipe, strategy=strategy)
if strategy is None:
    model.compile(model.optimizer, jit_compile=way != "plain")
seconds = []


class Timer(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        float(logs["loss"])  # waits for the step
        seconds.append(time.perf_counter())


epochs = -(-steps // int(batches(0).cardinality()))
model.fit(batches(0), epochs=epochs, shuffle=False, verbose=0, callbacks=[Timer()])
took = np.diff(seconds[2:])  # the first steps are traced and compiled
print(f"{way}: {1e3 * np.median(took):.1f} ms a step of {images} images", flush=True)
PROGRAM
done
if [ "$gpus" -ge 2 ]; then
    "$python" -m benchmarks.replicas --setups=2 --directory="${OUTPUT:-.}"
fi
