#!/bin/bash
# SPDX-License-Identifier: MIT
# Build a release build into build/bench and measure: one figure a line, `NAME VALUE UNIT`. Arguments choose groups (bench.c).
# As root it installs the peers that are missing; without them their lines are left out.
set -eu
cd "$(dirname "$0")/../.."

peers_missing() {
  for peer in cjose liboauth2 librhonabwy; do
    pkg-config --exists "$peer" || return 0
  done
  return 1
}

if peers_missing && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  apt-get install -qq -y libcjose-dev liboauth2-dev librhonabwy-dev >/dev/null 2>&1 || true
fi

{
  if [ -d build/bench ]; then
    meson setup --reconfigure build/bench -Dbuildtype=release -Dbench=enabled
  else
    meson setup build/bench -Dbuildtype=release -Dbench=enabled
  fi
  meson compile -C build/bench bench bench_allocations bench_start assay:shared_library
} >build/bench.log 2>&1 || {
  tail -n 40 build/bench.log
  exit 1
}

echo "# load before: $(cut -d ' ' -f 1-3 /proc/loadavg), $(nproc) processors"
build/bench/tests/bench/bench "$@"
build/bench/tests/bench/bench_allocations

stripped=$(mktemp)
trap 'rm -f "$stripped"' EXIT
strip -o "$stripped" build/bench/lib/libassay.so
echo "library.size $(stat -c %s "$stripped") bytes"
echo "# load after: $(cut -d ' ' -f 1-3 /proc/loadavg)"
