#!/usr/bin/env bash
# Checks that the library compiles for other systems, without a warning, where the toolchain has or can get the target,
# and with the oldest compiler that `rust-version` promises.
set -euo pipefail
cd "$(dirname "$0")/.."
export CARGO_TARGET_DIR=target/targets
has_target() {
    command -v rustup >/dev/null || return 1
    rustup target list --installed 2>/dev/null | grep -qx "$1" || timeout 120 rustup target add "$1" >/dev/null 2>&1
}
for target in aarch64-apple-darwin x86_64-pc-windows-gnu; do
    if ! has_target "$target"; then
        echo "skipped: the target $target cannot be had here"
        continue
    fi
    for features in "" "--all-features" "--no-default-features --features polling"; do
        echo "--- $target $features"
        # shellcheck disable=SC2086
        RUSTFLAGS="-D warnings" cargo check --quiet --lib --target "$target" $features
    done
done
oldest=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
if command -v rustup >/dev/null && { rustup run "$oldest" cargo --version || timeout 120 rustup toolchain install "$oldest" --profile minimal; } >/dev/null 2>&1; then
    echo "--- rust $oldest"
    rustup run "$oldest" cargo check --quiet --lib --all-features
else
    echo "skipped: rust $oldest cannot be had here"
fi
