#!/bin/sh
# What esp.c seals, scapy opens (the other direction is tests/golden/esp-scapy.txt).
set -u
if ! /usr/bin/python3 -c 'import scapy.layers.ipsec, cryptography' 2>/dev/null; then
    echo "1..0 # SKIP scapy (package python3-scapy) is not installed"
    exit 0
fi
"$top_builddir/esp-packets" | /usr/bin/python3 "$top_srcdir/tests/golden/esp-scapy.py" open 2>/dev/null
