#!/usr/bin/env bash
# The echo server as a process, under load from another process: every variant of the events on every
# back end, 1 to 8000 connections, every byte checked; after the clients have gone, the server holds
# the descriptors that it held before, and ends by Ctrl-C.
# `ci/serve.sh full` takes longer a row; without it, as in CI, a row takes half a second.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=0.5
connections="1 16 128 1000"
if [[ ${1-} == full ]]; then
    seconds=3
fi
ulimit -n "$(ulimit -H -n)"
# Both ends are on this machine, a process each.
if (($(ulimit -n) > 8200)); then
    connections="$connections 8000"
else
    echo "skipped: 8000 connections (the descriptor limit is $(ulimit -n))"
fi
cargo build --quiet --release --features polling --example echo
echo=${CARGO_TARGET_DIR:-target}/release/examples/echo
fds() { find "/proc/$1/fd" -mindepth 1 | wc -l; }

work=$(mktemp -d)
server=
trap '[[ -z $server ]] || kill -KILL "$server" 2>/dev/null; rm -rf "$work"' EXIT
for events in observer always pipe; do
    for poller in mio polling; do
        : >"$work/out" # not the address of the server before
        "$echo" --listen 127.0.0.1:0 --events $events --poller $poller >"$work/out" &
        server=$!
        until address=$(sed -n 's/^listening on //p' "$work/out") && [[ -n $address ]]; do
            kill -0 "$server" || exit 1
            sleep 0.02
        done
        # One connection first: what a domain opens once, it has then.
        "$echo" --load "$address" --connections 4 --seconds 0.1 >/dev/null
        before=
        # Until two looks agree, the clients' last descriptors are still going.
        while [[ $before != $(fds $server) ]]; do before=$(fds $server); sleep 0.2; done
        for count in $connections; do
            printf '%-8s %-7s ' $events $poller
            "$echo" --load "$address" --connections "$count" --seconds $seconds
        done
        for _ in {1..100}; do
            after=$(fds $server)
            ((after == before)) && break
            sleep 0.1
        done
        if ((after != before)); then
            echo "FAILED: $events on $poller: $before descriptors before, $after after"
            exit 1
        fi
        kill -INT "$server"
        wait "$server"
        server=
        printf '%-8s %-7s %s descriptors before and after; %s\n' $events $poller "$after" "$(tail -n 1 "$work/out")"
    done
done
