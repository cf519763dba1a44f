#!/bin/bash
# causes.sh - adit-diagnose(7) has every code, and no other; each row of its
# TROUBLESHOOTING is provoked by a test that is named after it.
top=${top_srcdir:-$(cd "$(dirname "$0")/../.." && pwd)}
cd "$top" || exit 1
n=0 bad=0
t() { n=$((n + 1)); if [ -z "$2" ]; then echo "ok $n - $1"; else bad=1; echo "not ok $n - $1"; printf '%s\n' "$2" | sed 's/^/# /'; fi; }
page=man/adit-diagnose.7
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT

sed -nE 's/^ *X\( *[0-9]+, [A-Z0-9_]+, *"(ADIT-[A-Z-]+)".*/\1/p' sdk/include/adit/cause.h | grep -v '^ADIT-NONE$' | sort >"$tmp/codes"
sed -nE 's/^\.It (ADIT-[A-Z-]+).*/\1/p' "$page" | sort >"$tmp/listed"
grep -oE 'ADIT-[A-Z][A-Z-]*[A-Z]' "$page" | grep -v '^ADIT-DIAGNOSE$' | sort -u >"$tmp/named"
t "there are codes" "$([ "$(wc -l <"$tmp/codes")" -gt 40 ] || echo "only $(wc -l <"$tmp/codes")")"
t "every code is listed in $page, once" "$(diff "$tmp/codes" "$tmp/listed" | grep '^[<>]')"
t "every code that $page names exists" "$(comm -13 "$tmp/codes" "$tmp/named")"
rows=$(sed -nE 's/^\.It (D[0-9]+)$/\1/p' "$page")
t "the troubleshooting has its 25 rows" "$([ "$(echo "$rows" | wc -l)" = 25 ] || echo "$rows")"
t "each of them names a code" "$(awk '/^\.It D[0-9]+$/ { if (row && !code) print row; row = $2; code = 0 } /^\.Sy ADIT-/ { code = 1 } /^\.Sh CODES/ { if (row && !code) print row; row = "" }' "$page")"
t "and has a test" "$(for r in $rows; do
    grep -qE "(START_TEST\([A-Za-z0-9_]*${r}_|^ *t \"$r )" tests/unit/test_causes.c tests/unit/test_ppp.c tests/cases/causes.sh || echo "$r"; done)"
echo "1..$n"
exit $bad
