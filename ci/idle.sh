#!/usr/bin/env bash
# An idle server makes no system call: 8 domains, 1000 idle connections, 10 seconds under strace, and
# no CPU time; and the same for a domain 0 that awaits a call.
set -euo pipefail
cd "$(dirname "$0")/.."
if ! command -v strace >/dev/null; then
    echo "skipped: no strace here (apt-get install strace)"
    exit 0
fi
ulimit -n "$(ulimit -H -n)"
cargo build --quiet --release --features polling --example echo --example idle
bin=${CARGO_TARGET_DIR:-target}/release/examples
work=$(mktemp -d)
pids=()
trap 'kill -KILL "${pids[@]}" 2>/dev/null; rm -rf "$work"' EXIT
ticks() { awk '{print $14 + $15}' "/proc/$1/stat"; }
# Context switches of all threads.
switches() { cat /proc/"$1"/task/*/status | awk '/ctxt_switches/ {n += $2} END {print n}'; }

measure() { # name pid
    sleep 1
    local t0 s0 t1 s1
    t0=$(ticks "$2") s0=$(switches "$2")
    sleep 10
    t1=$(ticks "$2") s1=$(switches "$2")
    # Then the same under strace, which counts what begins or ends meanwhile.
    timeout --signal=INT 10 strace -f -c -o "$work/strace" -p "$2" 2>/dev/null || true
    local calls
    # Attaching interrupts what blocks, and each thread restarts it.
    calls=$(awk '$1 ~ /^[0-9.]+$/ && $NF !~ /restart_syscall|total/ {n += $4} END {print n + 0}' "$work/strace")
    local threads
    threads=$(find "/proc/$2/task" -mindepth 1 -maxdepth 1 | wc -l)
    printf '%-32s %2d threads: %d CPU ticks, %d context switches in 10 s; %d system calls under strace\n' \
        "$1" "$threads" $((t1 - t0)) $((s1 - s0)) "$calls"
    # One interrupted call a thread comes from strace itself, at attaching.
    if ((t1 - t0 > 0 || s1 - s0 > 0 || calls > threads)); then
        echo "FAILED: $1 is not idle"
        sed -n 1,20p "$work/strace"
        exit 1
    fi
}

for events in ${1:-observer always pipe}; do
    : >"$work/out"
    "$bin/echo" --listen 127.0.0.1:0 --events "$events" --domains 8 >"$work/out" &
    pids+=($!)
    until address=$(sed -n 's/^listening on //p' "$work/out") && [[ -n $address ]]; do sleep 0.02; done
    : >"$work/clients"
    "$bin/idle" --connect "$address" --connections 1000 >"$work/clients" &
    pids+=($!)
    until grep -q connected "$work/clients"; do sleep 0.02; done
    measure "$events, 1000 idle connections" "${pids[0]}"
    : >"$work/idle"
    "$bin/idle" --events "$events" --domains 8 >"$work/idle" &
    pids+=($!)
    until grep -q waiting "$work/idle"; do sleep 0.02; done
    measure "$events, main awaits a call" "${pids[2]}"
    kill -KILL "${pids[@]}"
    wait "${pids[@]}" 2>/dev/null || true
    pids=()
done
