#!/bin/sh
# dial_cmd.sh - adit dial, hangup, entries, connections against a daemon that is a script.
command -v python3 >/dev/null || { echo "1..0 # SKIP python3 is not installed"; exit 0; }
exec python3 "${top_srcdir:-$(dirname "$0")/../..}/tests/cases/dial_cmd.py"
