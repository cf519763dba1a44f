#!/usr/bin/env python3
# Packets and hidden values of RADIUS, computed with hashlib and hmac alone: what
# tests/unit/test_rad_msg.c holds rad_msg.c to. Prints tests/golden/radius.txt.
import hashlib, hmac, struct

S = b"xyzzy5461"
RA = bytes(range(16))


def md5(*b):
    return hashlib.md5(b"".join(b)).digest()


def attr(t, v):
    return bytes([t, len(v) + 2]) + v


def vendor(n, t, v):
    return attr(26, struct.pack("!I", n) + attr(t, v))


def packet(code, ident, auth, attrs):
    return struct.pack("!BBH", code, ident, 20 + len(attrs)) + auth + attrs


def ma(p, auth):
    """Message-Authenticator, the first attribute, of a packet."""
    blank = p[:4] + auth + p[20:22] + bytes(16) + p[38:]
    return p[:22] + hmac.new(S, blank, "md5").digest() + p[38:]


def signed(p, auth):
    return p[:4] + md5(p[:4], auth, p[20:], S) + p[20:]


def hide(first, value):
    out, before = b"", first
    for i in range(0, len(value), 16):
        b = bytes(x ^ y for x, y in zip(value[i:i + 16], md5(S, before)))
        out += b
        before = b
    return out


def salted(salt, value):
    plain = bytes([len(value)]) + value
    plain += bytes(-len(plain) % 16)
    return salt + hide(RA + salt, plain)


def show(name, b):
    print(name, b.hex())


blank = attr(80, bytes(16))
pw = b"a password of more than sixteen"
hidden = hide(RA, pw + bytes(-len(pw) % 16))
show("access-request", ma(packet(1, 7, RA, blank + attr(1, b"anna") + attr(2, hidden) + vendor(311, 11, bytes(16)) + attr(79, b"e" * 253) + attr(79, b"e" * 47)), RA))
show("status-server", ma(packet(12, 9, RA, blank), RA))
show("access-accept", signed(ma(packet(2, 7, RA, blank + attr(6, struct.pack("!I", 2)) + attr(25, b"class")), RA), RA))
show("accept-without", signed(packet(2, 7, RA, attr(6, struct.pack("!I", 2))), RA))
show("challenge-without", signed(packet(11, 7, RA, attr(79, b"\x01\x02\x00\x04")), RA))
show("accounting-request", signed(packet(4, 3, bytes(16), attr(40, struct.pack("!I", 1)) + attr(44, b"1")), bytes(16)))
show("accounting-response", signed(packet(5, 3, RA, b""), RA))
show("coa-request", signed(ma(packet(43, 5, bytes(16), blank + attr(44, b"1") + attr(27, struct.pack("!I", 60))), bytes(16)), bytes(16)))
show("coa-nak", signed(ma(packet(45, 5, RA, blank + attr(101, struct.pack("!I", 503))), RA), RA))
show("salted-16", salted(b"\x80\x01", bytes(range(0x30, 0x40))))
show("salted-32", salted(b"\xff\xfe", bytes(range(0x40, 0x60))))
show("salted-too-long", b"\x80\x01" + hide(RA + b"\x80\x01", bytes([16]) + bytes(15)))
show("mppe-keys", hide(RA, bytes(range(0x60, 0x78)) + bytes(8)))
