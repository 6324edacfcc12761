#!/usr/bin/env bash
# The tests: on both back ends and all three variants of the events, on all processors and again on
# one; then the doctests.
set -euo pipefail
cd "$(dirname "$0")/.."
# The suite runs the examples as programs.
cargo build --all-features --examples
# Many tests wait most of their time, for a process or a timer: two at once for each processor.
RUST_TEST_THREADS=$((2 * $(getconf _NPROCESSORS_ONLN))) cargo test --all-features --lib --tests
if command -v taskset >/dev/null; then
    echo "--- again, on one processor"
    RUST_TEST_THREADS=2 taskset -c 0 cargo test --all-features --lib --tests
else
    echo "skipped: the tests on one processor (no taskset here)"
fi
cargo test --all-features --doc
