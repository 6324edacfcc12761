#!/usr/bin/env bash
# The loom models of the protocols, each at its own preemption bound: a minute or two on two cores.
# `ci/loom.sh nightly` raises every bound by one; any other argument is a bound itself (see
# loom-tests/README.md). Needs the Rust toolchain only.
set -euo pipefail
cd "$(dirname "$0")/.."
case ${1:-} in
    "") ;;
    nightly) export VIGIE_LOOM_BOUND=+1 ;;
    *) export VIGIE_LOOM_BOUND=$1 ;;
esac
# A target directory of its own: the cfg would make cargo build everything else anew as well.
export CARGO_TARGET_DIR=target/loom RUSTFLAGS="--cfg vigie_loom"
cargo test --profile loom --lib -- --nocapture
