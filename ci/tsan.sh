#!/usr/bin/env bash
# The integration suite under ThreadSanitizer, with a standard library built for it: ten minutes or so.
# Arguments choose tests.
set -euo pipefail
cd "$(dirname "$0")/.."
if ! rustc +nightly --version >/dev/null 2>&1 || [[ ! -d $(rustc +nightly --print sysroot)/lib/rustlib/src ]]; then
    echo "skipped: no nightly with its sources here (rustup toolchain install nightly --component rust-src)"
    exit 0
fi
host=$(rustc +nightly -vV | sed -n 's/^host: //p')
export CARGO_TARGET_DIR=target/tsan RUSTFLAGS="-Zsanitizer=thread --cfg rustix_use_libc"
# Of system calls that are not made through the C library the sanitizer would see nothing.
# The fence of `domain::deadlock` is the one thing that the sanitizer does not know; nothing but a count is read
# on its word.
# A report names the lines of dependencies, too.
lines=(--config 'profile.dev.package."*".debug="line-tables-only"')
cargo +nightly build "${lines[@]}" -Zbuild-std --target "$host" --all-features --examples
cargo +nightly test "${lines[@]}" -Zbuild-std --target "$host" --all-features --test it -- "$@"
