# tests/peers/cases/ends.sh - clients that are killed, that come back, that call again and
# again, and neighbours who are not to notice.
case_rows <<'C'
vanished_pptp           S1,W3,M9     long
vanished_l2tp           S3,W3,M9     long
vanished_ipsec          S4,W3,M9     long
vanished_nat            S4,W2,M9     long  nat
redials_of_one_id       S3,K8        long
server_drops_pptp       S12,O2       long
l2tp_libreswan_image    S3           long  lsw
pptp_and_ipsec_nat      S1,S4,W2     long  nat
C

# kill_guest I: its power is cut.  boot_guest I [--nat]: another machine with its address.
kill_guest() { kill -KILL -- "-$(cat "$state/g$1/pid")"; sleep 0.2; "$lab" down "$1"; }
boot_guest() { [ "$("$lab" up ${2:+"$2"} 1 2>>"$work/lab" | tail -1)" = "$1" ]; }
all_free() {
    json 'all(p["state"]=="listening" for p in j)' ports && json 'all(p["status"]["leased"]==0 for p in j)' pools
}
# vanishes GUEST DIAL...: killed; the session ends by itself and leaves nothing; then it is
# killed again, and back before that was noticed
vanishes() {
    local g=$1 nat=; shift
    [ "$g" -le "$guests" ] || nat=--nat
    serve_vanishing 'ppp echo-interval: 2s' && guest "$g" "$@" --wait 60 --time 0 && said 'result=OK' && kill_guest "$g" || return 1
    local t0=$SECONDS
    within 60 none_left && logged 'session.down.*ADIT-\(ECHO-TIMEOUT\|LOST-CARRIER\)' && within 10 all_free && boot_guest "$g" $nat || return 1
    echo "gone after $((SECONDS - t0)) s"
    guest "$g" "$@" --wait 60 --time 0 && said 'result=OK' && hangup "$g" && within 20 none_left || return 1
    serve_vanishing 'ppp echo-interval: 10s' && guest "$g" "$@" --wait 60 --time 0 && said 'result=OK' && kill_guest "$g" && boot_guest "$g" $nat &&
    guest "$g" "$@" --wait 60 --time 1 && said 'result=OK' && grep -o 'iperf_[a-z_]*=[0-9.]*' "$work/out" &&
    within 90 json 'len(j)==1' sessions && guest "$g" ping -c 2 -W 2 198.18.0.1 && hangup "$g" && within 20 none_left && within 10 all_free
}
vanished_pptp() {
    serve_vanishing() { settings="$1"$'\nppp echo-failures: 3\npptp echo-interval: 5s\npptp echo-timeout: 5s'; serve --tunnels pptp; }
    vanishes 1 dial-pptp
}
vanished_l2tp() {
    serve_vanishing() { settings="$1"$'\nppp echo-failures: 3\nl2tp hello-interval: 5s\nl2tp retransmit-count: 3'; serve --tunnels l2tp --allow-clear-l2tp; }
    vanishes 1 dial-l2tp
}
vanished_ipsec() {
    serve_vanishing() { settings="$1"$'\nppp echo-failures: 3\nipsec dpd: 5s\nipsec retransmit-count: 3'; serve $secure; }
    vanishes 1 dial-l2tp-ipsec --psk labpsk && within 60 peers 'len(p)==0'
}
vanished_nat() {                # one of two behind the router; the other goes on
    serve_vanishing() { settings="$1"$'\nppp echo-failures: 3\nipsec dpd: 5s\nipsec retransmit-count: 3'; serve $secure; }
    serve_vanishing 'ppp echo-interval: 10s' && ipsec_up 3 && ipsec_up 4 && kill_guest 3 && guest 4 ping -c 2 -W 2 198.18.0.1 && boot_guest 3 --nat &&
    ipsec_up 3 && guest 3 ping -c 2 -W 2 198.18.0.1 && guest 4 ping -c 2 -W 2 198.18.0.1 && within 90 json 'len(j)==2' sessions &&
    guest 3 ping -c 2 -W 2 198.18.0.1 && guest 4 ping -c 2 -W 2 198.18.0.1 && hangup 3 && hangup 4 && within 20 none_left
}

# A device that has one tunnel id and one port: 100 calls that are hung up, one after the
# other, then 10 that are not.  Each must be answered as a call of its own.
redials_of_one_id() {
    settings=$'l2tp retransmit-timeout: 100ms\nl2tp retransmit-count: 2'
    serve --tunnels l2tp --allow-clear-l2tp || return 1
    cat >"$work/redial.py" <<'P'
import socket, struct, sys, time
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
u.bind(("198.51.100.2", 1701))
u.connect(("198.51.100.1", 1701))
u.settimeout(3)
def avp(t, v): return struct.pack(">HHH", 0x8000 | 6 + len(v), 0, t) + v
def h(n): return struct.pack(">H", n)
def send(tid, sid, ns, nr, kind, *avps):
    body = avp(0, h(kind)) + b"".join(avps)
    u.send(struct.pack(">HHHHHH", 0xc802, 12 + len(body), tid, sid, ns, nr) + body)
def hear(kind, avp_type):
    while True:
        m = u.recv(4096)
        if not m[0] & 0x80:
            continue
        at = {}
        i = 12
        while i + 6 <= len(m):
            n, _, t = struct.unpack(">HHH", m[i:i + 6])
            at[t] = m[i + 6:i + (n & 0x3ff)]
            i += n & 0x3ff
        if at.get(0) == h(kind):
            return struct.unpack(">H", at[avp_type])[0]
def acked(ns):
    while struct.unpack(">H", u.recv(4096)[10:12])[0] != ns:
        pass
def call(hang_up):
    send(0, 0, 0, 0, 1, avp(2, b"\1\0"), avp(3, b"\0\0\0\3"), avp(7, b"device"), avp(9, h(7)))
    tid = hear(2, 9)
    send(tid, 0, 1, 1, 3)
    send(tid, 0, 2, 1, 10, avp(14, h(9)), avp(15, b"\0\0\0\1"))
    sid = hear(11, 14)
    send(tid, sid, 3, 2, 12, avp(24, b"\0\1\0\0"), avp(19, b"\0\0\0\1"))
    if hang_up:
        send(tid, 0, 4, 2, 4, avp(9, h(7)), avp(1, h(1)))
        acked(5)
    return tid
ids = set()
for i in range(100):
    ids.add(call(True))
for i in range(10):
    ids.add(call(False))
    time.sleep(1.5)
print(len(ids), "tunnels")
sys.exit(len(ids) < 105)
P
    "$lab" nat python3 "$work/redial.py" >"$work/out" 2>&1 || { tail -5 "$work/out"; return 1; }
    guest 1 dial-l2tp --time 0 && said 'result=OK' && hangup 1 && within 90 none_left && within 10 all_free
}
server_drops_pptp() {
    serve --tunnels pptp && guest 1 dial-pptp --time 0 && said 'result=OK' && adit drop --user test &&
    within 5 none_left && within 10 "$lab" exec 1 sh -c '! ip link show ppp0' && hangup 1
}
l2tp_libreswan_image() {
    local more
    serve --tunnels l2tp --allow-clear-l2tp || return 1
    for more in '' --userspace '--sport 40000'; do
        guest "$lsw" dial-l2tp --time 2 $more && said 'result=OK' && grep -o 'iperf_[a-z_]*=[0-9.]*' "$work/out" && hangup "$lsw" && within 15 none_left ||
            { echo "with: $more"; return 1; }
    done
}
pptp_and_ipsec_nat() {
    serve --tunnels pptp,l2tp-ipsec --psk labpsk && guest 3 dial-pptp --time 0 && said 'result=OK' && guest 4 dial-l2tp-ipsec --psk labpsk --wait 60 --time 0 && said 'result=OK' &&
    json 'sorted((s["tunnel"], s["secured"]) for s in j)==[("l2tp", True), ("pptp", False)] and len(set(s["address"] for s in j))==2' sessions &&
    both_busy 3 4 && both_busy 3 4 -R && hangup 3 && guest 4 ping -c 2 -W 2 198.18.0.1 && guest 3 dial-pptp --time 0 && said 'result=OK' &&
    hangup 4 && guest 3 ping -c 2 -W 2 198.18.0.1 && hangup 3 && within 15 none_left
}
