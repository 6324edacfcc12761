#!/usr/bin/env bash
# Clippy, with warnings denied, for each choice of features.
set -euo pipefail
cd "$(dirname "$0")/.."
if ! cargo clippy --version >/dev/null 2>&1; then
    echo "skipped: no clippy in this toolchain (rustup component add clippy)"
    exit 0
fi
# The web examples, whose libraries are many, are looked after by `ci/web.sh`.
cargo clippy --workspace --exclude vigie-web-examples --all-targets --all-features -- -D warnings
cargo clippy --lib -- -D warnings
cargo clippy --lib --no-default-features --features polling -- -D warnings
cargo clippy --lib --no-default-features --features mio,signal -- -D warnings
# What needs no events of the system's, and says nothing of it.
cargo clippy --lib --no-default-features --features sync,blocking,process,hyper -- -D warnings
cargo clippy --lib --no-default-features -- -D warnings
