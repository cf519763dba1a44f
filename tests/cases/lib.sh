# lib.sh - for cases in network namespaces (sourced): a server's, a client's, a LAN.
# A case is `t "what it shows" command...`; the end is `done_testing`.
# Addresses: outside 192.0.2.1 (server) and 192.0.2.2 (client); clients get 10.99.0.0/24.
set -u
top_srcdir=${top_srcdir:-$(cd "$(dirname "$0")/../.." && pwd)}
top_builddir=${top_builddir:-$PWD}
n=0 bad=0

skip_all() { echo "1..0 # SKIP $*"; exit 0; }
[ "$(id -u)" = 0 ] || skip_all "network namespaces need root"
command -v ip >/dev/null || skip_all "iproute2 is not installed"
[ -c /dev/net/tun ] || skip_all "this host has no /dev/net/tun"
id=adit$$
ip netns add "$id-s" 2>/dev/null || skip_all "network namespaces are not permitted here"
ip netns add "$id-c"
work=$(mktemp -d)
sock=$work/sock
pid=

cleanup() {
    let_go
    [ -z "$pid" ] || kill -9 "$pid" 2>/dev/null
    ip netns del "$id-s"; ip netns del "$id-c"
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

ip link add out netns "$id-s" type veth peer name out netns "$id-c"
ip -n "$id-s" addr add 192.0.2.1/24 dev out
ip -n "$id-c" addr add 192.0.2.2/24 dev out
for s in s c; do ip -n "$id-$s" link set lo up; ip -n "$id-$s" link set out up; done

# The plugins of the build tree, owned by root, in one folder.
mkdir -m 755 "$work/plugins"
for so in "$top_builddir"/.libs/*.so; do [ -e "$so" ] && install -m 644 "$so" "$work/plugins/"; done

srv() { ip netns exec "$id-s" "$@"; }
cli() { ip netns exec "$id-c" "$@"; }
adit() { ADIT_SOCKET=$sock "$top_builddir/adit" "$@"; }
load() { ip netns exec "$id-c" "$top_builddir/adit-load" --to 192.0.2.1 --user anna --password trustno1 "$@"; }
# hold [options]: the same in the background, until `let_go`
held=
hold() {
    ip netns exec "$id-c" "$top_builddir/adit-load" --to 192.0.2.1 --user anna --password trustno1 "$@" >"$work/held" 2>&1 &
    held=$!
}
let_go() { [ -z "$held" ] || { kill "$held"; wait "$held"; } 2>/dev/null; held=; }
json() { local e=$1; shift; adit "$@" --json | python3 -c "import json,sys; j=json.load(sys.stdin); sys.exit(0 if ($e) else 1)"; }

# conf [setup options]: a fresh configuration
conf() {
    rm -rf "$work/conf"
    adit setup --output "$work/conf" --listen 192.0.2.1 --control-socket "$sock" \
        --range 10.99.0.2-10.99.0.200 --server-address 10.99.0.1 --allow-clear-l2tp \
        --user anna:trustno1 "$@" >"$work/setup" 2>&1 || { cat "$work/setup"; return 1; }
    sed -i "s#^daemon:#daemon:\n  plugin-dir: \"$work/plugins\"\n  log-level: info#" "$work/conf/aditd.yaml"
}
# $under: a command that runs the daemon, for instance with fewer privileges
start() {
    ip netns exec "$id-s" ${under-} "$top_builddir/aditd" --config "$work/conf/aditd.yaml" --foreground >"$work/log" 2>&1 &
    pid=$!
    local i
    for i in $(seq 200); do
        adit status >/dev/null 2>&1 && return 0
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.05
    done
    sed 's/^/# /' "$work/log"
    return 1
}
stop() {
    local rc=0
    [ -n "$pid" ] || return 0
    kill "$pid" 2>/dev/null; wait "$pid"; rc=$?
    pid=
    return $rc
}
# soon COMMAND...: true within 10 s
soon() { local i; for i in $(seq 100); do "$@" >/dev/null 2>&1 && return 0; sleep 0.1; done; "$@"; }

t() {
    local what=$1; shift
    n=$((n + 1))
    if "$@" >"$work/t" 2>&1; then echo "ok $n - $what"; else
        bad=1; echo "not ok $n - $what"; sed 's/^/# /' "$work/t" | tail -20
        [ ! -e "$work/log" ] || tail -15 "$work/log" | sed 's/^/# aditd: /'
    fi
}
done_testing() { echo "1..$n"; exit $bad; }
