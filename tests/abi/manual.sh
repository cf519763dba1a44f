#!/bin/sh
# The manual of the SDK speaks of every function of every table and of every
# error that it names, and each of them exists.
set -u
manual=$top_srcdir/sdk/doc/ADIT-SDK.md
layout=$top_srcdir/tests/abi/layout.h
n=0
say() { n=$((n + 1)); echo "$1 $n - $2"; }
for table in $(sed -n 's/^S(\(adit_[a-z]*_api\), .*/\1/p' "$layout") adit_life adit_tunnel adit_auth \
    adit_pool adit_policy adit_accounting adit_security adit_observer; do
    lost=
    for member in $(sed -n "s/^M($table, \([a-z0-9_]*\), .*/\1/p" "$layout"); do
        case $member in size | reserved) continue ;; esac
        grep -qE "\`$member(\(|\`)" "$manual" || lost="$lost $member"
    done
    if [ -z "$lost" ]; then
        say ok "$table is in the manual"
    else
        say "not ok" "$table is in the manual, but for:$lost"
    fi
done
unknown=
for word in $(grep -ohE '\bADIT_[A-Z0-9_]+[A-Z0-9]\b' "$manual" | sort -u); do
    grep -qE "\b$word\b" "$top_srcdir"/sdk/include/adit/*.h || unknown="$unknown $word"
done
if [ -z "$unknown" ]; then
    say ok "every name in the manual is in the headers"
else
    say "not ok" "names in the manual that no header has:$unknown"
fi
echo "1..$n"
