#!/bin/bash
# dial.sh - one daemon dials, another answers (rows D1-D6): by PPTP, L2TP and L2TP/IPsec, over
# the control socket; what it changes on the host, and that all of it is put back.
. "$(dirname "$0")/lib.sh"
key=k7mf2x-qq9wde-3hbnzt-tt4cvk
csock=$work/c/control.sock dsock=$work/c/dial.sock
cpid=
py=$(PATH=/usr/bin:$PATH command -v python3)       # not a shim of a user: others run it, too
quit() { [ -z "$cpid" ] || kill -9 "$cpid" 2>/dev/null; ip netns del "$id-x" 2>/dev/null; cleanup; }
trap quit EXIT

cat >"$work/ask.py" <<'P'
import json, socket, sys
s = socket.socket(socket.AF_UNIX); s.settimeout(30); s.connect(sys.argv[1])
s.sendall((json.dumps({"verb": sys.argv[2], "args": json.loads(sys.argv[3] or "{}")}) + "\n").encode())
for line in s.makefile():
    o = json.loads(line)
    print(json.dumps(o["result"] if o.get("ok") else o))
    if "ok" in o or o.get("state") in ("connected", "failed", "ended"): break
P
chmod 755 "$work"
# ask VERB [ARGS [SOCKET]]: the answer's lines, until the last one of a follower
ask() { "$py" "$work/ask.py" "${3:-$csock}" "$1" "${2:-}"; }
# is EXPR VERB [ARGS]: of the last line, as j
is() { local e=$1; shift; ask "$@" | tail -1 | "$py" -c "import json,sys; j=json.load(sys.stdin); sys.exit(0 if ($e) else (print(j), 1)[1])"; }
dial() { is 'j["state"]=="connected"' dial.begin "{\"entry\":\"$1\"}"; }
# fails ENTRY RAS CODE
fails() { is "j['state']=='failed' and j['ras']==$2 and j['code']=='$3'" dial.begin "{\"entry\":\"$1\"}"; }
hangup() { is 'j["handle"]>0' dial.hangup "{\"entry\":\"$1\"}"; }
none() { is 'j==[]' dial.connections && ! ip -n "$id-c" link show dial0 2>/dev/null && [ "$(routes)" = "$routes_before" ] && [ "$(cat "$work/resolv.conf")" = "$resolv_before" ]; }
routes() { ip -n "$id-c" route; }
reach() { cli ping -c 2 -i 0.2 -W 2 "${1:-10.99.0.1}"; }
start_c() {
    ip netns exec "$id-c" "$top_builddir/aditd" --config "$work/c.yaml" --foreground >"$work/clog" 2>&1 &
    cpid=$!
    soon is 'j["state"]=="running"' status || { tail -20 "$work/clog"; false; }
}
stop_c() { kill "$cpid"; wait "$cpid"; local rc=$?; cpid=; return $rc; }

mkdir -m 755 "$work/cstate" "$work/c"
printf 'trustno1\n' >"$work/pw"; printf 'wrong\n' >"$work/bad"; printf '%s\n' "$key" >"$work/psk"
chmod 600 "$work/pw" "$work/bad" "$work/psk"
printf 'options edns0\nnameserver 192.0.2.53\n' >"$work/resolv.conf"
cat >"$work/c.yaml" <<Y
daemon: { plugin-dir: "$work/plugins", state-dir: "$work/cstate", control-socket: "$csock", log-level: info }
network: { interface: shared0, forward: no }
ppp: { auth: [mschapv2] }
tunnels: [ { type: pptp, start-timeout: 3s, gre-timeout: 2s }, { type: l2tp, require-security: no, retransmit-count: 2 } ]
auth: [ { type: local, file: "$work/none.yaml" } ]
pools: [ { type: range, ranges: [10.77.0.2-10.77.0.9] } ]
security: [ { type: ipsec, initiator-only: yes, retransmit-count: 1 } ]
dial: { phone-book: "$work/book.yaml", dns: file, resolv-conf: "$work/resolv.conf", access: all, user-may: [own-entries] }
Y
printf 'users: []\n' >"$work/none.yaml"; chmod 600 "$work/none.yaml"
cat >"$work/s.book" <<Y
entries: [ { name: site, server: 192.0.2.2, type: l2tp, user: none, password-file: "$work/pw", demand-dial: yes, routes: [198.51.100.0/24] } ]
Y
cat >"$work/book.yaml" <<Y
entries:
- { name: pptp, server: 192.0.2.1, type: pptp, user: anna, password-file: "$work/pw", block-ipv6: yes }
- { name: l2tp, server: 192.0.2.1, type: l2tp, user: anna, password-file: "$work/pw", default-route: no, routes: [198.51.100.0/24] }
- { name: ipsec, server: 192.0.2.1, type: l2tp-ipsec, user: anna, password-file: "$work/pw", psk-file: "$work/psk" }
- { name: auto, server: [192.0.2.1], user: anna, password-file: "$work/pw", psk-file: "$work/psk" }
- { name: lasting, server: 192.0.2.1, type: l2tp, user: anna, password-file: "$work/pw", redial-on-drop: yes, redial-pause: 200ms, redial-pause-max: 200ms, keep-routes-while-down: yes }
- { name: site, server: 192.0.2.1, type: l2tp, user: site, password-file: "$work/pw", default-route: no }
- { name: wrong, server: 192.0.2.1, type: pptp, user: anna, password-file: "$work/bad" }
- { name: denied, server: 192.0.2.1, type: pptp, user: otto, password-file: "$work/pw" }
- { name: silent, server: 192.0.2.77, type: l2tp, user: anna, password-file: "$work/pw", timeout: 1s }
- { name: nobody, server: 192.0.2.9, type: pptp, user: anna, password-file: "$work/pw" }
- { name: upper, server: 10.99.0.1, type: l2tp, user: anna, password-file: "$work/pw", dial-first: pptp, default-route: no, dns: no }
- { name: branch, server: 192.0.2.1, type: l2tp, user: anna, password-file: "$work/pw", demand-dial: yes, routes: [203.0.113.0/24], idle-timeout: 2s }
Y
t "a server of all three" eval 'conf --tunnels pptp,l2tp-ipsec,l2tp --psk "$key" --dns 10.99.0.53 && sed -i "s/\"192.0.2.1:1701\"/&, \"10.99.0.1:1701\"/" "$work/conf/aditd.yaml" && printf "dial: { phone-book: \"%s\" }\n" "$work/s.book" >>"$work/conf/aditd.yaml" && start && adit user add site --config "$work/conf" --password-stdin --allow <"$work/pw" && adit user add otto --config "$work/conf" --password-stdin --deny <"$work/pw"'
t "a daemon that only dials" start_c
routes_before=$(routes) resolv_before=$(cat "$work/resolv.conf")
t "it is connected by PPTP, and says each state" eval 'ask dial.begin "{\"entry\":\"pptp\"}" >"$work/lines" && [ "$(sed -E "s/.*\"state\": ?\"([a-z]*)\".*/\1/" "$work/lines" | xargs)" = "resolving connecting authenticating projected connected" ] && grep -q "\"interface\": \"dial0\"" "$work/lines" && grep -q mppe-128 "$work/lines"'
t "packets pass, everything goes through, the server stays outside" eval 'reach && routes | grep -q "^0.0.0.0/1 dev dial0" && routes | grep -q "^128.0.0.0/1 dev dial0" && cli ip route get 198.51.100.7 | grep -q dial0 && cli ip route get 192.0.2.1 | grep -q "dev out"'
t "the file of DNS servers is the connection's" eval 'grep -q "^nameserver 10.99.0.53" "$work/resolv.conf" && grep -q "options edns0" "$work/resolv.conf" && ! grep -q 192.0.2.53 "$work/resolv.conf"'
t "IPv6 leaks nowhere" eval 'cli nft list table inet aditd-6-dial0 | grep -q "counter packets" && ! cli ping -6 -c 1 -W 1 2001:db8::1'
t "its statistics" is 'len(j)==1 and j[0]["entry"]=="pptp" and j[0]["packets_in"]>1 and j[0]["bytes_out"]>100 and j[0]["address"].startswith("10.99.0.") and j[0]["dns"]==["10.99.0.53"]' dial.connections
t "an entry is dialled once" is 'j["error"]["code"]=="ADIT_EEXIST"' dial.begin '{"entry":"pptp"}'
t "hung up: everything is put back" eval 'hangup pptp && none && ! cli nft list table inet aditd-6-dial0'
t "by L2TP, with a route of its own only" eval 'dial l2tp && reach && routes | grep -q "^198.51.100.0/24 dev dial0" && ! routes | grep -q "^0.0.0.0/1" && cli ip route get 10.99.0.53 | grep -q dial0 && grep -q "nameserver 192.0.2.53" "$work/resolv.conf" && hangup l2tp && none'
t "by L2TP/IPsec, with the entry's own key" eval 'dial ipsec && reach && is "j[0][\"encryption\"]==\"ipsec\"" dial.connections && hangup ipsec && none'
t "the automatic type begins with it" eval 'dial auto && is "j[0][\"protocol\"]==\"l2tp-ipsec\"" dial.connections && hangup auto && none'
t "a tunnel in a tunnel: two handles, and the right MTU" eval 'dial upper && is "len(j)==2 and sorted(c[\"over\"] for c in j)[0]==0 and [c for c in j if c[\"entry\"]==\"upper\"][0][\"over\"]==[c for c in j if c[\"entry\"]==\"pptp\"][0][\"handle\"] and [c for c in j if c[\"entry\"]==\"upper\"][0][\"mtu\"]<1360" dial.connections && cli ping -c 2 -i 0.2 -W 2 -s 1200 -I dial1 10.99.0.1'
t "hanging up the upper one leaves the lower one up" eval 'hangup upper && is "[c[\"entry\"] for c in j]==[\"pptp\"]" dial.connections && reach && hangup pptp && none'
t "a wrong password is 691" fails wrong 691 ADIT-AUTH-FAILED
t "no permission is 649" fails denied 649 ADIT-NO-PERMISSION
t "a server that is silent is 809" fails silent 809 ADIT-NO-ANSWER
ip -n "$id-s" addr add 192.0.2.9/24 dev out
t "TCP that is refused is told at once" fails nobody 809 ADIT-NO-ANSWER
t "GRE that is blocked is 806" eval 'cli nft "add table inet t; add chain inet t c { type filter hook input priority 0; }; add rule inet t c meta l4proto 47 drop" && fails pptp 806 ADIT-GRE-BLOCKED; rc=$?; cli nft delete table inet t; [ $rc = 0 ]'
t "an unknown entry is told with the nearest" is '"did you mean" in j["error"]["text"]' dial.begin '{"entry":"pptpp"}'
t "who dialled and went away: the attempt ends" eval 'timeout 0.5 "$py" "$work/ask.py" "$csock" dial.begin "{\"entry\":\"silent\"}"; soon none'
t "nothing of it stayed" none
t "a user dials an entry of its own, sees and ends only what is its own" eval '
    dial l2tp && u() { setpriv --reuid 65534 --regid 65534 --clear-groups "$py" "$work/ask.py" "$dsock" "$@"; } &&
    u dial.connections "{}" | grep -q "\[\]" && u dial.hangup "{\"entry\":\"l2tp\"}" | grep -q ADIT_ENOENT &&
    u status "{}" | grep -q ADIT_EDENIED && u dial.begin "{\"entry\":\"l2tp\"}" | grep -q ADIT_EDENIED &&
    u dial.begin "{\"entry\":{\"name\":\"m\",\"server\":\"192.0.2.1\",\"before\":[\"/bin/true\"]}}" | grep -q "is for entries of the system" &&
    u dial.begin "{\"entry\":{\"name\":\"m\",\"server\":\"192.0.2.1\",\"type\":\"pptp\",\"default-route\":\"no\",\"user\":\"anna\"},\"password\":\"trustno1\"}" | grep -q "\"connected\"" &&
    is "len(j)==2" dial.connections && u dial.connections "{}" | grep -q "\"entry\": \"m\"" && u dial.hangup "{\"entry\":\"m\"}" | grep -q handle && hangup l2tp && none'
t "a line that drops comes back by itself; nothing leaks meanwhile" eval 'dial lasting && adit drop --user anna >/dev/null && soon is "j[0][\"redials\"]==1 and j[0][\"state\"]==\"connected\"" dial.connections && reach && routes | grep -q "^0.0.0.0/1 dev dial0" && hangup lasting && none'
t "killed, and started again: everything is put back" eval 'dial pptp && kill -9 "$cpid" && ! wait "$cpid" && grep -q "Written by aditd" "$work/resolv.conf" && cli nft list table inet aditd-6-dial0 && start_c && none && ! cli nft list table inet aditd-6-dial0'
t "the demand-dial interface is there, and down" is 'j[0]["interface"]=="branch" and j[0]["state"]=="disconnected"' dial.interfaces
t "a packet dials it" eval '{ cli ping -c 1 -W 1 203.0.113.9 >/dev/null & }; soon is "j[0][\"state\"]==\"connected\" and j[0][\"packets_dialled\"]==1" dial.interfaces && ip -n "$id-c" addr show dev branch | grep -q 10.99.0'
t "idle, it is down again, with its route" eval 'soon is "j[0][\"state\"]==\"disconnected\"" dial.interfaces && routes | grep -q "^203.0.113.0/24 dev branch"'
t "a router that calls gets the interface of its name, which keeps its route" eval 'dial site && is "j[0][\"interface\"]==\"site\" and j[0][\"state\"]==\"connected\" and j[0][\"session\"]" dial.interfaces "{}" "$sock" && ip -n "$id-s" route | grep -q "^198.51.100.0/24 dev site" && hangup site && soon is "j[0][\"state\"]==\"disconnected\"" dial.interfaces "{}" "$sock" && ip -n "$id-s" route | grep -q "^198.51.100.0/24 dev site"'
t "an entry that goes takes its interface with it" eval 'sed -i "/name: branch/d" "$work/book.yaml" && is "\"text\" in j" reload && soon is "j==[]" dial.interfaces && ! ip -n "$id-c" link show branch'
t "a book with a slip is refused, and the old one stays" eval 'echo "- { name: x, servr: y }" >>"$work/book.yaml" && is "\"did you mean\" in j[\"error\"][\"text\"]" reload && is "len(j)==11" dial.entries'
t "no password stands in the log" eval '! grep -q "trustno1\|$key" "$work/clog"'
t "it stops cleanly, hanging up" eval 'dial l2tp; stop_c && soon json "j==[]" sessions && [ "$(cat "$work/resolv.conf")" = "$resolv_before" ]'
done_testing
