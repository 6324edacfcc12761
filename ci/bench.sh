#!/usr/bin/env bash
# The benchmark, with little of everything: that it runs, not how fast.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo run --quiet --release -p vigie-bench -- --smoke
