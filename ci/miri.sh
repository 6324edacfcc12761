#!/usr/bin/env bash
# The protocols' own tests, on the real queue, and the unit tests, under Miri: with 16 seeds, or as many as
# the first argument says. Each seed is another order of the threads' steps and of what weak memory shows.
set -euo pipefail
cd "$(dirname "$0")/.."
if ! cargo +nightly miri --version >/dev/null 2>&1; then
    echo "skipped: no Miri here (rustup toolchain install nightly --component miri,rust-src)"
    exit 0
fi
export CARGO_TARGET_DIR=target/miri
seeds=${1:-16}
MIRIFLAGS="-Zmiri-many-seeds=0..$seeds -Zmiri-disable-isolation" \
    cargo +nightly miri test --lib -- protocol:: slots::
