#!/usr/bin/env bash
# The benchmark, with little of everything: that it runs, not how fast. Two minutes at most.
set -euo pipefail
cd "$(dirname "$0")/.."
if [[ $(uname) != Linux ]]; then
    echo "skipped: the benchmark is for Linux"
    exit 0
fi
cargo run --quiet --release -p vigie-bench -- run --smoke
