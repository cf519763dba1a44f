#!/bin/bash
# hostile.sh - a peer's nonsense leaves established sessions untouched, is counted, and
# nothing grows (row Q).
. "$(dirname "$0")/lib.sh"
conf || exit 1
start || exit 1
hold --sessions 5 --hold 120
t "five sessions are up" soon json 'len(j)==5 and all(s["state"]=="up" for s in j)' sessions
fds() { ls "/proc/$pid/fd" | wc -l; }
fds0=$(fds)
ip -n "$id-c" addr add 192.0.2.3/24 dev out      # the nonsense has an address of its own

cli python3 - >"$work/py" 2>&1 <<'P'
import os, random, socket, struct, time
random.seed(3)
srv = "192.0.2.1"
me = "192.0.2.3"
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
u.bind((me, 0))
for n in [0, 1, 2, 5, 6, 11, 12, 13, 20, 100, 1400] * 100:
    u.sendto(random.randbytes(n), (srv, 1701))
def sccrq(tid):
    avp = lambda t, v: struct.pack(">HHH", 0x8000 | (6 + len(v)), 0, t) + v
    body = avp(0, b"\0\1") + avp(2, b"\1\0") + avp(3, b"\0\0\0\3") + avp(7, b"x") + avp(9, struct.pack(">H", tid))
    return struct.pack(">HHHHHH", 0xc802, 12 + len(body), 0, 0, 0, 0) + body
for tid in range(1, 3000):                      # half-open flood
    u.sendto(sccrq(tid), (srv, 1701))
m = sccrq(7)
for n in range(len(m)):                         # every truncation
    u.sendto(m[:n], (srv, 1701))
for i in range(3000):                           # flipped bits, data for ids of others
    b = bytearray(m); b[random.randrange(len(b))] ^= 1 << random.randrange(8)
    u.sendto(bytes(b), (srv, 1701))
    u.sendto(struct.pack(">HHH", 2, random.randrange(65536), random.randrange(65536)) + random.randbytes(40), (srv, 1701))
g = socket.socket(socket.AF_INET, socket.SOCK_RAW, 47)
g.bind((me, 0))
for n in [0, 1, 4, 7, 8, 12, 16, 200, 1400] * 100:
    g.sendto(random.choice([b"", b"\x30\x01\x88\x0b", b"\x30\x81\x88\x0b"]) + random.randbytes(n), (srv, 0))
start = struct.pack(">HHIHHHHIIHH", 156, 1, 0x1a2b3c4d, 1, 0, 0x100, 0, 3, 3, 0, 0) + bytes(128)
held = []
for i in range(300):                            # connections that say nothing, or nonsense
    try:
        s = socket.create_connection((srv, 1723), 2, (me, 0))
    except OSError:
        continue
    held.append(s)
    try:
        if i % 3 == 0: s.send(random.randbytes(300))
        if i % 3 == 1: s.send(start[: random.randrange(len(start))])
    except OSError:
        pass
s = socket.create_connection((srv, 1723), 2, (me, 0))    # many messages, byte by byte and all in one
for b in start: s.send(bytes([b]))
s.send(start * 50)
time.sleep(0.5)
P
t "the five sessions did not notice" json 'len([s for s in j if s["state"]=="up"])==5' sessions
t "what came was counted" json 'sum(v for p in j for i in p["instances"] if i["kind"]=="tunnel" for v in i["counters"].values())>1000' plugins
cli python3 - >"$work/py2" 2>&1 <<'P'
import socket, struct, time
def conn():
    s = socket.create_connection(("192.0.2.1", 1723), 3, ("192.0.2.3", 0))
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s
def read(s, n):
    b = b""
    while len(b) < n:
        x = s.recv(n - len(b))
        if not x: raise EOFError
        b += x
    return b
start = struct.pack(">HHIHHHHIIHH", 156, 1, 0x1a2b3c4d, 1, 0, 0x100, 0, 3, 3, 0, 0) + bytes(128)
ocrq = struct.pack(">HHIHHHHIIIIHHHH", 168, 1, 0x1a2b3c4d, 7, 0, 5, 1, 300, 100000000, 3, 3, 64, 0, 0, 0) + bytes(128)
echo = struct.pack(">HHIHHI", 16, 1, 0x1a2b3c4d, 5, 0, 77)
every = start + ocrq + echo
for cut in range(1, len(every)):
    s = conn()
    s.send(every[:cut]); time.sleep(0.001); s.send(every[cut:])
    r = read(s, 156 + 32 + 20)
    assert r[8:10] == b"\0\2" and r[164:166] == b"\0\10" and r[196:198] == b"\0\6", (cut, r)
    s.close()
silent = []
for i in range(1000):
    try: silent.append(socket.create_connection(("192.0.2.1", 1723), 2, ("192.0.2.3", 0)))
    except OSError: pass
print("fine")
P
t "PPTP messages may be cut anywhere; 1000 connections may be silent" eval 'grep -q fine "$work/py2" || { cat "$work/py2"; false; }'
t "the five sessions still did not notice" json 'len([s for s in j if s["state"]=="up"])==5' sessions
t "a new client is served meanwhile" load --sessions 1 --ping 1
soon eval '[ $(fds) -le '"$fds0"' ]'
t "descriptors do not grow" [ "$(fds)" -le "$fds0" ]
t "the control socket survives nonsense" eval 'python3 - "$sock" <<"P"
import socket, sys, os
for junk in [b"\n\n\n", b"{\n", b"[]\n", b"{\"verb\":1}\n", b"{\"verb\":\"nosuch\"}\n", os.urandom(3000) + b"\n", b"x" * 300000, b"{\"verb\":\"sessions.show\",\"args\":{\"id\":[1]}}\n", b"{\"verb\":\"drop\"}\n"]:
    s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])
    try: s.send(junk); s.settimeout(0.3); s.recv(4096)
    except OSError: pass
    s.close()
P
adit status'
let_go
t "it stops cleanly" stop
done_testing
