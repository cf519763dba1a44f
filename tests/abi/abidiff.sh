#!/bin/sh
# libabigail's view of today's headers against those of 1.0. Strict: while the
# minor version is 0 nothing differs at all; later, nothing incompatible does,
# and what has grown is shown.
set -u
src=$top_srcdir/tests/abi
if ! command -v abidiff > /dev/null; then
    echo "1..0 # SKIP abidiff (package abigail-tools) is not installed"
    exit 0
fi
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
echo 1..1
for which in frozen today; do
    include=$top_srcdir/sdk/include
    [ $which = frozen ] && include=$src/frozen-1.0
    # -fno-eliminate-unused-debug-types: all of them, used or not
    if ! $CC -std=gnu11 -g -fno-eliminate-unused-debug-types -fPIC -shared -I "$include" -I "$src" \
        "$src/types.c" -o "$tmp/$which.so"; then
        echo "not ok 1 - types.c against the $which headers"
        exit 0
    fi
done
minor=$(sed -n 's/^#define ADIT_ABI_MINOR *//p' "$top_srcdir/sdk/include/adit/abi.h")
abidiff "$tmp/frozen.so" "$tmp/today.so" > "$tmp/report"
code=$?
sed 's/^/# /' "$tmp/report"
if [ $code = 0 ]; then
    echo "ok 1 - today's headers are those of 1.0"
elif [ "$minor" = 0 ]; then
    echo "not ok 1 - the headers differ from 1.0 and ADIT_ABI_MINOR is still 0 (code $code);" \
        "before 1.0 is released: run tests/abi/freeze"
elif [ $((code & 11)) = 0 ]; then       # 1 error, 2 usage, 8 incompatible; 4 is growth
    echo "ok 1 - today's headers grew, compatibly"
else
    echo "not ok 1 - abidiff finds an incompatible change (code $code)"
fi
