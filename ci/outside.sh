#!/usr/bin/env bash
# A crate outside of the workspace that depends on vigie by path, as a user's does: with default
# features, with polling alone, without a back end, with what tasks share, and with what blocks.
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
sync = ["vigie/sync"]
blocking = ["vigie/blocking"]

[dependencies]
vigie = { path = "$root", default-features = false }

[profile.dev]
debug = false

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
    #[cfg(feature = "sync")]
    shared()?;
    #[cfg(feature = "blocking")]
    blocks()?;
    Ok(())
}

#[cfg(feature = "blocking")]
fn blocks() -> std::io::Result<()> {
    let read = vigie::run(vigie::fs::read_to_string("/dev/null"))??;
    let sum = vigie::run(vigie::unblock(|| 1 + 2))??;
    println!("on the pool: {read:?}, {sum}");
    assert_eq!((read.as_str(), sum), ("", 3));
    Ok(())
}

#[cfg(feature = "sync")]
fn shared() -> std::io::Result<()> {
    use vigie::{channel, lock::{Condition, Mutex}};
    static ROOM: Mutex<i32> = Mutex::new(0);
    static FULL: Condition = Condition::new();
    let received = vigie::Builder::new().extra_domains(1).run(async {
        let (sender, receiver) = channel::bounded(1);
        let there = vigie::call(async move || {
            *ROOM.lock().await += 1;
            FULL.notify_one();
            sender.send(2).await
        });
        let room = *FULL.wait_while(ROOM.lock().await, |room| *room == 0).await;
        let received = receiver.recv().await.unwrap();
        there.await.unwrap().unwrap();
        (room, received)
    })?;
    println!("through a lock and a channel: {received:?}");
    assert_eq!(received, (1, 2));
    Ok(())
}
RUST
export CARGO_TARGET_DIR=$root/target/outside
for features in "" "--no-default-features --features polling" "--no-default-features" \
    "--no-default-features --features sync,blocking" "--features polling,sync"; do
    echo "--- cargo run $features"
    # shellcheck disable=SC2086
    cargo run --quiet --manifest-path "$dir/Cargo.toml" $features
done
# A program may itself be built for loom. The cfg of these models is our own, so that this changes nothing here.
echo "--- --cfg loom cargo run"
RUSTFLAGS="--cfg loom" cargo run --quiet --target-dir "$CARGO_TARGET_DIR/loom" --manifest-path "$dir/Cargo.toml"
