#!/usr/bin/env python3
"""from-charon.py PCAP CHARON_LOG 'what it is' PROPOSAL PSK|- - a golden file of IKEv1 from a
capture and from the log (level 4) of strongSwan, the responder in it."""
import re, struct, sys

def packets(path):
    data = open(path, "rb").read()
    at = 24
    while at + 16 <= len(data):
        _, _, n, _ = struct.unpack("<IIII", data[at:at + 16])
        yield data[at + 16:at + 16 + n]
        at += 16 + n

def messages(path):
    """(sent by the responder?, bytes) of each IKE message; IP fragments put together."""
    parts = {}
    for p in packets(path):
        ip = p[14:]
        ihl, total = (ip[0] & 15) * 4, struct.unpack("!H", ip[2:4])[0]
        off = struct.unpack("!H", ip[6:8])[0]
        key = ip[4:6] + ip[12:20]
        parts.setdefault(key, {})[(off & 0x1fff) * 8] = ip[ihl:total]
        if off & 0x2000:
            continue
        udp = b"".join(v for _, v in sorted(parts.pop(key).items()))
        sport, dport = struct.unpack("!HH", udp[:4])
        body = udp[8:]
        if dport == 4500:
            if body[:4] != b"\0\0\0\0":
                continue
            body = body[4:]
        yield ip[12:16] == bytes([198, 51, 100, 11]), body

def secrets(path):
    found, name = {}, None
    for line in open(path, errors="replace"):
        m = re.match(r"\S+ \d+\[\w+\] (.+) => (\d+) bytes @", line)
        if m:
            name = m.group(1)
            found.setdefault(name, []).append(b"")
            continue
        m = re.match(r"\S+ \d+\[\w+\] +\d+: ((?:[0-9A-F]{2} ){1,16})", line)
        if m and name:
            found[name][-1] += bytes.fromhex(m.group(1))
        else:
            name = None
    return found

pcap, log, what, proposal, psk = sys.argv[1:6]
print("# " + what)
print("proposal " + proposal)
if psk != "-":
    print("psk " + psk.encode().hex())
seen = set()
for responder, body in messages(pcap):
    if body in seen:
        continue
    seen.add(body)
    print(("r " if responder else "i ") + body.hex())
s = secrets(log)
for key, name in (("g_xy", "shared Diffie Hellman secret"), ("skeyid", "SKEYID"),
                  ("skeyid_d", "SKEYID_d"), ("skeyid_a", "SKEYID_a"), ("skeyid_e", "SKEYID_e"),
                  ("key", "encryption key Ka"), ("iv", "initial IV"), ("hash_i", "HASH_I"),
                  ("hash_r", "HASH_R"), ("qm_g_xy", "DH secret"),
                  ("enc_i", "encryption initiator key"), ("auth_i", "integrity initiator key"),
                  ("enc_r", "encryption responder key"), ("auth_r", "integrity responder key")):
    if s.get(name):
        print(key + " " + s[name][0].hex())
