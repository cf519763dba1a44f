# tests/peers/cases/ppp.sh - what pppd can authenticate and encrypt with, beyond the usual.
case_rows <<'C'
l2tp_chap_not_enabled   A1           long
l2tp_mschapv1           A1           long
l2tp_eap_md5            A1           long
l2tp_eap_tls            A1,S2         long
pptp_mschapv1_mppe      S2,A1        long
pptp_mppe40             S2           long
proxy_arp               S8           long  nat
floods_disturb_nobody   Q            long  2
C

l2tp_chap_not_enabled() {
    serve --tunnels l2tp --allow-clear-l2tp && refused 1 dial-l2tp --auth chap --time 0 --wait 12 && within 10 none_left &&
    json 'any(f["code"]=="ADIT-NO-COMMON-METHOD" for f in j)' sessions --failed
}
l2tp_mschapv1() {
    settings='ppp auth: [mschapv1]'
    serve --tunnels l2tp --allow-clear-l2tp && guest 1 dial-l2tp --auth mschap --time 0 && said 'result=OK' && json 'j[0]["method"]=="mschapv1"' sessions && hangup 1
}
l2tp_eap_md5() {
    settings='ppp auth: [eap-md5]'
    serve --tunnels l2tp --allow-clear-l2tp --auth mschapv2,chap && guest 1 dial-l2tp --auth eap --time 0 && said 'result=OK' && json 'j[0]["method"]=="eap-md5"' sessions && hangup 1
}
l2tp_eap_tls() {                # and its keys for MPPE
    lab_certs 1 || return 1
    settings="ppp tls-certificate: $work/certs/server.crt
ppp tls-key: $work/certs/server.key
ppp tls-ca: $work/certs/ca.crt
ppp auth: [eap-tls]"
    serve --tunnels pptp,l2tp --allow-clear-l2tp --user client.lab.example:none || return 1
    local tls=$'cert /etc/certs/client.crt\nkey /etc/certs/client.key\nca /etc/certs/ca.crt\nname client.lab.example'
    guest 1 dial-l2tp -u client.lab.example --auth eap --time 0 --ppp "$tls" && said 'result=OK' && json 'j[0]["method"]=="eap-tls"' sessions && hangup 1 && within 15 none_left &&
    guest 1 dial-pptp -u client.lab.example --auth eap --mppe 128 --time 0 --ppp "$tls" && said 'result=OK' && json 'j[0]["method"]=="eap-tls" and j[0]["encryption"]=="mppe-128"' sessions && hangup 1
}
pptp_mschapv1_mppe() {
    settings='ppp auth: [mschapv1]'
    serve --tunnels pptp && guest 1 dial-pptp --auth mschap --mppe 128 --time 1 && said 'result=OK' && json 'j[0]["method"]=="mschapv1" and j[0]["encryption"]=="mppe-128"' sessions && hangup 1
}
pptp_mppe40() {
    settings='pptp encryption: [40]'
    serve --tunnels pptp && guest 1 dial-pptp --mppe 40 --time 1 && said 'result=OK' && said 'MPPE 40-bit stateless' && json 'j[0]["encryption"]=="mppe-40"' sessions && hangup 1 &&
    within 10 none_left && refused 1 dial-pptp --mppe 128 --time 0 --wait 12 && hangup 1
}
proxy_arp() {                   # an address of the LAN: its neighbours reach the client, who is elsewhere
    serve --tunnels pptp --range 198.51.100.200-198.51.100.210 --server-address 198.51.100.199 && guest 3 dial-pptp --time 0 && said 'local=198.51.100.200' &&
    "$lab" exec 1 ip neigh flush all && guest 1 ping -c 3 -W 2 198.51.100.200 && guest 1 ping -c 1 -W 2 198.51.100.1 || return 1
    "$lab" exec 1 cat /proc/net/arp >"$work/out"
    [ "$(awk '/^198.51.100.(1|200) / { print $4 }' "$work/out" | sort | uniq -c | awk '{ print $1 }')" = 2 ] || { cat "$work/out"; return 1; }
    hangup 3; within 10 none_left && "$lab" exec 1 ip neigh flush all && refused 1 ping -c 1 -W 2 198.51.100.200
}
floods_disturb_nobody() {
    local l2tp="dial-l2tp-ipsec --psk labpsk --wait 60 --time 0"
    serve --tunnels pptp,l2tp-ipsec --psk labpsk && guest 1 dial-pptp --time 0 && said 'result=OK' && guest 2 $l2tp && said 'result=OK' || return 1
    cat >"$work/flood.py" <<'P'
import os, random, socket, struct, threading, time
random.seed(11)
SRV = "198.51.100.1"
end = time.time() + 8
def avp(t, v): return struct.pack(">HHH", 0x8000 | 6 + len(v), 0, t) + v
def sccrq(tid):
    body = avp(0, b"\0\1") + avp(2, b"\1\0") + avp(3, b"\0\0\0\3") + avp(7, b"flood") + avp(9, struct.pack(">H", tid))
    return struct.pack(">HHHHHH", 0xc802, 12 + len(body), 0, 0, 0, 0) + body
def l2tp():                     # half-open, repeated, empty, oversized
    u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    while time.time() < end:
        m = sccrq(random.randrange(1, 65536))
        for d in (m, m, b"", random.randbytes(20000), m[:random.randrange(len(m))]):
            u.sendto(d, (SRV, 1701))
        time.sleep(0.002)
def ike():                      # main mode starts, each of them another; a message that never ends
    u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    attrs = bytes.fromhex("800100078002000480030001800400 0e800e0100800b0001800c7080".replace(" ", ""))
    t = struct.pack(">BBHBBH", 0, 0, 8 + len(attrs), 1, 1, 0) + attrs
    p = struct.pack(">BBHBBBB", 0, 0, 8 + len(t), 1, 1, 0, 1) + t
    sa = struct.pack(">BBHII", 0, 0, 12 + len(p), 1, 1) + p
    while time.time() < end:
        m = random.randbytes(8) + bytes(8) + struct.pack(">BBBBII", 1, 0x10, 2, 0, 0, 28 + len(sa)) + sa
        for d in (m, m, random.randbytes(9000), m[:random.randrange(len(m))]):
            u.sendto(d, (SRV, 500))
        u.sendto(random.randbytes(random.choice([1, 4, 28, 1400])), (SRV, 4500))
        time.sleep(0.002)
def pptp():                     # connections that say nothing, too much, or the same again
    start = struct.pack(">HHIHHHHIIHH", 156, 1, 0x1a2b3c4d, 1, 0, 0x100, 0, 3, 3, 0, 0) + bytes(128)
    held = []
    while time.time() < end:
        try:
            t = socket.create_connection((SRV, 1723), 1)
            t.settimeout(0.2)
            t.send(random.choice([b"", start * 50, start[:77], struct.pack(">HHIHH", 65535, 1, 0x1a2b3c4d, 1, 0) + bytes(70000), random.randbytes(5000)]))
            held.append(t)
        except OSError:
            time.sleep(0.02)
def raw(proto):
    g = socket.socket(socket.AF_INET, socket.SOCK_RAW, proto)
    while time.time() < end:
        g.sendto(random.choice([b"", b"\x30\x01\x88\x0b"]) + random.randbytes(random.choice([0, 1, 8, 40, 1400, 9000])), (SRV, 0))
        time.sleep(0.001)
all = [threading.Thread(target=f, args=a) for f, a in ((l2tp, ()), (ike, ()), (pptp, ()), (raw, (47,)), (raw, (50,)))]
for t in all: t.start()
for t in all: t.join()
P
    "$lab" nat python3 "$work/flood.py" >"$work/flood" 2>&1 & local flood=$!
    "$lab" exec 1 ping -c 40 -i 0.2 -W 3 198.18.0.1 >"$work/p1" 2>&1 & local a=$!
    "$lab" exec 2 ping -c 40 -i 0.2 -W 3 198.18.0.1 >"$work/p2" 2>&1 & local b=$!
    wait $a; a=$?; wait $b; b=$?; wait $flood || { tail -3 "$work/flood"; return 1; }
    grep -h loss "$work/p1" "$work/p2"
    grep -q ' 0% packet loss' "$work/p1" && grep -q ' 0% packet loss' "$work/p2" && [ $a$b = 00 ] || return 1
    json 'len([s for s in j if s["state"]=="up"])==2' sessions && hangup 1 && hangup 2 || return 1
    # and those who come after
    guest 1 dial-pptp --time 0 && said 'result=OK' && guest 2 $l2tp && said 'result=OK' && hangup 1 && hangup 2 && within 60 none_left
}
