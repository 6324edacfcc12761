#!/usr/bin/env bash
# The example servers as processes, asked by the tools that people ask such servers with: redis-cli,
# redis-benchmark and nc, each as far as it is installed. With every variant of the events on every back end:
# the answers must be right, the descriptors afterwards those before, and Ctrl-C must end it well. Half a minute.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --quiet --release --features polling,sync \
    --example redis --example proxy --example chatroom
bin=${CARGO_TARGET_DIR:-target}/release/examples
work=$(mktemp -d)
declare -A pids=() ports=() descriptors=()
trap '{ kill -KILL "${pids[@]}"; wait "${pids[@]}"; } 2>/dev/null || true; rm -rf "$work"' EXIT

missing=()
has() { command -v "$1" >/dev/null || { missing+=("$1"); return 1; }; }
has redis-cli && cli=1 || cli=
has redis-benchmark && load=1 || load=
has nc && nc=1 || nc=
for tool in "${missing[@]}"; do echo "skipped: what needs $tool, which is not installed"; done

fail() {
    echo "FAILED: $*"
    exit 1
}
same() { # what expected got
    [[ $2 == "$3" ]] || fail "$1: '$3' in place of '$2'"
}
fds() { find "/proc/$1/fd" -mindepth 1 2>/dev/null | wc -l; }
begin() { # name, then what starts it
    local name=$1 line
    shift
    : >"$work/$name"
    "$@" >"$work/$name" &
    pids[$name]=$!
    until line=$(sed -n 's/^listening on //p' "$work/$name") && [[ -n $line ]]; do
        kill -0 "${pids[$name]}" || fail "$name did not start"
        sleep 0.02
    done
    ports[$name]=${line##*:}
}
# Once each domain has had a connection; what it opens once it has then.
count() { # name
    local before=
    while [[ $before != $(fds "${pids[$1]}") ]]; do before=$(fds "${pids[$1]}"); sleep 0.1; done
    descriptors[$1]=$before
}
end() { # name
    local before=${descriptors[$1]} after
    for _ in {1..50}; do
        after=$(fds "${pids[$1]}")
        ((after == before)) && break
        sleep 0.1
    done
    ((after == before)) || fail "$1: $before descriptors before, $after after"
    kill -INT "${pids[$1]}"
    wait "${pids[$1]}" || fail "$1 ended with status $?"
    unset "pids[$1]"
    printf '%-8s %-7s %-8s %s descriptors before and after; %s\n' "$events" "$poller" "$1" "$after" "$(tail -n 1 "$work/$1")"
}
common() { echo "--listen 127.0.0.1:0 --events $events --poller $poller"; }

try_redis() {
    local port=${ports[$1]} output
    cli() { redis-cli -p "$port" "$@"; }
    if [[ $cli ]]; then
        same "SET" OK "$(cli set greeting 'hello there' ex 100)"
        same "GET" 'hello there' "$(cli get greeting)"
        same "TTL" 100 "$(cli ttl greeting)"
        same "a large value" OK "$(cli -x set large <"$work/bytes")"
        # A newline follows it.
        cli get large | head -c "$(stat -c %s "$work/bytes")" | cmp - "$work/bytes" || fail "a large value"
        same "DEL" 2 "$(cli del greeting large)"
    fi
    if [[ $load ]]; then
        output=$(timeout 60 redis-benchmark -p "$port" -P 16 -c 20 -n 40000 -t ping,set,get,incr --csv 2>&1)
        same "redis-benchmark's tests" 5 "$(grep -cE '^"(PING_INLINE|PING_MBULK|SET|GET|INCR)","[1-9]' <<<"$output")"
        grep -iE 'error|warning' <<<"$output" && fail "redis-benchmark"
        awk -F '"' -v what="$events $poller $1" '/^"(PING|SET|GET|INCR)/ {line = line sprintf(" %s %.0f", $2, $4)}
            END {print what ", requests/s, 16 at a time:" line}' <<<"$output"
        [[ ! $cli ]] || same "what INCR counted" 40000 "$(cli get counter:__rand_int__)"
        [[ ! $cli ]] || cli flushall >/dev/null
    fi
}

try_chatroom() {
    local port=${ports[chatroom]} line
    coproc ANN { timeout 20 nc 127.0.0.1 "$port"; }
    local out=${ANN[0]} in=${ANN[1]} pid=$ANN_PID
    expect() {
        IFS= read -r -t 10 line <&"$out" || fail "the chat room says nothing, where '$1' was expected"
        same "the chat room" "$1" "$line"
    }
    expect '* your name?'
    echo ann >&"$in"
    expect '* welcome: lines go to everybody; /who, /quit'
    same "what bob sees" '* your name? * welcome: lines go to everybody; /who, /quit * here: ann bob' \
        "$(printf 'bob\nhello\n/who\n/quit\n' | timeout 10 nc 127.0.0.1 "$port" | paste -s -d ' ')"
    expect '* bob is here'
    expect 'bob: hello'
    expect '* bob has left'
    echo /quit >&"$in"
    # Some wait for the end of their input as well.
    exec {in}>&-
    wait "$pid" || fail "nc ended with status $?"
}

head -c 3000000 /dev/urandom >"$work/bytes"
for events in observer always pipe; do
    for poller in mio polling; do
        # shellcheck disable=SC2046
        if [[ $cli || $load ]]; then
            begin redis "$bin/redis" $(common) --domains 2
            begin proxy "$bin/proxy" $(common) --to "127.0.0.1:${ports[redis]}"
            for name in redis proxy; do
                for _ in {1..4}; do exec {fd}<>"/dev/tcp/127.0.0.1/${ports[proxy]}" && exec {fd}>&-; done
                count $name
            done
            try_redis redis
            try_redis proxy
            end proxy
            end redis
        fi
        if [[ $nc ]]; then
            begin chatroom "$bin/chatroom" $(common)
            try_chatroom
            count chatroom
            try_chatroom
            end chatroom
        fi
    done
done
