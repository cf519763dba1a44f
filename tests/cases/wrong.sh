#!/bin/bash
# wrong.sh - aditd --check tells what is wrong with a configuration: file, line, column,
# and what was probably meant.  Needs no root: nothing is served.
set -u
top_builddir=${top_builddir:-$PWD}
case $top_builddir in /*) ;; *) top_builddir=$PWD/$top_builddir ;; esac
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset ADIT_SOCKET
n=0 bad=0
"$top_builddir/adit" setup --output "$work/good" --range 10.9.0.10-10.9.0.99 --user anna:a >/dev/null || exit 1
sed -i "s#^daemon:#daemon:\n  plugin-dir: \"$top_builddir/.libs\"#" "$work/good/aditd.yaml"

# w WHAT EXPECTED EDIT...: after the edit (a command in the folder) the check fails and says so
w() {
    local what=$1 expected=$2; shift 2
    n=$((n + 1))
    rm -rf "$work/c"; cp -a "$work/good" "$work/c"
    ( cd "$work/c" && "$@" )
    if "$top_builddir/aditd" --check --config "$work/c/aditd.yaml" >"$work/out" 2>&1; then
        bad=1; echo "not ok $n - $what"; echo "# was taken"
    elif ! grep -qE -- "$expected" "$work/out"; then
        bad=1; echo "not ok $n - $what"; sed 's/^/# /' "$work/out"
    else echo "ok $n - $what"; fi
}
s() { sed -i "$1" aditd.yaml; }
put() { printf "$1" >aditd.yaml; }
dropin() { mkdir conf.d; printf 'ppp:\n  mru: 1300\n' >conf.d/10.yaml; printf 'ppp:\n  mruu: 1300\n' >conf.d/20.yaml; }
at='aditd\.yaml:[0-9]+:'

w "an option"           "${at}5: unknown option 'portz'; did you mean 'ports'"      s '0,/ports:/s//portz:/'
w "a section"           "${at}1: unknown section 'tunels'; did you mean 'tunnels'"  s 's/^tunnels:/tunels:/'
w "a type"              "${at}11: no plugin offers the tunnel type 'pttp'; did you mean 'pptp'" s 's/type: pptp/type: pttp/'
w "no type"             "${at}5: an entry of tunnels needs a type"                  s 's/type: pptp/name: pptp/'
w "a section that is no list" "tunnels wants a list"                                put 'tunnels: pptp\n'
w "a list that is a mapping"  "tunnels wants a list"                                put 'tunnels:\n  type: pptp\n'
w "a word for a number" "'ports' wants a number, not 'many'"                        s 's/ports: 128/ports: many/'
w "a number too large"  "'mru' must be from 128 to 16384"                           s 's/^ppp:/ppp:\n  mru: 99999/'
w "a time without unit" "'echo-interval' wants a time with its unit"                s 's/^ppp:/ppp:\n  echo-interval: 30/'
w "a method"            "'auth' knows no 'mschap'.*did you mean"                    s 's/\[mschapv2\]/[mschap]/'
w "an address"          "'listen' wants an address"                                 s 's/0.0.0.0:1723/0.0.0.0:99999/'
w "a key that is there twice" "'ppp' is given twice"                                s '$appp: {}'
w "a bracket"           "is not closed"                                             s '$aobservers: ['
w "a tab"               "a tab indents this line"                                   put 'ppp:\n\tauth: x\n'
w "a drop-in"           "conf.d/20.yaml:2:3: unknown option 'mruu'; did you mean 'mru'" dropin
w "two of one name"     "two entries named 'pptp'"                                  s 's/^tunnels:/tunnels:\n  - type: pptp/'
w "a socket's path that is too long" "longer than 107 bytes"                        s "s#^daemon:#daemon:\n  control-socket: /tmp/$(printf 'x%.0s' $(seq 120))#"
w "W15: encryption without a method that makes keys" "no method that makes keys"    s 's/\[mschapv2\]/[pap]/; /type: l2tp/,/require-security/d'
w "ranges that overlap" "overlap"                                                   s 's/\["10.9.0.10-10.9.0.99"\]/["10.9.0.10-10.9.0.99", "10.9.0.50-10.9.0.60"]/'
w "accounts"            "users.yaml:[0-9]+:[0-9]+: 'dial-in' knows no 'allways'"    sed -i 's/dial-in: allow/dial-in: allways/' users.yaml
w "accounts that others can write" "can be written by others"                       chmod 666 users.yaml
w "no file"             "No such file"                                              rm aditd.yaml
n=$((n + 1))
if "$top_builddir/aditd" --check --config "$work/good/aditd.yaml" >"$work/out" 2>&1; then echo "ok $n - and a good one is good"; else bad=1; echo "not ok $n - and a good one is good"; sed 's/^/# /' "$work/out"; fi
echo "1..$n"
exit $bad
