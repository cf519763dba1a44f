#!/bin/sh
# dp_netns.sh - the data path and the paths in network namespaces: two tunnels of
# dp_tunnel face each other over a veth pair, a LAN lies behind the first.
#
#     LAN 10.77.0.2 --- 10.77.0.1 [S] 192.0.2.1 ====== 192.0.2.2 [C]
#                                 10.9.0.1  (tunnel)  10.9.0.2
#
# Rows S8 (routes, proxy ARP, restoring the host) and the data path of S1 and S3.

T=${top_builddir:-.}/dp_tunnel
id=$$
S=adS$id C=adC$id L=adL$id
tmp=$(mktemp -d)
n=0 failed=0

skip_all() { echo "1..0 # SKIP $1"; rm -rf "$tmp"; exit 0; }
[ "$(id -u)" = 0 ] || skip_all "network namespaces need root"
command -v ip >/dev/null || skip_all "iproute2 is not installed"
[ -c /dev/net/tun ] || skip_all "there is no /dev/net/tun"
ip netns add $S 2>/dev/null || skip_all "network namespaces cannot be made here"
ip netns add $C && ip netns add $L

pids=
end() {
    for p in $pids; do kill -9 "$p" 2>/dev/null; done
    for ns in $S $C $L; do ip netns del $ns 2>/dev/null; done
    rm -rf "$tmp"
}
trap end EXIT
trap 'exit 1' INT TERM

in_s() { ip netns exec $S "$@"; }
in_c() { ip netns exec $C "$@"; }
in_l() { ip netns exec $L "$@"; }

ok() { # what, then the command
    n=$((n + 1)); what=$1; shift
    if "$@" >"$tmp/out" 2>&1; then
        echo "ok $n - $what"
    else
        echo "not ok $n - $what"; sed 's/^/# /' "$tmp/out" "$tmp"/*.log; failed=1
    fi
}

ip link add vs$id netns $S type veth peer name vc$id netns $C
ip link add ls$id netns $S type veth peer name ll$id netns $L
ip -n $S addr add 192.0.2.1/24 dev vs$id; ip -n $C addr add 192.0.2.2/24 dev vc$id
ip -n $S addr add 10.77.0.1/24 dev ls$id; ip -n $L addr add 10.77.0.2/24 dev ll$id
for ns in $S $C $L; do ip -n $ns link set lo up; done
ip -n $S link set vs$id up; ip -n $C link set vc$id up
ip -n $S link set ls$id up; ip -n $L link set ll$id up

wait_for() { # at most 5 s
    i=0
    until "$@" >/dev/null 2>&1; do i=$((i + 1)); [ $i -lt 100 ] || return 1; sleep 0.05; done
}
tunnel() { # s|c, then its arguments; the process is $pid_s or $pid_c
    side=$1; shift
    eval "ns=\$$(echo "$side" | tr sc SC)"
    : >"$tmp/$side.log"
    ip netns exec "$ns" "$T" tunnel "$@" >"$tmp/$side.log" 2>&1 &
    eval "pid_$side=$!"; pids="$pids $!"
    wait_for grep -q ready "$tmp/$side.log" || { echo "# $side:"; sed 's/^/# /' "$tmp/$side.log"; return 1; }
}
down() {
    kill "$pid_s" "$pid_c" 2>/dev/null; wait "$pid_s" "$pid_c" 2>/dev/null
    wait_for gone_links; :
}
gone_links() { ! ip -n $S link show as$id && ! ip -n $C link show ac$id; }
pair() { # extra arguments for both ends
    tunnel s tun=as$id our=10.9.0.1 client=10.9.0.2 at=192.0.2.1:5000 peer=192.0.2.2:5000 \
        state="$tmp/s" $extra_s "$@" &&
    tunnel c tun=ac$id our=10.9.0.2 client=10.9.0.1 at=192.0.2.2:5000 peer=192.0.2.1:5000 \
        state="$tmp/c" $extra_c "$@"
}
serve() { # a command that listens, in a namespace
    ip netns exec "$@" >"$tmp/serve.log" 2>&1 &
    pids="$pids $!"
    sleep 0.2
}
stat_s() { # a counter of the server's tunnel, now
    : >"$tmp/s.stat"
    cp "$tmp/s.log" "$tmp/s.old"
    kill -USR1 "$pid_s"
    wait_for sh -c "! cmp -s $tmp/s.log $tmp/s.old"
    tail -1 "$tmp/s.log" | tr ' ' '\n' | sed -n "s/^$1=//p" | head -1
}
more() { [ "$(stat_s "$1")" -gt "$2" ]; }
less() { [ "$(stat_s "$1")" -lt "$2" ]; }

serve $S $T sink 0.0.0.0 6000
serve $C $T sink 0.0.0.0 6000
serve $C $T echo 0.0.0.0 7000
serve $C $T sink :: 6006

# ---- UDP, with every offload ----
ok "two ends come up" pair
ok "a stream to the client, every byte" in_s $T source 10.9.0.2 6000 60000000
ok "a stream from the client, every byte" in_c $T source 10.9.0.1 6000 60000000
ok "super-packets were read" [ "$(stat_s tun_read_packets)" -gt $(($(stat_s tun_reads) * 4)) ]
ok "vectors left as one message" [ "$(stat_s tx_datagrams)" -gt $(($(stat_s tx_sends) * 4)) ]
ok "packets were coalesced" [ "$(stat_s tun_write_packets)" -gt $(($(stat_s tun_writes) * 2)) ]
ok "single datagrams" in_s $T ask 10.9.0.2 7000 100 200
ok "datagrams of the whole MTU" in_s $T ask 10.9.0.2 7000 1372 50
ok "datagrams that the kernel fragments" in_s $T ask 10.9.0.2 7000 6000 20
ip netns exec $C $T count 10.9.0.2 7100 500 >"$tmp/count" & counter=$!
sleep 0.2
in_s $T blast 10.9.0.2 7100 24000 50 1200
wait $counter
ok "datagrams of an application's own super-packets" [ "$(cut -d' ' -f2 "$tmp/count")" = 1200000 ]
ok "nothing was lost on the way" [ "$(stat_s tun_errors)" = 0 ]

# ---- source check ----
ip -n $C addr add 10.9.9.9/32 dev ac$id
ip -n $C route change 10.9.0.1 dev ac$id src 10.9.9.9
in_c $T ask 10.9.0.1 7000 10 1 >/dev/null 2>&1
ok "packets with another's address are dropped and counted" more rx_spoofed 0
ok "the client's route is there" sh -c "ip -n $S route show 10.9.0.2 | grep -q as$id"
down
ok "and goes with the tunnel" sh -c "[ -z \"\$(ip -n $S route show 10.9.0.2)\" ]"

# ---- a client with a lower MTU than the interface ----
extra_s=cmtu=1200
ok "a client with a lower MTU" pair
extra_s=
ok "its streams are cut to it" in_s $T source 10.9.0.2 6000 20000000
ok "and from it" in_c $T source 10.9.0.1 6000 20000000
ok "datagrams without DF are fragmented" in_s $T ask 10.9.0.2 7000 1350 20
ok "which is counted" more tx_too_long 0
down

# ---- without offload, over GRE, inner IPv6, an interface of its own ----
ok "without offload: up" pair plain
ok "without offload: a stream" in_s $T source 10.9.0.2 6000 10000000
down
extra_s="at=192.0.2.1 peer=192.0.2.2" extra_c="at=192.0.2.2 peer=192.0.2.1"
ok "GRE: up" pair gre
ok "GRE: a stream to the client" in_s $T source 10.9.0.2 6000 30000000
ok "GRE: a stream from the client" in_c $T source 10.9.0.1 6000 30000000
down
extra_s="our6=fd09::1 client6=fd09::2" extra_c="our6=fd09::2 client6=fd09::1"
if [ -d /proc/sys/net/ipv6 ]; then
    ok "IPv6 inside: up" pair
    ok "IPv6 inside: a stream" in_s $T source fd09::2 6006 30000000
    ok "IPv6 inside: coalesced" less tun_writes 20000
    down
fi

# ---- an interface of one connection (rows D1, D6): it is there before its port ----
ip -n $C route add default via 192.0.2.1 metric 100
extra_s="own=as$id our6=fd09::1 client6=fd09::2"
extra_c="own=ac$id our6=fd09::2 client6=fd09::1 default demand pin"
ok "an interface of its own: up" pair
ok "which nobody wants yet" sh -c "! grep -q wanted $tmp/c.log"
ok "a default route leads there" sh -c "ip -n $C route get 203.0.113.9 | grep -q ac$id"
ok "but not to the server" sh -c "ip -n $C route get 192.0.2.1 | grep -q vc$id"
ok "nothing of IPv6 that we did not set" sh -c "! ip -n $C addr show dev ac$id | grep -q fe80"
in_c $T ask 203.0.113.9 9 10 1 >/dev/null 2>&1 &
ok "a packet wants through" wait_for grep -q "wanted 0021 4 38" "$tmp/c.log"
ok "an interface of its own: a stream" in_c $T source 10.9.0.1 6000 30000000
ok "to it" in_s $T source 10.9.0.2 6000 30000000
ok "super-packets, here too" [ "$(stat_s tx_datagrams)" -gt $(($(stat_s tx_sends) * 4)) ]
[ ! -d /proc/sys/net/ipv6 ] || ok "IPv6, too" in_s $T source fd09::2 6006 10000000
# 203.0.113.9 lies behind the first router: its packets, and anybody's, pass
in_c ip addr add 203.0.113.77/32 dev lo
ip -n $S route add 203.0.113.77 dev as$id
ok "from any address, to any" in_c $T source 10.9.0.1 6000 1000000
ok "and no source is foreign" [ "$(stat_s rx_spoofed)" = 0 ]
kill -9 "$pid_c"; wait "$pid_c" 2>/dev/null
in_c $T recover "$tmp/c" >/dev/null 2>&1
ok "killed: the pinned way is unpinned" sh -c "! ip -n $C route show 192.0.2.1 | grep -q ."
ok "killed: the old default route is back" sh -c "ip -n $C route get 203.0.113.9 | grep -q vc$id"
down
ip -n $C addr del 203.0.113.77/32 dev lo; ip -n $C route del default
extra_s="own=as$id" extra_c=
ok "its end again" pair
ip -n $S link del as$id
own_back() { ip -n $S addr show dev as$id | grep -q "10.9.0.1 peer 10.9.0.2"; }
ok "one that was deleted comes back with its addresses" wait_for own_back
ok "and carries streams" in_s $T source 10.9.0.2 6000 5000000
down
extra_s=

# ---- the interface is taken away ----
ok "up again" pair
ip -n $S link del as$id
back() { ip -n $S route show 10.9.0.2 | grep -q as$id; }
ok "an interface that was deleted comes back with its routes" wait_for back
ok "and carries streams" in_s $T source 10.9.0.2 6000 5000000
down

# ---- the host: forwarding, proxy ARP, and putting them back ----
in_s sh -c 'echo 0 >/proc/sys/net/ipv4/ip_forward'
forward() { [ "$(in_s cat /proc/sys/net/ipv4/ip_forward)" = "$1" ]; }
proxied() { ip -n $S neigh show proxy | grep -q 10.77.0.50; }
not_proxied() { ! proxied; }
lan_pair() {
    tunnel s tun=as$id our=10.77.0.9 client=10.77.0.50 at=192.0.2.1:5000 peer=192.0.2.2:5000 \
        state="$tmp/s" forward proxy &&
    tunnel c tun=ac$id our=10.77.0.50 client=10.77.0.9 at=192.0.2.2:5000 peer=192.0.2.1:5000 \
        state="$tmp/c" route=10.77.0.0/24
}
ok "a client with an address of the LAN" lan_pair
ok "forwarding is on" forward 1
ok "the host answers ARP for the client" proxied
ok "the LAN reaches the client" in_l $T source 10.77.0.50 6000 5000000
serve $L $T sink 0.0.0.0 6000
ok "the client reaches the LAN" in_c $T source 10.77.0.2 6000 5000000
down
ok "forwarding is off again" forward 0
ok "the proxy entry is gone" not_proxied
ok "the journal is gone" sh -c "! [ -e $tmp/s/undo ]"

ok "once more" lan_pair
kill -9 "$pid_s" "$pid_c"; wait "$pid_s" "$pid_c" 2>/dev/null
wait_for gone_links
ok "killed: the route went with the interface" sh -c "[ -z \"\$(ip -n $S route show 10.77.0.50)\" ]"
ok "killed: forwarding stayed on" forward 1
ok "killed: the proxy entry stayed" proxied
in_s $T recover "$tmp/s" >/dev/null 2>&1
ok "the next start puts forwarding back" forward 0
ok "the next start removes the proxy entry" not_proxied
ok "once more, killed" lan_pair
kill -9 "$pid_s" "$pid_c"; wait "$pid_s" "$pid_c" 2>/dev/null
in_s sh -c 'echo 0 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv4/ip_forward'
sed -i 's/^owner [^ ]*/owner another-boot/' "$tmp/s/undo"
in_s $T recover "$tmp/s" >/dev/null 2>&1
ok "the journal of another boot changes nothing" forward 1
ok "a second daemon on the same state directory is refused" sh -c "
    ip netns exec $S $T tunnel tun=ax$id our=10.9.0.1 client=10.9.0.2 at=192.0.2.1:5001 peer=192.0.2.2:5000 state=$tmp/z >$tmp/z.log 2>&1 &
    p=\$!; sleep 0.5
    timeout 5 ip netns exec $S $T tunnel tun=ay$id our=10.9.0.3 client=10.9.0.4 at=192.0.2.1:5002 peer=192.0.2.2:5000 state=$tmp/z
    rc=\$?; kill \$p; wait \$p; [ \$rc = 1 ]"

echo "1..$n"
exit $failed
