#!/usr/bin/env bash
# The benchmark's own tests; then the benchmark, with little of everything: that it runs, not how fast.
set -euo pipefail
cd "$(dirname "$0")/.."
if [[ $(uname) != Linux ]]; then
    echo "skipped: the benchmark is for Linux"
    exit 0
fi
cargo test --quiet --release -p vigie-bench
cargo run --quiet --release -p vigie-bench -- run --smoke
