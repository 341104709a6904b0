#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Fuzzes: tests/fuzz/run.sh [SECONDS] [TARGET…]
#
# Builds every target (clang, libFuzzer, AddressSanitizer, UBSan) in build/fuzz (or ASSAY_FUZZ_TREE) and runs each for SECONDS (600), two at a time. What is found
# beyond the corpus of the tree goes to build/fuzz/corpus-TARGET, where the next run goes on. One line a target at the end:
#   TARGET  N executions  N edges  N features  N findings
# The status is 0 only where every target ran and nothing was found. A finding is kept as build/fuzz/TARGET-crash-… or the like.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
top=$PWD
tree=${ASSAY_FUZZ_TREE:-$top/build/fuzz}
jobs=${ASSAY_JOBS:-2}
seconds=600
if [[ ${1:-} =~ ^[0-9]+$ ]]; then
    seconds=$1
    shift
fi

if [ "$#" -gt 0 ]; then
    targets=("$@")
else
    mapfile -t targets < <(find tests/fuzz -maxdepth 1 -name 'fuzz_*.c' -printf '%f\n' | sed 's/^fuzz_//; s/\.c$//' | sort)
fi
for target in "${targets[@]}"; do
    [ -e "tests/fuzz/fuzz_$target.c" ] || { printf 'no such target: %s\n' "$target" >&2; exit 2; }
done

mkdir -p "$(dirname "$tree")"
if [ ! -e "$tree/build.ninja" ]; then
    CC=clang meson setup "$tree" -Dtests=enabled -Dfuzz=true -Dcli=disabled -Db_sanitize=address,undefined -Db_lundef=false \
        >"$tree-setup.log" 2>&1 || { tail -n 20 "$tree-setup.log" >&2; exit 1; }
fi
ninja -C "$tree" -j "$jobs" "${targets[@]/#/tests/fuzz/fuzz_}" >"$tree/build.log" 2>&1 || { grep -A 8 -E 'error|FAILED' "$tree/build.log" >&2; exit 1; }

export ASAN_OPTIONS=abort_on_error=0:detect_leaks=1:strict_string_checks=1:allocator_may_return_null=1
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1

# Longest input, in bytes: enough for what each target reads, short enough to be quick.
max_len() {
    case $1 in
    authorization) echo 70000 ;; # beyond the limit of 66048
    jwks | metadata | config | store) echo 8192 ;;
    *) echo 4096 ;;
    esac
}

run_target() {
    local target=$1 words=$1 options=()
    # json_scan takes json_scan.dict, or else json.dict
    [ -e "tests/fuzz/$words.dict" ] || words=${words%%_*}
    [ ! -e "tests/fuzz/$words.dict" ] || options+=("-dict=tests/fuzz/$words.dict")
    local corpora=("$tree/corpus-$target")
    [ ! -d "tests/fuzz/corpus/$target" ] || corpora+=("tests/fuzz/corpus/$target")
    mkdir -p "$tree/corpus-$target"
    "$tree/tests/fuzz/fuzz_$target" -timeout=1 -rss_limit_mb=1024 -max_len="$(max_len "$target")" -max_total_time="$seconds" \
        -print_final_stats=1 -artifact_prefix="$tree/$target-" "${options[@]}" "${corpora[@]}" >"$tree/$target.log" 2>&1
    echo $? >"$tree/$target.status"
}

for target in "${targets[@]}"; do
    while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do wait -n; done
    rm -f "$tree/$target.status"
    run_target "$target" &
done
wait

failed=0
for target in "${targets[@]}"; do
    log=$tree/$target.log
    executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log" | tail -n 1)
    edges=$(grep -oE ' cov: [0-9]+' "$log" | tail -n 1 | grep -oE '[0-9]+')
    features=$(grep -oE ' ft: [0-9]+' "$log" | tail -n 1 | grep -oE '[0-9]+')
    findings=0
    if [ "$(cat "$tree/$target.status" 2>/dev/null)" != 0 ]; then
        findings=1 failed=1
        grep -m 1 -B 1 -A 25 -E 'ERROR:|runtime error:|: [A-Za-z].*abort|Test unit written' "$log"
    fi
    printf '%-16s %12s executions %6s edges %6s features %3d findings\n' "$target" "${executions:-0}" "${edges:-0}" "${features:-0}" "$findings"
done
exit "$failed"
