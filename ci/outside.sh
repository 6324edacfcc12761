#!/usr/bin/env bash
# A crate outside of the workspace that depends on vigie by path, as a user's does: with default
# features, with polling alone, and without a back end.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkdir "$dir/src"
# Our own lock file: what is tested is what was resolved here.
cp Cargo.lock "$dir/" 2>/dev/null || true
cat >"$dir/Cargo.toml" <<TOML
[package]
name = "outside"
version = "0.0.0"
edition = "2024"

[features]
default = ["vigie/mio"]
polling = ["vigie/polling"]

[dependencies]
vigie = { path = "$root", default-features = false }

[workspace]
TOML
cat >"$dir/src/main.rs" <<'RUST'
fn main() -> std::io::Result<()> {
    let sum = vigie::Builder::new().extra_domains(1).run(async {
        let (here, there) = (vigie::spawn(async { 1 }), vigie::call(|| async { 2 }));
        here.await.unwrap() + there.await.unwrap()
    })?;
    println!("1 here + 2 there = {sum}");
    assert_eq!(sum, 3);
    Ok(())
}
RUST
export CARGO_TARGET_DIR=$root/target/outside
for features in "" "--no-default-features --features polling" "--no-default-features" "--features polling"; do
    echo "--- cargo run $features"
    # shellcheck disable=SC2086
    cargo run --quiet --manifest-path "$dir/Cargo.toml" $features
done
