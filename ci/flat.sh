#!/usr/bin/env bash
# Starts and ends 10 million tasks in waves, as many one at a time, as many that go through one task set,
# a million calls and a million sleepers that are cancelled: some seconds. Fails if the memory that the
# process really has is more afterwards.
set -euo pipefail
cd "$(dirname "$0")/.."
if [[ ! -r /proc/self/status ]]; then
    echo "skipped: no /proc here to measure with"
    exit 0
fi
cargo run --quiet --release --features polling --example flat
