#!/usr/bin/env bash
# HTTP as a process, by the tools that everybody has: curl, wrk, h2load, openssl, nc. Both versions, in the
# clear and under TLS; bodies that must come back as they went; connections that are kept, upgraded, left
# half-way by 10 000 rude clients; an end while requests are under way. Afterwards the server holds the
# descriptors and the tasks that it held before.
# `ci/web.sh full` does this for every variant of the events on every back end, and for longer; without it,
# for the default ones.
set -euo pipefail
cd "$(dirname "$0")/.."
if [[ ! -d /proc/self/fd ]]; then
    echo "skipped: no /proc here to count descriptors with"
    exit 0
fi
runs="observer:mio" seconds=1 size=100
if [[ ${1-} == full ]]; then
    runs="observer:mio observer:polling always:mio always:polling pipe:mio pipe:polling" seconds=5 size=300
fi
ulimit -n "$(ulimit -H -n)"
if cargo clippy --version >/dev/null 2>&1; then
    cargo clippy --quiet -p vigie-web-examples --all-targets -- -D warnings
else
    echo "skipped: no clippy in this toolchain (rustup component add clippy)"
fi
cargo build --quiet --release -p vigie-web-examples
bin=${CARGO_TARGET_DIR:-target}/release

work=$(mktemp -d)
pids=()
trap 'kill -KILL "${pids[@]}" 2>/dev/null || true; rm -rf "$work"' EXIT
fail() { echo "FAILED: $*"; exit 1; }
# `check what expected found`
check() { [[ $2 == "$3" ]] || fail "$1: expected $2, found $3"; }
has() { command -v "$1" >/dev/null && return; echo "skipped: $2 (no $1 here)"; return 1; }
hash() { sha256sum | cut -d' ' -f1; }
# As many bytes of the server's as that.
lines() { { yes vigie || true; } | head -c "$1"; }
fds() { find "/proc/$1/fd" -mindepth 1 | wc -l; }
pause() { sleep 0.05; }

# Starts a server: its process in $server, where it listens in $address.
start() { # options
    : >"$work/out" # not the address of the server before
    "$bin/http-server" --listen 127.0.0.1:0 --events "$events" --poller "$poller" "$@" >"$work/out" 2>"$work/err" &
    server=$!
    pids+=($server)
    until address=$(sed -n 's/^listening on //p' "$work/out") && [[ -n $address ]]; do
        kill -0 "$server" || fail "the server did not start: $(cat "$work/err")"
        pause
    done
}
stop() {
    kill -INT "$server"
    wait "$server" || fail "the server's end: $?"
    pids=()
}
fetch() { "$bin/http-client" "$@" 2>/dev/null; }
tasks() { fetch "http://$address/tasks"; }
# Until two looks a moment apart agree, the last of what was there before is still going.
settle() {
    local last=
    while [[ $last != "$(fds $server) $(tasks)" ]]; do
        last="$(fds $server) $(tasks)"
        sleep 0.2
    done
}
# Waits for the descriptors and the tasks that there were at first.
residue() { # what
    local found=
    for _ in {1..200}; do
        found="$(fds $server) descriptors, $(tasks) tasks"
        [[ $found == "$before" ]] && { say "$1: $found before and after"; return; }
        pause
    done
    fail "$1: $before before, $found after"
}
say() { printf '%-8s %-7s %s\n' "$events" "$poller" "$*"; }

own_clients() {
    check "a body" "$(lines 3000000 | hash)" "$(fetch "http://$address/bytes/3000000" | hash)"
    check "a body by HTTP/2" "$(lines 3000000 | hash)" "$(fetch --http2 "http://$address/bytes/3000000" | hash)"
    check "an echo" "$(hash <"$work/body")" "$(fetch --post "$work/body" "http://$address/echo" | hash)"
    check "a web socket" "$(printf 'one\ntwo\nclosed')" "$("$bin/ws-client" "ws://$address/ws" one two)"
    check "lines by tokio's traits" "$(printf 'ONE\nTWO')" "$("$bin/compat" --events "$events" --poller "$poller" one two)"
    say "http-client, ws-client, compat"
}

with_curl() { # what options
    local url=$scheme://$address version kept
    has curl "curl's requests, $1" || return 0
    version=$(curl -sS "${@:2}" -o /dev/null -w '%{http_version}' "$url/")
    kept=$(curl -sS "${@:2}" -w '%{stderr}%{num_connects} ' "$url/" "$url/bytes/10" "$url/" "$url/bytes/100000" 2>&1 >/dev/null) || true
    if [[ $* == *prior-knowledge* && $(curl --version) == "curl 7.88."* ]]; then
        # https://github.com/curl/curl/pull/10643
        echo "skipped: a connection kept by HTTP/2 in the clear (this curl cannot do that, whatever the server)"
    else
        check "connections, kept alive" "1 0 0 0 " "$kept"
    fi
    check "not found" 404 "$(curl -sS "${@:2}" -o /dev/null -w '%{http_code}' "$url/nowhere")"
    local began=$EPOCHREALTIME
    check "$size MB down" "$down" "$(curl -sS "${@:2}" "$url/bytes/$((size * 1000000))" | hash)"
    check "$size MB up and down" "$up" "$(curl -sS "${@:2}" -T "$work/body" -X POST -H expect: "$url/echo" | hash)"
    say "curl, $1: HTTP/$version, $size MB down and $size MB up and down in $(((${EPOCHREALTIME/./} - ${began/./}) / 1000)) ms"
}

with_nc() {
    has nc "requests in a row" || return 0
    local answers
    answers=$(printf 'GET /bytes/6 HTTP/1.1\r\nhost: x\r\n\r\n%.0s' {1..9} |
        { cat; printf 'GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n'; } | timeout 10 nc "${address%:*}" "${address##*:}")
    check "requests in a row" 10 "$(grep -c '^HTTP/1.1 200 OK' <<<"$answers")"
    check "their answers" 9 "$(grep -c '^vigie' <<<"$answers")"
    say "nc: ten requests in a row, ten answers"
}

with_wrk() {
    has wrk "wrk's load" || return 0
    local told
    told=$(wrk -t 1 -c 64 -d "${seconds}s" "http://$address/")
    ! grep -q 'Socket errors\|Non-2xx' <<<"$told" || fail "wrk: $told"
    say "wrk: $(grep Requests/sec <<<"$told" | tr -s ' ')"
}

with_h2load() {
    has h2load "h2load's load" || return 0
    local told
    told=$(h2load -n 20000 -c 8 -m 50 "$scheme://$address/")
    grep -q '20000 succeeded, 0 failed, 0 errored' <<<"$told" || fail "h2load: $told"
    say "h2load, $scheme: $(grep '^finished' <<<"$told")"
}

with_openssl() {
    has openssl "openssl's handshakes" || return 0
    local told version
    for version in tls1_2 tls1_3; do
        told=$(openssl s_client -connect "$address" -CAfile "$work/cert.pem" -verify_return_error -alpn h2 -$version </dev/null 2>&1) ||
            fail "openssl: $told"
        grep -q 'ALPN protocol: h2' <<<"$told" || fail "openssl: no ALPN: $told"
    done
    # No TLS at all, and the server goes on.
    ! fetch "http://$address/" || fail "plain HTTP where TLS is spoken"
    say "openssl: TLS 1.2 and 1.3, h2 by ALPN"
}

# An answer that is under way when the word to stop comes is given; a web socket is closed.
graceful() {
    local url=http://$address job jobs=()
    for job in 1 2 3; do
        fetch "$url/slow/2000" >"$work/slow.$job" & jobs+=($!)
        fetch --http2 "$url/slow/2000" >"$work/slow2.$job" & jobs+=($!)
    done
    "$bin/ws-client" --stay "ws://$address/ws" hello >"$work/socket" & jobs+=($!)
    # Of each request a task for the connection and one that sleeps, and by HTTP/2 its stream; two of the socket.
    for _ in {1..30}; do
        [[ $(tasks) -ge $((idle_tasks + 17)) ]] && break
    done
    check "tasks under way at the end" $((idle_tasks + 17)) "$(tasks)"
    stop
    for job in "${jobs[@]}"; do wait "$job" || fail "a request under way at the end"; done
    check "answers at the end" 6 "$(cat "$work"/slow.* "$work"/slow2.* | grep -c 'after 2000 ms')"
    check "a web socket at the end" closed "$(tail -n 1 "$work/socket")"
    say "stopped with six requests and a web socket under way, all of them answered; $(tail -n 1 "$work/out")"
}

head -c "${size}MB" /dev/urandom >"$work/body"
up=$(hash <"$work/body")
down=$(lines "${size}MB" | hash)
for run in $runs; do
    events=${run%:*} poller=${run#*:}
    start
    scheme=http
    # Each domain has served once: what it opens once, it has then.
    for _ in {1..50}; do tasks >/dev/null; done
    settle
    idle_tasks=$(tasks)
    before="$(fds $server) descriptors, $idle_tasks tasks"
    own_clients
    with_curl HTTP/1
    with_curl HTTP/2 --http2-prior-knowledge
    with_nc
    with_wrk
    with_h2load
    residue "after all that"
    "$bin/disconnects" "$address" --requests 10000 >"$work/rude" || fail "disconnects: $(cat "$work/rude")"
    residue "after 10000 requests left half-way"
    graceful

    start --tls "$work/cert.pem"
    scheme=https
    check "TLS by the own client" "$down" "$(fetch --trust "$work/cert.pem" "https://$address/bytes/$((size * 1000000))" | hash)"
    with_curl "TLS, HTTP/2" --cacert "$work/cert.pem"
    with_curl "TLS, HTTP/1" --cacert "$work/cert.pem" --http1.1
    with_h2load
    with_openssl
    stop
done
