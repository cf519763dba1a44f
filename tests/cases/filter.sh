#!/bin/bash
# filter.sh - packet filters and rates of sessions that carry packets (rows A6 A5, issue 5).
. "$(dirname "$0")/lib.sh"
[ -x "$top_builddir/adit-bench-dial" ] || skip_all "the client of the benchmarks was not built"
command -v python3 >/dev/null || skip_all "python3 is not installed"
our=10.99.0.1

# profile SETTINGS <FILTERS: what everybody gets, and the section `filters:`
profile() {
    conf || return 1
    sed -i "s/^        permission: deny/&\n        profile: { $1 }/" "$work/conf/aditd.yaml"
    cat >>"$work/conf/aditd.yaml"
}
change() { sed -i "$1" "$work/conf/aditd.yaml" && adit reload; }

dialled=
dial() {
    : >"$work/dial"
    ip netns exec "$id-c" "$top_builddir/adit-bench-dial" --plugins "$work/plugins" --state "$work/dialled" --to 192.0.2.1 \
        --user anna --password trustno1 "$@" >"$work/dial" 2>&1 &
    dialled=$!
    soon grep -q "^up " "$work/dial"
}
hang_up() { [ -z "$dialled" ] || { kill "$dialled"; wait "$dialled"; } 2>/dev/null; dialled=; }
# what still runs in our namespaces, with the children of servers
end() { hang_up; kill -9 $(ip netns pids "$id-s"; ip netns pids "$id-c") 2>/dev/null; pid=; cleanup; }
trap end EXIT

# What listens on the server: TCP that says its port, UDP that answers.
cat >"$work/listen.py" <<'P'
import socket, threading
def tcp(port):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("0.0.0.0", port))
    s.listen()
    while True:
        c, _ = s.accept()
        c.sendall(b"%d\n" % port)
        c.close()
def udp(port):
    s = socket.socket(type=socket.SOCK_DGRAM)
    s.bind(("0.0.0.0", port))
    while True:
        d, a = s.recvfrom(65535)
        s.sendto(d, a)
for p in (8000, 9000): threading.Thread(target=tcp, args=(p,)).start()
for p in (5300, 5301): threading.Thread(target=udp, args=(p,)).start()
P
srv python3 "$work/listen.py" >/dev/null 2>&1 &
# reach tcp|udp PORT [SIZE]: an answer comes from there, through the tunnel
cat >"$work/reach.py" <<'P'
import socket, sys
kind, port, size = sys.argv[1], int(sys.argv[2]), int((sys.argv[3:] or ["4"])[0])
for _ in range(4):
    s = socket.socket(type=socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
    s.settimeout(0.7)
    try:
        s.connect(("10.99.0.1", port))
        if kind == "tcp":
            sys.exit(0 if s.recv(9) == b"%d\n" % port else 2)
        s.setsockopt(socket.IPPROTO_IP, 10, 0)      # fragments are fine
        s.send(b"x" * size)
        if len(s.recv(65535)) == size:
            sys.exit(0)
    except (TimeoutError, ConnectionRefusedError):
        pass
sys.exit(1)
P
reach() { cli python3 "$work/reach.py" "$@"; }
blocked() { ! reach "$@"; }
session() { json "len(j)==1 and (lambda s: $1)(j[0])" sessions; }

profile "filter-in: web, filter-out: answers" <<'Y'
filters:
  - name: web
    rules:
      - { protocol: tcp, to: 10.99.0.0/24, to-ports: 8000 }
      - { protocol: udp, to-ports: 5300 }
      - { protocol: icmp, icmp-types: echo-request }
  - name: answers
    default: permit
    rules:
      - { protocol: udp, from-ports: 5301 }
Y
t "a configuration with filters is accepted" srv "$top_builddir/aditd" --check --config "$work/conf/aditd.yaml"
t "the daemon serves" start
t "a client comes up" dial
t "what the filter permits passes" reach tcp 8000
t "of UDP too" reach udp 5300
t "and ICMP" cli ping -c 2 -i 0.2 -W 1 $our
t "the rest does not: TCP" blocked tcp 9000
t "nor UDP" blocked udp 5301
t "later fragments of what has ports are dropped" blocked udp 5300 4000
t "hits are counted" json 'j[0]["name"]=="web" and all(r["hits"]>0 for r in j[0]["rules"]) and j[0]["dropped"]>=4 and j[0]["sessions"][0]["user"]=="anna"' filters
t "and shown" eval 'adit filters web | grep -q "permit tcp from any to 10.99.0.0/24 8000"'
t "of the session too" session 's["filter_in"]=="web" and s["filtered_in"]>=4 and s["filter_out"]=="answers"'
t "an event tells" eval 'adit log | grep -q "datapath.filtered.*filter=web direction=in rule=0"'
t "a filter that is not there" eval '! adit filters nosuch'

t "a reload changes the session at once: all but" eval 'change "s/- name: web/&\n    default: permit/" && reach tcp 9000 && blocked tcp 8000 && blocked udp 5300'
t "the other direction is judged by its own filter" eval 'blocked udp 5301 && session "s[\"filtered_out\"]>=4"'
t "a filter that is taken out stays with its session" eval 'change "s/- name: answers/- name: others/" && blocked udp 5301 && json "[f for f in j if f[\"name\"]==\"answers\"][0][\"configured\"]==False" filters'
hang_up
soon json 'j==[]' sessions
t "and takes no new one" eval '! dial'
hang_up
t "both sides of the conflict are named" soon json 'j[0]["code"]=="ADIT-CONFLICT" and j[0]["ras"]==649 and all(w in j[0]["text"] for w in ("default", "filter-out", "answers"))' sessions --failed
t "it is gone then" json 'sorted(f["name"] for f in j)==["others","web"]' filters
cp "$work/conf/aditd.yaml" "$work/good"
t "rules that are wrong change nothing" eval '! change "s/to-ports: 8000/to-ports: 80000/" 2>"$work/err"'
t "and say where" grep -q "aditd.yaml:[0-9]*:[0-9]*:.*80000" "$work/err"
cp "$work/good" "$work/conf/aditd.yaml"
stop

# ---- rates ----
# rate KBPS in|out: what the session's counters say against the daemon's clock, while a
# stream runs: never more than the rate, and at least 85 % of it. That is the best of
# three: a busy machine has pauses.
snapshot() { adit sessions --json | python3 -c "import json,sys; s=json.load(sys.stdin)[0]; print(s['duration_ms'], s['bytes_$1'])"; }
rate() {
    local kbps=$1 way=$2 a b stream
    for _ in 1 2 3; do
        if [ "$way" = in ]; then
            ip netns exec "$id-c" "$top_builddir/dp_tunnel" source $our 6000 100000000 >/dev/null 2>&1 &
        else
            ip netns exec "$id-s" "$top_builddir/dp_tunnel" source 10.99.0.2 6000 100000000 >/dev/null 2>&1 &
        fi
        stream=$!               # the program itself: `srv` and `cli` would be a shell
        sleep 1.5; a=$(snapshot "$way"); sleep 4; b=$(snapshot "$way")
        kill $stream; wait $stream 2>/dev/null
        python3 -c "
import sys
kbps, t, n, u, m = map(int, sys.argv[1:])
bits = (m - n) * 8
print('%.0f kbit/s of %d' % (bits / (u - t), kbps))
sys.exit(2 if bits > kbps * (u - t + 250) + 65536 * 8 else bits < 0.85 * kbps * (u - t))" "$kbps" $a $b
        case $? in 0) return 0 ;; 2) return 1 ;; esac
        sleep 1
    done
    return 1
}
srv "$top_builddir/dp_tunnel" sink 0.0.0.0 6000 >/dev/null 2>&1 &
cli "$top_builddir/dp_tunnel" sink 0.0.0.0 6000 >/dev/null 2>&1 &
profile "rate-in: 20000, rate-out: 30000" </dev/null
t "a client with rates" eval 'start && dial'
t "streams reach the rate to the client, and no more" rate 30000 out
t "streams reach the rate from the client, and no more" rate 20000 in
t "what was dropped for it is counted" session 's["limited_in"]>0 and s["rate_in_kbps"]==20000 and s["rate_out_kbps"]==30000'
hang_up; stop
profile "rate-out: 1000, rate-in: 1000" </dev/null
t "slow rates" eval 'start && dial && rate 1000 out && rate 1000 in'
t "datagrams that are longer than the bucket pass" soon reach udp 5300 20000
hang_up; stop
done_testing
