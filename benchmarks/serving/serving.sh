#!/bin/sh
# The load of benchmarks/serving/load.py on a real tensorflow_model_server, in docker.
#
#     sh benchmarks/serving/serving.sh [RUN]
#
# RUN is a run with two seeds, by default runs/openmoji, which `make demo` makes. Run it in the
# repository, with docker and the port 8500 free. SERVING_IMAGE names another release; BATCHING=1
# has the server join requests, by savedmodels/batching_parameters.txt. What it measured is printed
# and left in the directory OUTPUT, by default here.
set -eu

run=${1:-runs/openmoji}
image=${SERVING_IMAGE:-tensorflow/serving:2.19.1}
models=$(mktemp -d)
trap 'docker rm --force tb-keras-load >/dev/null 2>&1 || true; rm -rf "$models"' EXIT
mkdir "$models/load"
chmod -R a+rX "$models"
docker run --detach --rm --name tb-keras-load -p 127.0.0.1:8500:8500 \
    -v "$models:/models:ro" -v "$PWD/savedmodels/batching_parameters.txt:/batching.txt:ro" \
    -e MODEL_NAME=load "$image" --file_system_poll_wait_seconds=1 \
    ${BATCHING:+--enable_batching=true --batching_parameters_file=/batching.txt}
.venv/bin/python -m benchmarks.serving.load --run="$run" --models="$models" \
    --server=localhost:8500 --directory="${OUTPUT:-.}" ${BATCHING:+--batches=1,8,32}
