#!/usr/bin/env bash
# What the server's threads ask of the system under load: with the observer, no write that wakes
# anybody. Sockets are written with `sendto`, so a `write` would be one to a pipe or an eventfd.
set -euo pipefail
cd "$(dirname "$0")/.."
if ! command -v strace >/dev/null; then
    echo "skipped: no strace here (apt-get install strace)"
    exit 0
fi
cargo build --quiet --release --features polling --example echo
echo=${CARGO_TARGET_DIR:-target}/release/examples/echo
work=$(mktemp -d)
server=
trap '[[ -z $server ]] || kill -KILL "$server" 2>/dev/null; rm -rf "$work"' EXIT
for events in observer always pipe; do
    : >"$work/out" # not the address of the server before
    "$echo" --listen 127.0.0.1:0 --events $events >"$work/out" &
    server=$!
    until address=$(sed -n 's/^listening on //p' "$work/out") && [[ -n $address ]]; do sleep 0.02; done
    "$echo" --load "$address" --connections 16 --seconds 4 >"$work/load" &
    load=$!
    sleep 0.5
    timeout --signal=INT 2 strace -f -c -o "$work/strace" -p "$server" 2>/dev/null || true
    wait $load
    echo "--- $events: $(cat "$work/load")"
    sed -n 1,12p "$work/strace"
    writes=$(awk '$NF == "write" || $NF == "writev" {n += $4} END {print n + 0}' "$work/strace")
    if [[ $events != pipe && $writes != 0 ]]; then
        echo "FAILED: $writes writes to wake somebody"
        exit 1
    fi
    kill -INT $server
    wait $server
    server=
done
