#!/usr/bin/env bash
# Compiles what `ci/loom.sh`, `ci/bench.sh` and `ci/serve.sh` run, for `ci/all.sh`, beside its first steps.
set -uo pipefail
cd "$(dirname "$0")/.."
CARGO_TARGET_DIR=target/loom RUSTFLAGS="--cfg vigie_loom" cargo test --profile loom --lib --no-run
cargo test --release -p vigie-bench --no-run
cargo build --release -p vigie-bench
cargo build --release --features polling --example echo
