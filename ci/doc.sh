#!/usr/bin/env bash
# The documentation, with warnings denied, and the package that would be published.
set -euo pipefail
cd "$(dirname "$0")/.."
RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --all-features --document-private-items
RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --all-features
cargo package --allow-dirty --quiet --list >/dev/null
