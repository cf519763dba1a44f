#!/bin/sh
# Every header of the SDK can be included alone, twice, without a warning; in
# C++20 too.
set -u
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
n=0
say() { n=$((n + 1)); echo "$1 $n - $2"; }
strict="-Wall -Wextra -Wshadow -Wconversion -Wpointer-arith -Wvla -Werror -fsyntax-only"
for header in "$top_srcdir"/sdk/include/adit/*.h; do
    name=adit/${header##*/}
    printf '#include <%s>\n#include <%s>\n' "$name" "$name" > "$tmp/one.c"
    if $CC -std=gnu11 $strict -Wstrict-prototypes -Wmissing-prototypes -I "$top_srcdir/sdk/include" \
        "$tmp/one.c" > "$tmp/log" 2>&1; then
        say ok "$name"
    else
        sed 's/^/# /' "$tmp/log"
        say "not ok" "$name"
    fi
done
if command -v c++ > /dev/null; then
    echo '#include <adit/plugin.h>' > "$tmp/one.cc"
    if c++ -std=c++20 -Wall -Wextra -Werror -fsyntax-only -I "$top_srcdir/sdk/include" "$tmp/one.cc" \
        > "$tmp/log" 2>&1; then
        say ok "adit/plugin.h in C++"
    else
        sed 's/^/# /' "$tmp/log"
        say "not ok" "adit/plugin.h in C++"
    fi
else
    say ok "adit/plugin.h in C++ # SKIP there is no C++ compiler"
fi
echo "1..$n"
