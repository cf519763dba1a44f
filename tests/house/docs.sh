#!/bin/bash
# docs.sh - every option, event and counter that the code declares stands in a manual
# page; every page is well formed.
top=${top_srcdir:-$(cd "$(dirname "$0")/../.." && pwd)}
build=${top_builddir:-$PWD}
n=0 bad=0
t() { n=$((n + 1)); if [ -z "$2" ]; then echo "ok $n - $1"; else bad=1; echo "not ok $n - $1"; printf '%s\n' "$2" | sed 's/^/# /'; fi; }
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT
mkdir -m 755 "$tmp/p"
for so in "$build"/.libs/*.so; do [ ! -e "$so" ] || install -m 644 "$so" "$tmp/p/"; done
"$build/declared" "$tmp/p" >"$tmp/all" 2>"$tmp/err" || { echo "1..0 # SKIP no plugin was built"; exit 0; }
for page in $(cut -d' ' -f1 "$tmp/all" | sort -u); do
    missing=$(grep "^$page " "$tmp/all" | sort -u | while read -r _ kind name; do
        grep -qE -- "(^|[^a-z-])$name([^a-z-]|$)" "$top/man/$page" 2>/dev/null || echo "$kind $name"; done)
    t "$page describes all that is declared ($(grep -c "^$page " "$tmp/all"))" "$missing"
done
# events of the core: from the sources, into the daemon's page
missing=$(sed -nE 's/^ADIT_EVENT\([a-z0-9_]+, "([^"]+)".*/\1/p' "$top"/core/*/*.c | sort -u | while read -r e; do
    grep -qF -- "$e" "$top/man/aditd.8" || echo "$e"; done)
t "aditd.8 describes the events of the core" "$missing"
missing=$(sed -nE 's/^ +\{ "([a-z-]+)", +"[^"]*", doctor_check_.*/\1/p' "$top/core/diagnose/doctor.c" | sort | while read -r c; do
    grep -qxF -- ".It Cm $c" "$top/man/adit-doctor.8" || echo "$c"; done)
t "adit-doctor.8 describes each check" "$missing"
if command -v mandoc >/dev/null; then
    t "mandoc finds no error in any page" "$(for p in "$top"/man/*.[1-9]; do mandoc -Tlint -Werror "$p" 2>&1; done)"
else
    n=$((n + 1)); echo "ok $n - mandoc # SKIP mandoc is not installed"
fi
echo "1..$n"
exit $bad
