#!/usr/bin/env bash
# Training speed of this machine, in under five minutes: docs/gpu.md, "Send in your figures".
cd "$(dirname "$0")/.." && exec "${PYTHON:-python3}" -m benchmarks.gpu "$@"
