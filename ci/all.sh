#!/usr/bin/env bash
# Passes every test there is for every change: formatting, lints, tests, doctests, documentation, the
# loom models at their bounded budget, the mutants, a crate outside of the workspace, other targets, the
# examples run as a user runs them, the memory that stays flat, and the benchmark's smoke run. Needs the Rust
# toolchain only; what it skips, it says.
set -euo pipefail
cd "$(dirname "$0")/.."
start=$SECONDS
# Where a processor is idle meanwhile, it compiles what the later steps need. If that fails, they say so.
# A job of its own, so that what it starts ends with it.
set -m
nice -n 19 ci/ahead.sh </dev/null >/dev/null 2>&1 &
set +m
trap 'kill %1 2>/dev/null || true' EXIT
for step in fmt lint test doc loom mutants outside targets serve flat bench; do
    printf '\n=== ci/%s.sh\n' "$step"
    began=$SECONDS
    "ci/$step.sh"
    printf '=== ci/%s.sh: %s s\n' "$step" $((SECONDS - began))
done
printf '\nAll steps passed in %s s.\n' $((SECONDS - start))
