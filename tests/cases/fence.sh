#!/bin/bash
# fence.sh - the internet interface's set and NAT, in nftables (rows A6 S8, issue 5).
#
#     [c] 192.0.2.2 --- out 192.0.2.1 [s] 198.51.100.1 wan --- 198.51.100.2 [x]
. "$(dirname "$0")/lib.sh"
command -v nft >/dev/null || skip_all "nftables is not installed"
command -v python3 >/dev/null || skip_all "python3 is not installed"
[ -x "$top_builddir/adit-bench-dial" ] || skip_all "the client of the benchmarks was not built"
ip netns add "$id-x"
dialled=
hang_up() { [ -z "$dialled" ] || { kill "$dialled"; wait "$dialled"; } 2>/dev/null; dialled=; }
end() {
    hang_up
    kill -9 $(for n_ in s c x; do ip netns pids "$id-$n_"; done) 2>/dev/null
    pid=
    ip netns del "$id-x"
    cleanup
}
trap end EXIT
ip link add wan netns "$id-s" type veth peer name wan netns "$id-x"
ip -n "$id-s" addr add 198.51.100.1/24 dev wan; ip -n "$id-x" addr add 198.51.100.2/24 dev wan
for n_ in s x; do ip -n "$id-$n_" link set lo up; ip -n "$id-$n_" link set wan up; done
out() { ip netns exec "$id-x" "$@"; }
srv nft -f - 2>/dev/null <<'N' || skip_all "this kernel has no nftables"
table inet mine {
  chain input { type filter hook input priority filter; policy accept; tcp dport 9999 counter drop; }
  chain post { type nat hook postrouting priority srcnat; policy accept; }
}
N
srv nft -f - 2>/dev/null <<'N' || skip_all "this kernel has no connection tracking in nftables"
table inet probe {
  chain a { type filter hook input priority filter; ct state established accept; }
  chain b { type nat hook postrouting priority srcnat; meta nfproto ipv4 iifname "a" oifname "b" masquerade; }
}
delete table inet probe
N
mine() { srv nft list table inet mine; }
before=$(mine)

# probe tcp|udp ADDRESS PORT: something answered, if only a refusal
cat >"$work/probe.py" <<'P'
import socket, sys
for _ in range(3):
    s = socket.socket(type=socket.SOCK_STREAM if sys.argv[1] == "tcp" else socket.SOCK_DGRAM)
    s.settimeout(0.7)
    try:
        s.connect((sys.argv[2], int(sys.argv[3])))
        if sys.argv[1] == "tcp":
            sys.exit(0)
        s.send(b"x")
        s.recv(99)
        sys.exit(0)
    except ConnectionRefusedError:
        sys.exit(0)
    except TimeoutError:
        pass
sys.exit(1)
P
open_() { cli python3 "$work/probe.py" "$1" 192.0.2.1 "$2"; }
shut() { ! open_ "$@"; }
ours() { srv nft list tables | grep aditd-; }
none() { ! ours; }
network() { conf && sed -i "s/^network:/network:\n$1/" "$work/conf/aditd.yaml"; }
change() { sed -i "$1" "$work/conf/aditd.yaml" && adit reload; }

t "everything is open before" eval 'open_ tcp 8000 && open_ udp 501 && cli ping -c 1 -W 2 192.0.2.1'
network "  internet-interface: out"
t "the daemon starts with the internet interface closed" start
t "an event tells, and that SSH is closed" eval 'adit log | grep -q "datapath.internet.closed.*interface=out"'
t "PPTP passes" open_ tcp 1723
t "IKE and IPsec through a NAT pass" eval 'open_ udp 500 && open_ udp 4500'
t "L2TP without IPsec passes, as it is served" load --sessions 1 --ping 2
t "SSH and the rest do not: TCP" eval 'shut tcp 22 && shut tcp 8000'
t "nor UDP, nor echo" eval 'shut udp 501 && ! cli ping -c 1 -W 1 192.0.2.1'
t "GRE and ESP do" eval 'srv nft list table inet aditd-adit0 | grep -qE "l4proto \\{ (gre, esp|47, 50) \\}"'
t "what the host itself begins is answered" srv ping -c 1 -W 2 192.0.2.2
t "another interface is as before" out ping -c 1 -W 2 198.51.100.1
t "L2TP that is not served in clear is closed" eval 'adit ports set l2tp 0 && soon shut udp 1701'
t "and opens with it" eval 'adit ports set l2tp 128 && soon load --sessions 1 --ping 1'
t "a reload admits more at once" eval 'change "s/internet-interface: out/&\n  admit: [icmp-echo, tcp\/8000, udp\/500-510]/" && open_ tcp 8000 && open_ udp 501 && cli ping -c 1 -W 2 192.0.2.1 && shut tcp 22'
t "what is wrong changes nothing, and says where" eval '! change "s/tcp.8000/ssh/" 2>"$work/err"; grep -q "aditd.yaml:[0-9]*:[0-9]*:.*tcp/22.*ssh" "$work/err" && open_ tcp 8000'
t "a flush of all tables takes it, a reload puts it back" eval 'srv nft delete table inet aditd-adit0 && open_ tcp 22 && change "s/\[icmp-echo, ssh/[icmp-echo, tcp\/8000/" && shut tcp 22 && open_ tcp 8000'
t "a reload without it opens the interface" eval 'change "/internet-interface/d; /admit:/d" && open_ tcp 22 && none'
t "it stops, and leaves nothing" eval 'stop && none'
t "the host's other tables are as they were" [ "$before" = "$(mine)" ]

network "  internet-interface: out"
start
kill -9 "$pid"; wait "$pid" 2>/dev/null; pid=
t "killed: the interface stays closed" eval 'ours && shut tcp 22'
sed -i "/internet-interface/d" "$work/conf/aditd.yaml"
t "the next start removes what was left" eval 'start && none && open_ tcp 22 && stop'
t "and nothing else" [ "$before" = "$(mine)" ]
t "the journal is gone" eval '[ ! -e "$work/conf/state/undo" ]'

# ---- NAT ----
dial() {
    : >"$work/dial"
    ip netns exec "$id-c" "$top_builddir/adit-bench-dial" --plugins "$work/plugins" --state "$work/dialled" --to 192.0.2.1 \
        --user anna --password trustno1 --everything >"$work/dial" 2>&1 &
    dialled=$!
    soon grep -q "^up " "$work/dial"
}
cat >"$work/who.py" <<'P'
import socket
l = socket.socket(); l.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
l.bind(("198.51.100.2", 7000)); l.listen()
while True:
    c, a = l.accept(); c.sendall(a[0].encode()); c.close()
P
out python3 "$work/who.py" >/dev/null 2>&1 &
seen() { cli python3 -c '
import socket, sys
s = socket.create_connection(("198.51.100.2", 7000), 2)
sys.exit(0 if s.recv(99) == sys.argv[1].encode() else 1)' "$1"; }
network "  nat: wan"
t "a client comes up, with NAT" eval 'start && dial'
t "it reaches the internet with the server's address" soon seen 198.51.100.1
t "nothing is closed for it" eval 'out ping -c 1 -W 2 198.51.100.1 && open_ tcp 22'
t "without NAT it cannot" eval 'change "/^  nat: /d" && ! seen 198.51.100.1 && none'
t "with its own address, where there is a route back" eval 'out ip route add 10.99.0.0/24 via 198.51.100.1 && seen 10.99.0.2'
hang_up
t "it stops" stop

# ---- what is wrong ----
check() { srv "$top_builddir/aditd" --check --config "$work/conf/aditd.yaml" >"$work/err" 2>&1; }
t "NAT needs forwarding" eval 'network "  nat: wan" && sed -i "s/forward: yes/forward: no/" "$work/conf/aditd.yaml" && ! check && grep -q "nat.*forward" "$work/err"'
t "no interface has such a name" eval 'network "  internet-interface: \"a b\"" && ! check && grep -q "internet-interface" "$work/err"'
t "admit alone" eval 'network "  admit: tcp\/22" && ! check && grep -q "internet-interface" "$work/err"'
t "an interface that is not there is told" eval 'network "  internet-interface: nosuch0" && start && json "j[\"state\"]==\"degraded\" and \"nosuch0\" in j[\"why\"][0]" status && stop'
cat >"$work/no-nft" <<'S'
#!/bin/sh
exec unshare -m sh -c 'for f in /usr/sbin/nft /sbin/nft /usr/bin/nft; do [ ! -e $f ] || mount --bind /dev/null $f; done; exec "$@"' sh "$@"
S
chmod 755 "$work/no-nft"
under=$work/no-nft
t "without nft it does not start, and says why" eval 'network "  internet-interface: out" && ! start && grep -q "package nftables" "$work/log"'
pid= under=
network "  internet-interface: out"
under="setpriv --bounding-set -setpcap"
t "a reload changes it where the bounding set is fixed" eval 'start && change "s/internet-interface: out/&\n  admit: tcp\/22/" && open_ tcp 22 && stop && none'
done_testing
