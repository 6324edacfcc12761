#!/usr/bin/env bash
# The example servers as processes, asked by the tools that people ask such servers with: redis-cli,
# redis-benchmark, nc and dig, each as far as it is installed. With every variant of the events on every back end:
# the answers must be right, the descriptors afterwards those before, and Ctrl-C must end it well. Half a minute.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --quiet --release --features polling,sync \
    --example redis --example proxy --example chatroom --example dns
bin=${CARGO_TARGET_DIR:-target}/release/examples
work=$(mktemp -d)
declare -A pids=() ports=() descriptors=()
trap '{ kill -KILL "${pids[@]}"; wait "${pids[@]}"; } 2>/dev/null || true; rm -rf "$work"' EXIT

missing=()
has() { command -v "$1" >/dev/null || { missing+=("$1"); return 1; }; }
has redis-cli && cli=1 || cli=
has redis-benchmark && load=1 || load=
has nc && nc=1 || nc=
# The upstream server that dig's questions end at is written in Python.
has dig && has python3 && dig=1 || dig=
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

try_dns() {
    ask() { dig @127.0.0.1 -p "${ports[dns]}" +tries=1 +time=5 "$@"; }
    same "dig" 192.0.2.7 "$(ask +short www.example.org)"
    same "dig, from the cache" 192.0.2.7 "$(ask +short WWW.example.org)"
    same "dig without EDNS" 192.0.2.7 "$(ask +short +noedns www.example.org)"
    grep -q 'status: NXDOMAIN' <(ask no.example.org) || fail "a name that there is not"
    grep -q 'status: NOTIMP' <(ask +opcode=status www.example.org) || fail "an operation that there is not"
    # At the same time.
    local askers=() asker
    for number in {1..20}; do
        [[ $(ask +short "host$number.example.org") == 192.0.2.7 ]] &
        askers+=($!)
    done
    for asker in "${askers[@]}"; do wait "$asker" || fail "twenty questions at a time"; done
}

head -c 3000000 /dev/urandom >"$work/bytes"
if [[ $dig ]]; then
    cat >"$work/upstream.py" <<'PYTHON'
# Answers every question with one address, good for a minute; but that for a name that begins with "no".
import socket
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 0))
print("listening on 127.0.0.1:%d" % server.getsockname()[1])
while True:
    query, client = server.recvfrom(4096)
    question = query[12:query.index(0, 12) + 5]
    exists = not question[1:].lower().startswith(b"no")
    flags = b"\x81\x80\x00\x01\x00\x01" if exists else b"\x81\x83\x00\x01\x00\x00"
    answer = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\xc0\x00\x02\x07" if exists else b""
    server.sendto(query[:2] + flags + bytes(4) + question + answer, client)
PYTHON
    begin upstream python3 -u "$work/upstream.py"
fi
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
        if [[ $dig ]]; then
            begin dns "$bin/dns" $(common) --upstream "127.0.0.1:${ports[upstream]}"
            try_dns
            count dns
            try_dns
            end dns
        fi
    done
done
