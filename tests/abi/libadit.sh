#!/bin/sh
# libadit as others see it: the header alone, in C and C++; the symbols; a program that
# is built out of tree with pkg-config and runs; a manual page for each call.
set -u
unset MAKEFLAGS MFLAGS MAKELEVEL
n=0 bad=0
say() { n=$((n + 1)); echo "$1 $n - $2"; [ "$1" = ok ] || bad=1; }
t() { what=$1; shift; if "$@" >"$tmp/log" 2>&1; then say ok "$what"; else sed 's/^/# /' "$tmp/log"; say "not ok" "$what"; fi; }
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT
chmod 755 "$tmp"
header=$top_srcdir/client/libadit/libadit.h
map=$top_srcdir/client/libadit/libadit.map
printf '#include <libadit.h>\n#include <libadit.h>\nint main(void) { return adit_error_text(0) == 0; }\n' >"$tmp/one.c"
cp "$tmp/one.c" "$tmp/one.cc"
strict="-Wall -Wextra -Wshadow -Wconversion -Werror -fsyntax-only -I $top_srcdir/client/libadit"
t "the header stands alone" $CC -std=c99 -pedantic -Wstrict-prototypes $strict "$tmp/one.c"
if command -v c++ >/dev/null; then t "in C++ too" c++ -std=c++17 $strict "$tmp/one.cc"
else say ok "in C++ too # SKIP there is no C++ compiler"; fi
t "and beside the headers of the SDK" sh -c "printf '#include <adit/plugin.h>\n#include <libadit.h>\n' >'$tmp/two.c'; $CC -std=gnu11 -I '$top_srcdir/sdk/include' $strict '$tmp/two.c'"

declared=$(grep -oE '\badit_[a-z_]+\(' "$header" | grep -v '^adit_progress_fn' | tr -d '(' | sort -u)
# names that stand in comments alone are declared too, so the list is that of the map
listed=$(sed -n 's/^    \(adit_[a-z_]*\);/\1/p' "$map" | sort -u)
t "each call of the header is exported, and nothing else is listed" [ "$declared" = "$listed" ]
lib=$top_builddir/client/libadit/.libs/libadit.so
exported=$(nm -D --defined-only "$lib" | awk '$2 == "T" { sub("@.*", "", $3); print $3 }' | sort -u)
if grep -q fsanitize "$top_builddir/config.log" && [ "$exported" != "$listed" ]; then
    say ok "the library exports these alone # SKIP the sanitizers add their own"
else
    t "the library exports these alone" [ "$exported" = "$listed" ]
fi
t "with a version" sh -c "nm -D --defined-only '$lib' | grep -q 'adit_dial@@LIBADIT_1'"
page=$top_srcdir/man/adit-client.3
missing=$(for f in $listed; do
    grep -qx '.so man3/adit-client.3' "$top_srcdir/man/so/$f.3" || echo "$f: no page of its name"
    grep -qE "^\.(Fn|Fo) $f( |\$)" "$page" && grep -qE "^\.Nm $f( ,)?\$" "$page" || echo "$f: not in the page"; done)
t "each call has a manual page of its name" [ -z "$missing" ]
[ -z "$missing" ] || echo "# $missing"

if ! command -v pkg-config >/dev/null; then
    say ok "out of tree # SKIP pkg-config is not installed"
    echo "1..$n"; exit $bad
fi
t "the library is installed" make -C "$top_builddir" install-includeHEADERS install-pkgconfigDATA \
    install-libLTLIBRARIES DESTDIR="$tmp/root"
PKG_CONFIG_PATH=$(dirname "$(find "$tmp/root" -name libadit.pc)")
PKG_CONFIG_SYSROOT_DIR=$tmp/root
export PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR
mkdir "$tmp/src"
cp "$top_srcdir/client/examples/two-calls.c" "$top_srcdir/client/examples/Makefile" "$tmp/src/"
san=$(sed -n "s/^ADIT_LDFLAGS='\(.*\)'/\1/p" "$top_builddir/config.log" | grep -o -- '-fsanitize=[a-z,]*' | tr '\n' ' ')
t "two-calls builds out of tree, without a warning" make -C "$tmp/src" CC="$CC" \
    CFLAGS="-O2 -std=c99 -D_DEFAULT_SOURCE -Wall -Wextra -Werror $san"
lib=$(dirname "$(find "$tmp/root" -name libadit.so)")
out=$(ADIT_SOCKET=$tmp/nobody LD_LIBRARY_PATH=$lib "$tmp/src/two-calls" a b 2>&1)
t "and runs: without a daemon it says so" sh -c "echo '$out' | grep -q 'error 711: $tmp/nobody: no daemon answers there'"
needed=$(objdump -p "$lib/libadit.so" 2>/dev/null | awk '/NEEDED/ { print $2 }' | grep -vE '^lib(c|jansson|asan|ubsan|m|gcc_s)\.so' | tr '\n' ' ')
t "it needs libc and jansson alone" [ -z "$needed" ]
echo "1..$n"
exit $bad
