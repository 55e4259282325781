"""Speed and accuracy beside the peers: `python -m benchmarks.peers` writes RESULTS.md."""
