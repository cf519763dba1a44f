#!/bin/bash
# two_calls.sh - adit dial and libadit with a real dialler and a real server (rows D1-D3, D5):
# the two calls of the RAS documentation, secrets, users without privileges, Ctrl-C, a line that
# is lost.
. "$(dirname "$0")/lib.sh"
csock=$work/c/control.sock
cpid=
quit() { [ -z "$cpid" ] || kill -9 "$cpid" 2>/dev/null; cleanup; }
trap quit EXIT
# d COMMAND...: adit, of the daemon that dials
d() { ADIT_SOCKET=$csock HOME=$work/root "$top_builddir/adit" "$@"; }
djson() { local e=$1; shift; d "$@" --json | python3 -c "import json,sys; j=json.load(sys.stdin); sys.exit(0 if ($e) else (print(j), 1)[1])"; }
# nobody COMMAND...: the same as a user without privileges, with a phone book of its own
nobody() { ADIT_SOCKET=$csock HOME=$work/home setpriv --reuid 65534 --regid 65534 --clear-groups "$top_builddir/adit" "$@"; }

chmod 755 "$work"; mkdir -m 755 "$work/c" "$work/cstate" "$work/root" "$work/home"; mkdir -p "$work/home/.config/adit"
printf 'trustno1\n' >"$work/pw"; printf 'wrong\n' >"$work/bad"; chmod 600 "$work/pw" "$work/bad"
cp "$work/pw" "$work/home/.config/adit/pw"; chmod 600 "$work/home/.config/adit/pw"; chown 65534 "$work/home/.config/adit/pw"
printf 'users: []\n' >"$work/none.yaml"; chmod 600 "$work/none.yaml"
cat >"$work/c.yaml" <<Y
daemon: { plugin-dir: "$work/plugins", state-dir: "$work/cstate", control-socket: "$csock", log-level: info }
network: { interface: shared0, forward: no }
ppp: { auth: [mschapv2] }
tunnels: [ { type: pptp, start-timeout: 3s }, { type: l2tp, require-security: no, retransmit-count: 2 } ]
auth: [ { type: local, file: "$work/none.yaml" } ]
pools: [ { type: range, ranges: [10.77.0.2-10.77.0.9] } ]
dial: { phone-book: "$work/book.yaml", dns: none, access: all, user-may: [own-entries] }
Y
cat >"$work/book.yaml" <<Y
entries:
- { name: line, server: 192.0.2.1, type: pptp, user: anna, password-file: "$work/pw", default-route: no, routes: [10.99.0.0/24] }
- { name: office, server: 10.99.0.1, type: l2tp, user: anna, password-file: "$work/pw", dial-first: line, default-route: no }
- { name: ask, server: 192.0.2.1, type: l2tp, default-route: no }
- { name: silent, server: 192.0.2.77, type: l2tp, user: anna, password-file: "$work/pw" }
Y
cat >"$work/home/.config/adit/phonebook.yaml" <<Y
entries:
- { name: mine, server: 192.0.2.1, type: pptp, user: anna, password-file: pw, default-route: no }
Y
start_c() {
    ip netns exec "$id-c" "$top_builddir/aditd" --config "$work/c.yaml" --foreground >"$work/clog" 2>&1 &
    cpid=$!
    soon d status || { tail -20 "$work/clog"; false; }
}
none() { djson 'j==[]' connections; }
t "a server, and a daemon that dials" eval 'conf --tunnels pptp,l2tp && sed -i "/^ *listen:/d" "$work/conf/aditd.yaml" && start && start_c'
t "two calls: the second over the first; hung up, the first is still connected" eval '
    ADIT_SOCKET=$csock "$top_builddir/client/examples/two-calls" line office >"$work/two" 2>&1 || { cat "$work/two"; false; } &&
    sed -n "s/^connection [0-9]*: //p" "$work/two" >"$work/seen" && [ "$(wc -l <"$work/seen")" = 4 ] &&
    sed -n 1p "$work/seen" | grep -q "^line is connected, 10.99.0.* by pptp over 0" &&
    sed -n 2p "$work/seen" | grep -q "^office is connected, 10.99.0.* by l2tp over [1-9]" &&
    sed -n 3p "$work/seen" | grep -q "^error 6:" && sed -n 4p "$work/seen" | grep -q "^line is connected" && soon none'
t "dialled by hand: what is missing is said" eval '! d dial ask --no-prompt 2>"$work/err" && grep -q "error 703" "$work/err"'
t "  and taken from a descriptor" eval 'd dial ask --user anna --password-fd 3 3<"$work/pw" 2>"$work/err" | grep -q "connected by l2tp to 192.0.2.1, address 10.99.0" && cli ping -c 1 -W 2 10.99.0.1'
t "  it is among the connections and the entries" eval 'djson "j[0][\"entry\"]==\"ask\" and j[0][\"state\"]==\"connected\" and j[0][\"packets_in\"]>0 and j[0][\"mtu\"]>1000" connections && djson "[e[\"state\"] for e in j if e[\"name\"]==\"ask\"]==[\"connected\"]" entries && d connections && d entries && d interfaces'
t "  once only" eval '! d dial ask --user anna --password-fd 3 3<"$work/pw" 2>"$work/err" && grep -q "error 756" "$work/err"'
t "  and hung up" eval 'd hangup ask && none && ! d hangup ask'
t "a wrong password is error 691" eval '! d dial ask --user anna --password-fd 3 3<"$work/bad" 2>"$work/err" && grep -q "error 691: .*ADIT-AUTH-FAILED" "$work/err" && none'
t "a user dials by the phone book in its home" eval 'nobody dial mine >"$work/out" 2>&1 || { cat "$work/out"; false; } && grep -q "connected by pptp" "$work/out" && nobody entries | grep "mine.*connected" && nobody connections | grep -q mine'
t "  sees and ends only its own" eval 'd dial line >/dev/null 2>&1 && ! nobody hangup line && nobody hangup mine && djson "[c[\"entry\"] for c in j]==[\"line\"]" connections'
t "Ctrl-C of an attempt" eval 'ADIT_SOCKET=$csock "$top_builddir/adit" dial silent >"$work/out" 2>&1 & p=$!; soon grep -q connecting "$work/out"; kill -TERM $p; wait $p; [ $? = 143 ] && grep -q "silent: hung up" "$work/out" && djson "len(j)==1" connections'
t "--wait: the line is lost, with a number" eval 'd dial ask --user anna --password-fd 3 --wait 3<"$work/pw" >"$work/out" 2>&1 & p=$!; soon grep -q "ask: connected" "$work/out"; adit drop --all >/dev/null; wait $p; [ $? = 1 ] && grep -qE "ask: error (629|829|807):" "$work/out" && soon none'
t "no password stands in a log" eval '! grep -q trustno1 "$work/clog" "$work/log"'
t "it stops cleanly" eval 'kill "$cpid"; wait "$cpid"; rc=$?; cpid=; stop; [ $rc = 0 ]'
done_testing
