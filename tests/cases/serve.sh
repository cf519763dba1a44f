#!/bin/bash
# serve.sh - the daemon and adit in network namespaces (rows S5 S6 S8 S12 A2 A5 O2 Q, L3).
. "$(dirname "$0")/lib.sh"
state() { srv sh -c 'ip -br link; ip -4 route; ip -4 neigh show proxy; cat /proc/sys/net/ipv4/ip_forward' | sort; }
before=$(state)

t "setup writes a configuration that --check accepts" eval 'conf && srv "$top_builddir/aditd" --check --config "$work/conf/aditd.yaml"'
t "setup refuses to replace it" eval '! adit setup --output "$work/conf" --range 10.99.0.2-10.99.0.9'
t "the daemon serves" start
# NET_BIND_SERVICE, NET_ADMIN, NET_RAW
caps() { [ "$(sed -n "s/^Cap\(Eff\|Prm\):[[:space:]]*0*//p" "/proc/$pid/status" | sort -u)" = 3400 ]; }
t "it keeps three capabilities" caps
t "and cannot get others" grep -q "^NoNewPrivs:[[:space:]]*1" "/proc/$pid/status"
t "status: running, two tunnels" json 'j["state"]=="running" and len(j["tunnels"])==2' status
t "ports: all listening" json 'all(p["state"]=="listening" for p in j) and sum(p["count"] for p in j)==256' ports
t "no session: an empty array" json 'j==[]' sessions
t "10 clients log in by MS-CHAPv2 and ping" load --sessions 10 --ping 2
t "their hang-up leaves nothing" soon json 'j==[]' sessions
t "a wrong password is refused and explained" eval '! cli "$top_builddir/adit-load" --to 192.0.2.1 --user anna --password wrong --sessions 1 && json "j[0][\"code\"]==\"ADIT-AUTH-FAILED\" and j[0][\"ras\"]==691" sessions --failed'
t "an unknown user too" eval '! cli "$top_builddir/adit-load" --to 192.0.2.1 --user nobody --password x --sessions 1 && json "j[0][\"code\"]==\"ADIT-UNKNOWN-USER\"" sessions --failed'
t "PAP is not enabled" eval '! load --pap --sessions 1'

hold --sessions 3 --hold 60
t "three sessions are up" soon json 'len(j)==3 and all(s["state"]=="up" for s in j)' sessions
t "each has the promised members" json 'all(set("user tunnel peer address state since bytes_in bytes_out".split()) <= set(s) for s in j)' sessions
t "addresses are distinct and in the range" json 'len({s["address"] for s in j})==3 and all(s["address"].startswith("10.99.0.") for s in j)' sessions
t "ports: three connected, with their user" json 'sum(p["state"]=="connected" and p["user"]=="anna" for p in j)==3' ports
t "pools: three leased" json 'j[0]["status"]["leased"]==3' pools
t "fewer ports, live; sessions stay" eval 'adit ports set l2tp 3 && json "len(j)==3" sessions'
t "all ports taken: refused" eval '! load --sessions 1 && json "j[0][\"code\"]==\"ADIT-PORTS-EXHAUSTED\"" sessions --failed'
t "more ports, live: served" eval 'adit ports set l2tp 128 && load --sessions 1 --ping 1'
t "reload keeps sessions and takes differences" eval 'sed -i "s/ports: 128/ports: 50/" "$work/conf/aditd.yaml" && adit reload && json "len([s for s in j if s[\"state\"]==\"up\"])>=3" sessions && json "all(x[\"ports\"]==50 for x in j[\"tunnels\"])" status'
t "a broken configuration changes nothing and says where" eval 'cp "$work/conf/aditd.yaml" "$work/good"; sed -i "s/ports: 50/portz: 50/" "$work/conf/aditd.yaml"; ! adit reload 2>"$work/err" && grep -q "aditd.yaml:[0-9]*:[0-9]*:.*portz.*did you mean" "$work/err" && json "len(j)>=3" sessions; rc=$?; cat "$work/err"; cp "$work/good" "$work/conf/aditd.yaml"; [ $rc = 0 ]'
t "policy explain names the policy" json 'any("default" in json.dumps(e) for e in j)' policy explain --user anna --dial-in allow --protocol l2tp --method mschapv2
t "plugins are shown with state" json 'all(p["state"]=="loaded" for p in j) and len(j)>=5' plugins
t "an account made while it runs may connect" eval 'echo geheim7 | adit user add bert --allow --password-stdin --file "$work/conf/users.yaml" && sleep 1.1 && cli "$top_builddir/adit-load" --to 192.0.2.1 --user bert --password geheim7 --sessions 1 --ping 1'
many() {
    python3 -c 'for i in range(20000): print("  - name: user%05d\n    nt-hash: %032x" % (i, i))' >>"$work/conf/users.yaml"
    echo geheim8 | adit user add carl --allow --password-stdin --file "$work/conf/users.yaml" && sleep 1.1
    cli "$top_builddir/adit-load" --to 192.0.2.1 --user carl --password geheim8 --sessions 1
    soon eval 'adit log | grep -q "auth.local.loaded.*accounts=2000"' &&
        cli "$top_builddir/adit-load" --to 192.0.2.1 --user carl --password geheim8 --sessions 1 --ping 1
}
t "a large file of accounts is read on a thread" many
t "drop ends one user's sessions" eval 'adit drop --user anna && soon json "not any(s[\"user\"]==\"anna\" for s in j)" sessions'
let_go
t "the log ring has the events" eval 'adit log | grep -q "session.up"'
t "it stops cleanly" stop
after=$(state)
t "and leaves the host as it was" [ "$before" = "$after" ]

start
hold --sessions 2 --hold 30
soon json 'len(j)==2' sessions
kill -9 "$pid"; wait "$pid" 2>/dev/null; pid=
let_go
t "after a crash the next start undoes the rest" eval 'start && stop && [ "$before" = "$(state)" ]'
under="setpriv --bounding-set -setpcap"
t "where the bounding set is fixed, capabilities are given up too" eval 'start && caps && stop'

# L3: kernels of clouds and containers have few devices, and none for PPP
cat >"$work/bare" <<'S'
#!/bin/sh
mount -t tmpfs none /dev && mknod -m 666 /dev/null c 1 3 && mknod -m 444 /dev/urandom c 1 9 && mkdir /dev/net || exit
[ -z "$TUN" ] || mknod -m 600 /dev/net/tun c 10 200 || exit
exec "$@"
S
chmod 755 "$work/bare"
under="env TUN=yes unshare -m $work/bare"
t "L3: the one device that it needs is /dev/net/tun" eval 'start && load --sessions 1 --ping 1; rc=$?; stop; [ $rc = 0 ]'
under="env TUN= unshare -m $work/bare"
t "L3: without it, it says what is missing" eval '! start >/dev/null && grep -q "/dev/net/tun: .*modprobe tun.*container needs the device" "$work/log"'
done_testing
