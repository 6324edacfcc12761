#!/usr/bin/env bash
# Formatting.
set -euo pipefail
cd "$(dirname "$0")/.."
if ! cargo fmt --version >/dev/null 2>&1; then
    echo "skipped: no rustfmt in this toolchain (rustup component add rustfmt)"
    exit 0
fi
cargo fmt --all --check
