#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Builds and tests everything, from a fresh machine on: tests/run.sh [--quick | --stage NAME …]
#
#   --quick        one build with gcc and its tests
#   --stage NAME   only these stages: lint gcc clang asan tsan valgrind abi consumer coverage fuzz
#
# The last line reads "N passed, N failed, N skipped"; the status is 0 only where nothing failed. Logs and build trees are in build/.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 2

export ASSAY_TEST_DATA=${ASSAY_TEST_DATA:-$PWD/../shared/data}
export LC_ALL=C.UTF-8
jobs=${ASSAY_JOBS:-2}
fuzz_seconds=${ASSAY_FUZZ_SECONDS:-10}
logs=build/logs
passed=0 failed=0 skipped=0
started=$SECONDS

all_stages=(lint gcc abi consumer clang asan tsan valgrind coverage fuzz)
stages=()
while [ $# -gt 0 ]; do
    case $1 in
    --quick) stages=(gcc) ;;
    --stage)
        [[ " ${all_stages[*]} " == *" ${2:-} "* ]] || { printf 'no such stage: %s\n' "${2:-}" >&2; exit 2; }
        stages+=("$2")
        shift
        ;;
    *) sed -n '4,9s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
    esac
    shift
done
[ ${#stages[@]} -gt 0 ] || stages=("${all_stages[@]}")

say() { printf '%4ds  %s\n' $((SECONDS - started)) "$*"; }
count() { # PASSED FAILED SKIPPED
    passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3))
}
finish() {
    printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
    [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
}
# one NAME COMMAND…: a check that counts as one test; its output is shown where it fails
one() {
    local name=$1 status
    shift
    "$@" >"$logs/$name.log" 2>&1
    status=$?
    case $status in
    0) count 1 0 0 ;;
    77) count 0 0 1 && say "skipped: $name" ;;
    *) count 0 1 0 && say "FAILED: $name" && tail -n 60 "$logs/$name.log" ;;
    esac
    return $status
}

# What Debian 12 must have: a command or file that shows it, and the package.
needs=(
    gcc:gcc g++:g++ clang:clang meson:meson ninja:ninja-build pkg-config:pkg-config curl:curl openssl:openssl python3:python3
    valgrind:valgrind abidiff:abigail-tools gcovr:gcovr clang-format-14:clang-format-14 jq:jq
    /usr/include/openssl/evp.h:libssl-dev curl/curl.h:libcurl4-openssl-dev /usr/include/jansson.h:libjansson-dev
    /usr/include/cjose/cjose.h:libcjose-dev /usr/include/cmocka.h:libcmocka-dev /usr/include/microhttpd.h:libmicrohttpd-dev
    /etc/ssl/certs/ca-certificates.crt:ca-certificates
)
have() {
    case $1 in
    /*) [ -e "$1" ] ;;
    */*) compgen -G "/usr/include/$1" >/dev/null || compgen -G "/usr/include/*/$1" >/dev/null ;;
    *) command -v "$1" >/dev/null ;;
    esac
}
install_missing() {
    local missing=() each
    for each in "${needs[@]}"; do
        have "${each%:*}" || missing+=("${each#*:}")
    done
    compgen -G '/usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.fuzzer-*.a' >/dev/null || missing+=(libclang-rt-14-dev)
    command -v node >/dev/null || missing+=(nodejs)
    command -v npm >/dev/null || missing+=(npm)
    [ ${#missing[@]} -gt 0 ] || return 0
    local root=()
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || { printf 'please install: %s\n' "${missing[*]}" >&2; return 1; }
        root=(sudo)
    fi
    command -v apt-get >/dev/null || { printf 'please install (names of Debian 12): %s\n' "${missing[*]}" >&2; return 1; }
    say "installing ${missing[*]}"
    {
        "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq update &&
            "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "${missing[@]}"
    } >"$logs/apt.log" 2>&1 || { tail -n 20 "$logs/apt.log" >&2; return 1; }
}
install_provider() {
    local mark=tests/provider/node_modules/.lock
    cmp -s tests/provider/package-lock.json "$mark" && return 0
    say 'installing oidc-provider for the tests'
    npm ci --prefix tests/provider --no-audit --no-fund >"$logs/npm.log" 2>&1 && cp tests/provider/package-lock.json "$mark" && return 0
    tail -n 5 "$logs/npm.log" >&2
    say 'no oidc-provider: the tests that need it are skipped'
}

# build NAME COMPILER OPTIONS…: a build tree of its own under build/
build() {
    local name=$1 compiler=$2
    shift 2
    local tree=build/$name
    if [ ! -e "$tree/build.ninja" ]; then
        rm -rf "$tree"
        CC=$compiler meson setup "$tree" -Dtests=enabled -Dcli=enabled "$@" >"$logs/$name-setup.log" 2>&1 || {
            tail -n 20 "$logs/$name-setup.log"
            return 1
        }
    fi
    ninja -C "$tree" -j "$jobs" >"$logs/$name-build.log" 2>&1 || {
        grep -E -A 6 '(^FAILED|: (fatal )?error:|: warning:|undefined reference)' "$logs/$name-build.log" | head -n 60
        return 1
    }
}
# tests/support/rsa_pool.h
export ASSAY_TEST_RSA_KEYS=$PWD/build/rsa_keys.pem
make_rsa_keys() {
    [ ! -s "$ASSAY_TEST_RSA_KEYS" ] || return 0
    (
        umask 077
        for half in 1 2; do
            for ((i = 0; i < 24; i++)); do openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 || exit 1; done >"$ASSAY_TEST_RSA_KEYS.$half" &
        done
        wait
        cat "$ASSAY_TEST_RSA_KEYS".[12] >"$ASSAY_TEST_RSA_KEYS" && rm "$ASSAY_TEST_RSA_KEYS".[12]
    ) 2>>"$logs/rsa_keys.log"
}
# start_tests PROCESSES NAME LOG ARGUMENTS…: run meson's tests of a tree
start_tests() {
    local processes=$1 name=$2 log=$3
    shift 3
    rm -f "build/$name/meson-logs/$log"*
    meson test -C "build/$name" --no-rebuild --print-errorlogs --num-processes "$processes" --logbase "$log" "$@" >"$logs/$name-$log.log" 2>&1
}
# report STATUS NAME LOG: count what each of the tests said (with a setup, meson puts its name behind that of the log)
report() {
    local status=$1 name=$2 log=$3 numbers
    numbers=$(python3 tests/support/count_tests.py "build/$name/meson-logs/$log"*.json 2>>"$logs/$name-$log.log") || numbers='0 1 0'
    # shellcheck disable=SC2086
    set -- $numbers
    # meson may fail without a test that does; never let that pass.
    [ "$status" -eq 0 ] || [ "$2" -gt 0 ] || set -- "$1" 1 "$3"
    count "$1" "$2" "$3"
    say "$name, $log: $1 passed, $2 failed, $3 skipped"
    [ "$2" -eq 0 ] || grep -vE '^ *[0-9]+/[0-9]+ .* (OK|SKIP)' "$logs/$name-$log.log" | tail -n 80
}
# run_tests NAME LOG ARGUMENTS…: twice as many at a time as there are processors, since half of them wait for something
run_tests() {
    make_rsa_keys
    start_tests "${processes:-$((jobs * 2))}" "$@"
    report $? "$1" "$2"
}
# build_and_test NAME LOG COMPILER "OPTIONS" TEST-ARGUMENTS…
build_and_test() {
    local name=$1 log=$2 compiler=$3 options=$4
    shift 4
    # shellcheck disable=SC2086
    one "build-$name" build "$name" "$compiler" $options || return
    run_tests "$name" "$log" "$@"
}

# build_and_test_all NAME COMPILER "OPTIONS" TEST-ARGUMENTS…: what starts whole programs, and waits for them, beside what computes
programs=(cli examples)
build_and_test_all() {
    local name=$1 compiler=$2 options=$3 beside
    shift 3
    # shellcheck disable=SC2086
    one "build-$name" build "$name" "$compiler" $options || return
    make_rsa_keys
    start_tests "$jobs" "$name" programs "${programs[@]/#/--suite=}" "$@" &
    beside=$!
    start_tests $((jobs + 1)) "$name" all "${programs[@]/#/--no-suite=}" --no-suite lint --no-suite abi "$@"
    report $? "$name" all
    wait "$beside"
    report $? "$name" programs
}

export ASAN_OPTIONS=abort_on_error=0:detect_leaks=1:strict_string_checks=1:allocator_may_return_null=1
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1:suppressions=$PWD/tests/tsan.supp

stage_lint() {
    local check
    for check in check_includes check_sources check_errors; do
        one "$check" python3 "tests/lint/$check.py"
    done
    one check_style tests/lint/check_style.sh
    one check_readme tests/lint/check_readme.sh
    one check_docs python3 docs/generate.py --check
}
stage_gcc() {
    build_and_test_all gcc gcc '' --no-suite timed
    processes=$jobs run_tests gcc timed --suite timed
    tests/vectors/summary.sh build/gcc/meson-logs/all.json || true # counted above; shown here
}
# Everything is built; the sanitizers' builds are by clang, and run the rest.
stage_clang() { build_and_test clang all clang '' --suite api --suite unit --suite vectors --no-suite long --no-suite timed; }
stage_asan() {
    build_and_test_all asan clang '-Db_sanitize=address,undefined -Db_lundef=false' --no-suite long
}
stage_tsan() {
    build_and_test tsan threads clang '-Db_sanitize=thread -Db_lundef=false' --suite threads --suite flow --no-suite long
}
# What is bounded in time has no time to spare there.
stage_valgrind() { processes=$jobs build_and_test gcc unit gcc '' --setup=valgrind --suite unit --no-suite threads; }
stage_abi() { build_and_test gcc abi gcc '' --suite abi; }
stage_consumer() {
    one build-gcc build gcc gcc || return
    one consumer pkgconfig/consumer/run.sh build/gcc
}
stage_coverage() {
    # Counts are taken while other threads are in the middle of a function, so that gcov may find a branch that was taken -1 times: gcovr passes over that line.
    one build-coverage build coverage gcc -Db_coverage=true -Doptimization=0 -Dc_args=-fprofile-update=atomic || return
    run_tests coverage all --suite api --suite fault --suite flow --suite unit --no-suite long --no-suite timed
    one coverage gcovr --root . --filter 'lib/' --object-directory build/coverage --gcov-ignore-parse-errors --exclude-unreachable-branches \
        --exclude-throw-branches --fail-under-line 90 --txt build/coverage.txt --print-summary build/coverage/lib
    sed -n '/^lines:/p; /^branches:/p' "$logs/coverage.log" | while read -r line; do say "coverage of lib/: $line"; done
}
stage_fuzz() {
    one fuzz tests/fuzz/run.sh "$fuzz_seconds"
    tail -n 20 "$logs/fuzz.log" | grep ' executions ' | while read -r line; do say "fuzz: $line"; done
}

mkdir -p "$logs"
install_missing || { count 0 1 0; finish; exit 1; }
install_provider
for stage in "${stages[@]}"; do
    say "$stage"
    "stage_$stage"
done
say "done; logs are in $logs"
finish
