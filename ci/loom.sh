#!/usr/bin/env bash
# The loom models of the protocols, each at its own preemption bound: a minute or two on two cores.
# A first argument `4`, `+1` or `none` is a bound for all (see loom-tests/README.md), and further ones choose models.
# `ci/loom.sh nightly` raises the bound of each model as far as it ends within VIGIE_LOOM_SECONDS (120), up to
# no bound at all, and says how far that was. Two or three hours.
# Needs the Rust toolchain only.
set -euo pipefail
cd "$(dirname "$0")/.."
# A target directory of its own: the cfg would make cargo build everything else anew as well.
export CARGO_TARGET_DIR=target/loom RUSTFLAGS="--cfg vigie_loom"
built=$(cargo test --profile loom --lib --no-run --message-format json-render-diagnostics)
tests=$(grep -o '"executable":"[^"]*"' <<<"$built" | tail -n 1 | cut -d '"' -f 4)
export tests

# Runs one model; says what it explored.
once() {
    local output
    if ! output=$("$tests" --exact "$1" --nocapture 2>&1); then
        printf '%s\nFAILED: %s\n' "$output" "$1"
        return 1
    fi
    grep executions <<<"$output" || echo "$1: ok"
}

# Runs one model at higher and higher bounds; prints the last run that ended.
climb() {
    local best="" output status
    for bound in none +0 +1 +2 +3 +4 +5 +6 +7 +8; do
        status=0
        output=$(VIGIE_LOOM_BOUND=$bound timeout "$SECONDS_EACH" "$tests" --exact "$1" --nocapture 2>&1) || status=$?
        # 124: it did not end in time.
        if ((status != 0 && status != 124)); then
            printf '%s\nFAILED: %s at bound %s\n' "$output" "$1" "$bound"
            return 1
        fi
        if ((status == 0)); then
            best=$(grep executions <<<"$output" || echo "$1: ok")
            [[ $bound != none ]] || break
        elif [[ $bound != none ]]; then
            break
        fi
    done
    printf '%s\n' "${best:-$1: its own bound took longer than $SECONDS_EACH s}"
}
export -f once climb

how=once
if [[ ${1-} == nightly ]]; then
    how=climb
    export SECONDS_EACH=${VIGIE_LOOM_SECONDS:-120}
    shift
elif [[ ${1-} =~ ^(none|\+?[0-9]+)$ ]]; then
    export VIGIE_LOOM_BOUND=$1
    shift
fi
# A process for each: loom maps and unmaps stacks all the time, and threads of one process would wait for
# each other in that.
"$tests" --list | sed -n 's/: test$//p' | grep -E "$(IFS='|' && echo "$*")" |
    xargs -P "$(nproc 2>/dev/null || echo 2)" -I{} bash -c "$how {}"
