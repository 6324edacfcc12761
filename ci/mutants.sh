#!/usr/bin/env bash
# Breaks the protocols one step at a time, on a copy, and fails unless a loom model notices each:
# two minutes or so on two cores. Arguments choose mutants by name (see loom-tests/README.md). Needs
# the Rust toolchain only.
set -euo pipefail
cd "$(dirname "$0")/.."
export CARGO_TARGET_DIR=target/loom
cargo run --quiet --package vigie-mutants -- "$@"
