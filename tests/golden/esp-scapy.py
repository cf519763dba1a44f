#!/usr/bin/python3
"""esp-scapy.py - ESP by scapy, which shares nothing with our code.

    esp-scapy.py make > esp-scapy.txt       packets for tests/unit/test_esp.c
    esp-packets | esp-scapy.py open         opens what we sealed; TAP

A line: SUITE KEYMAT SPI SEQ PAYLOAD PACKET, in hexadecimal but for the first;
the packet is ESP from the SPI on, around UDP (17) in transport mode.
"""
import random
import sys

from scapy.config import conf

conf.verb = 0
from scapy.layers.inet import IP, UDP
from scapy.layers.ipsec import ESP, SecurityAssociation
from scapy.packet import Raw

# name: scapy's cipher, bytes of key, of salt, scapy's authentication, bytes of key
CIPHERS = {
    "3des": ("3DES", 24, 0), "aes128": ("AES-CBC", 16, 0), "aes192": ("AES-CBC", 24, 0),
    "aes256": ("AES-CBC", 32, 0), "aes128gcm16": ("AES-GCM", 16, 4),
    "aes192gcm16": ("AES-GCM", 24, 4), "aes256gcm16": ("AES-GCM", 32, 4),
}
AUTHS = {
    "md5": ("HMAC-MD5-96", 16), "sha1": ("HMAC-SHA1-96", 20), "sha256": ("SHA2-256-128", 32),
    "sha384": ("SHA2-384-192", 48), "sha512": ("SHA2-512-256", 64), None: (None, 0),
}


def association(suite, keymat, spi):
    name, _, auth = suite.partition("-")
    cipher, key, salt = CIPHERS[name]
    auth, auth_key = AUTHS[auth or None]
    crypt, mac = keymat[:key + salt], keymat[key + salt:]
    assert len(mac) == auth_key
    return SecurityAssociation(ESP, spi=spi, crypt_algo=cipher, crypt_key=crypt, auth_algo=auth,
                               auth_key=mac or None)


def suites():
    for name, (_, key, salt) in CIPHERS.items():
        for auth, (_, auth_key) in AUTHS.items():
            if (salt == 0) == (auth is not None):
                yield name + ("-" + auth if auth else ""), key + salt + auth_key


def make():
    r = random.Random(3)
    for suite, size in suites():
        for n in (8, 21, 64, 300):
            keymat = r.randbytes(size)
            spi, seq = r.randrange(256, 1 << 32), r.randrange(1, 1 << 32)
            p = IP(src="192.0.2.1", dst="192.0.2.2") / UDP(sport=1701, dport=1701) / Raw(r.randbytes(n - 8))
            payload = bytes(p[UDP])
            sealed = association(suite, keymat, spi).encrypt(p, seq_num=seq)
            print(suite, keymat.hex(), "%08x" % spi, "%08x" % seq, payload.hex(),
                  bytes(sealed[ESP]).hex())


def open_ours():
    n = 0
    for line in sys.stdin:
        suite, keymat, spi, seq, payload, packet = line.split()
        sa = association(suite, bytes.fromhex(keymat), int(spi, 16))
        n += 1
        try:
            p = sa.decrypt(IP(src="192.0.2.1", dst="192.0.2.2", proto=50) / ESP(bytes.fromhex(packet)))
            good = bytes(p[UDP]).hex() == payload and int(seq, 16) == int(packet[8:16], 16)
            why = ""
        except Exception as e:
            good, why = False, " # %r" % e
        print("%s %d - scapy opens %s, %d bytes%s" % ("ok" if good else "not ok", n, suite,
                                                      len(payload) // 2, why))
    print("1..%d" % n)


make() if sys.argv[1:] == ["make"] else open_ours()
