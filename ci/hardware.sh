#!/usr/bin/env bash
# The protocols on this machine's processor, a million rounds each, or as many as the first argument says;
# and broken ones beside them, to show that the processor does lose wake-ups.
set -euo pipefail
cd "$(dirname "$0")/.."
export VIGIE_ROUNDS=${1:-1000000}
cargo test --quiet --release --lib --all-features -- --nocapture --test-threads=1 protocol::tests system::pipe::tests
