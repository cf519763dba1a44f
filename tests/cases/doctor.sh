#!/bin/bash
# doctor.sh - adit doctor finds what is wrong, and nothing else (row T2): a healthy host
# passes, and each thing that is broken fails its own check alone.
#
#     [c] 192.0.2.2 --- out 192.0.2.1 [s] 198.51.100.1 rad --- 198.51.100.2 [r]
# r has the DNS, DHCP and RADIUS servers, and a route back to clients.
. "$(dirname "$0")/lib.sh"
for p in python3 nft openssl dnsmasq setpriv; do command -v $p >/dev/null || skip_all "$p is not installed"; done
. "$(dirname "$0")/freeradius.sh"
others=
end() {
    [ -z "$others" ] || kill -9 $others 2>/dev/null
    radius_stop
    cleanup
    ip netns del "$id-r"
}
trap end EXIT
srv nft -f - 2>/dev/null <<<"table inet probe { chain a { type filter hook input priority 0; ct state established accept; }; }; delete table inet probe" ||
    skip_all "this kernel has no nftables, or no connection tracking in them"
other() { ip netns exec "$id-r" "$@"; }
behind() { others="$others $!"; }       # what was begun last ends with the case

# seen ALLOWED... : the checks that failed are these and no others; their sentences and
# remedies are in $work/said
cat >"$work/judge.py" <<'P'
import json, sys
want, how, path = sys.argv[1].split(), sys.argv[2], sys.argv[3]
j = json.load(open(path))
bad = sorted(c["check"] for c in j["checks"] if c["state"] == how)
worse = [c["check"] for c in j["checks"] if c["state"] == "fail"] if how == "warn" else []
rest = [w for w in bad if w not in want and not (how == "warn" and w == "clock")]
for c in j["checks"]:
    for f in c["findings"]:
        if f["state"] in ("warn", "fail"):
            print(c["check"], f["state"], f["seen"], "->", f["remedy"])
            if not f["remedy"]:
                sys.exit("no remedy")
sys.exit(0 if not rest and not worse and all(w in bad for w in want) else "not alone: %s" % (bad + worse))
P
under=
doctor() { srv $under "$top_builddir/adit" --socket "$sock" doctor --config "$work/conf/aditd.yaml" --json "$@" >"$work/doc"; }
# fails "CHECKS" TEXT [options]: they fail, alone, and say so
fails() {
    local want=$1 say=$2 rc=0; shift 2
    doctor "$@" || rc=$?
    python3 "$work/judge.py" "$want" fail "$work/doc" >"$work/said"; local alone=$?
    cat "$work/said"
    [ $rc = 1 ] && [ $alone = 0 ] && grep -qE -- "$say" "$work/said"
}
warns() {
    local want=$1 say=$2 rc=0; shift 2
    doctor "$@" || rc=$?
    python3 "$work/judge.py" "$want" warn "$work/doc" >"$work/said"; local alone=$?
    cat "$work/said"
    [ $rc = 0 ] && [ $alone = 0 ] && grep -qE -- "$say" "$work/said"
}
well() { warns "" "^|$" && ! grep -v "^clock warn" "$work/said"; }
wall() { srv nft -f - <<<"table inet mine { chain in { type filter hook $1 priority 0; $2 }; }"; }
fallen() { srv nft delete table inet mine; }
edit() { cp -p "$work/conf/aditd.yaml" "$work/kept"; sed -i "$@" "$work/conf/aditd.yaml"; }
back() { cp -p "$work/kept" "$work/conf/aditd.yaml"; }

mkdir -p "$rad"
echo 'anna Cleartext-Password := "trustno1"' >"$rad/users"
radius_start || skip_all "freeradius does not start here"
cat >"$work/dnsmasq.conf" <<END
interface=rad
bind-interfaces
no-ping
no-resolv
no-hosts
local=/#/
dhcp-range=198.51.100.50,198.51.100.99,255.255.255.0,1h
dhcp-leasefile=$work/leases
END
ip netns exec "$id-r" dnsmasq --keep-in-foreground --user=root --group=root --pid-file= --conf-file="$work/dnsmasq.conf" >"$work/dnsmasq" 2>&1 &
dnsmasq=$!
behind
other ip route add 10.99.0.0/24 via 198.51.100.1
(umask 077; echo "$rad_secret" >"$work/secret")
(
    cd "$work" || exit 1
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout vpn.key -out vpn.crt -days 90 \
        -subj /CN=vpn -addext extendedKeyUsage=serverAuth -addext subjectAltName=DNS:vpn.example.org
    openssl req -x509 -key vpn.key -nodes -out soon.crt -days 5 -subj /CN=soon \
        -addext extendedKeyUsage=serverAuth -addext subjectAltName=DNS:vpn.example.org
    openssl x509 -req -in <(openssl req -new -key vpn.key -subj /CN=old) -signkey vpn.key -days -1 -out old.crt \
        -extfile <(printf 'extendedKeyUsage=serverAuth\nsubjectAltName=DNS:vpn.example.org\n')
    openssl ecparam -name prime256v1 -genkey -noout -out other.key
) >"$work/openssl" 2>&1
chmod 600 "$work"/*.key

# healthy CONFIG: everything that can be wrong is right
healthy() {
    rm -rf "$work/conf"
    adit setup --output "$work/conf" --listen 192.0.2.1 --control-socket "$sock" --range 10.99.0.2-10.99.0.200 \
        --server-address 10.99.0.1 --tunnels pptp,l2tp-ipsec --certificate "$work/vpn.crt" --key "$work/vpn.key" \
        --ca "$work/vpn.crt" --dns 198.51.100.2 --radius 198.51.100.2 --radius-secret-file "$work/secret" >"$work/setup" 2>&1 || return 1
    sed -i "s#^daemon:#daemon:\n  plugin-dir: \"$work/plugins\"#; s#^pools:#&\n  - type: dhcp\n    relay-address: 198.51.100.1\n    servers: [198.51.100.2]#" \
        "$work/conf/aditd.yaml"
}

# ---- before it serves ----
t "a healthy host passes, before it serves" eval 'healthy && soon doctor && well --name vpn.example.org'
t "nothing was skipped but what only a daemon knows" eval 'python3 -c "import json; print([c[\"check\"] for c in json.load(open(\"$work/doc\"))[\"checks\"] if c[\"state\"]==\"skip\"])" | grep -x "\[.daemon., .pools.\]"'
t "its checks can be chosen, and it prints for people" eval 'srv "$top_builddir/adit" --socket "$sock" doctor --config "$work/conf/aditd.yaml" dns ports >"$work/t1" && grep -q "^pass  ports  .*TCP 1723" "$work/t1" && grep -q "198.51.100.2 answers" "$work/t1" && ! grep -q firewall "$work/t1"'
t "a check that there is not is a wrong use" eval 'doctor nosuch; [ $? = 2 ]'

cat >"$work/rival.py" <<'P'
import socket, sys, time
open("/proc/self/comm", "w").write(sys.argv[1])
s = socket.socket(type=socket.SOCK_DGRAM); s.bind(("0.0.0.0", int(sys.argv[2])))
print("up", flush=True); time.sleep(60)
P
rival() { ip netns exec "$id-s" python3 "$work/rival.py" "$@" >"$work/rival" & rival=$!; behind; soon grep -q up "$work/rival"; }
gone() { kill $rival; wait $rival; } 2>/dev/null
t "a port is taken: by whom, and how to stop it" eval 'rival charon 500 && fails ports "UDP 500 .* charon \(pid [0-9]+\) -> systemctl disable --now strongswan-starter"; rc=$?; gone; [ $rc = 0 ]'
t "another VPN daemon, beside our ports" eval 'rival xl2tpd 5000 && warns rivals "xl2tpd serves VPNs here too.* -> systemctl disable --now xl2tpd"; rc=$?; gone; [ $rc = 0 ]'

t "GRE is dropped" eval 'wall input "meta l4proto 47 drop;" && fails firewall "GRE.*dropped on out by rule [0-9]+ of chain in .table inet mine. -> nft insert rule inet mine in meta l4proto 47 accept"; rc=$?; fallen; [ $rc = 0 ]'
t "ESP is dropped" eval 'wall input "iifname \"out\" ip protocol { 50, 51 } drop;" && fails firewall "ESP .protocol 50"; rc=$?; fallen; [ $rc = 0 ]'
t "everything but SSH is" eval 'wall input "policy drop; ct state established,related accept; iif lo accept; tcp dport { 22, 80-90 } accept;" && fails firewall "UDP 500.*policy of chain in"; rc=$?; fallen; [ $rc = 0 ] && [ $(grep -c firewall "$work/said") = 5 ]'
t "what is let in passes; what only some may is a warning" eval 'wall input "policy drop; ct state vmap { established : accept, related : accept }; ip saddr 203.0.113.0/24 udp dport 500 accept; udp dport { 500, 4500 } limit rate 100/second accept; meta l4proto { 47, 50 } accept; tcp dport 1700-1800 accept; tcp dport 22 accept; icmp type echo-request accept;" && warns firewall "UDP 500.*may be"; rc=$?; fallen; [ $rc = 0 ]'
t "packets of clients are dropped, as Docker does" eval 'wall forward "policy drop; ct state established accept; iifname \"docker0\" accept;" && fails clients "clients. packets would be dropped on adit0 to rad .* -> nft insert rule inet mine in iifname adit0 accept"; rc=$?; fallen; [ $rc = 0 ]'
t "rp_filter drops what comes in where no answer leaves" eval 'srv sysctl -qw net.ipv4.conf.out.rp_filter=1 && srv ip route add default via 198.51.100.2 && fails rp-filter "rp_filter of out .* leaves by rad.* sysctl -w net.ipv4.conf.all.rp_filter=2"; rc=$?; srv sysctl -qw net.ipv4.conf.out.rp_filter=0; srv ip route del default; [ $rc = 0 ]'
t "the MTU is too small, and what would fit is told" eval 'srv ip link set out mtu 1400 && fails mtu "MTU of out is 1400.*set ppp.mtu and ppp.mru to 13[0-9][0-9]"; rc=$?; srv ip link set out mtu 1500; [ $rc = 0 ]'
t "the pool has an address of the host" eval 'srv ip addr add 10.99.0.77/32 dev rad && fails overlap "leases 10.99.0.77, which is this host.s own, on rad -> .*exclude: .10.99.0.77"; rc=$?; srv ip addr del 10.99.0.77/32 dev rad; [ $rc = 0 ]'
t "the pool is more than the LAN" eval 'edit "s/10.99.0.2-10.99.0.200/198.51.100.0-198.51.100.255/" && fails overlap "overlaps the network 198.51.100.0/24 of rad"; rc=$?; back; [ $rc = 0 ]'
t "the LAN has no route back" eval 'other ip route del 10.99.0.0/24 && fails return-route "198.51.100.2 answers us, but not 10.99.0.200"; rc=$?; other ip route add 10.99.0.0/24 via 198.51.100.1; [ $rc = 0 ]'
t "clients of the LAN itself, and no proxy ARP" eval 'edit "s/10.99.0.2-10.99.0.200/198.51.100.120-198.51.100.150/; s/proxy-arp: yes/proxy-arp: no/" && fails return-route "addresses of the LAN on rad, and network.proxy-arp is no"; rc=$?; back; [ $rc = 0 ]'
t "clients' addresses are routed elsewhere" eval 'srv ip route add 10.99.0.0/25 via 198.51.100.2; srv ip route add 10.99.0.128/25 via 198.51.100.2 && fails return-route "routed to rad .10.99.0.128/25.*ip route del"; rc=$?; srv ip route flush root 10.99.0.0/24; [ $rc = 0 ]'
t "the clock is before the configuration" eval 'touch -d "+2 days" "$work/conf/aditd.yaml" && fails clock "was written .* timedatectl"; rc=$?; touch "$work/conf/aditd.yaml"; [ $rc = 0 ]'
t "a certificate expired" eval 'edit "s#vpn.crt#old.crt#; s#^\( *certificate: \).*#\1$work/old.crt#" && fails "certificates" "security.ipsec..certificate: the certificate .*CN ?= ?old expired"; rc=$?; back; [ $rc = 0 ]'
t "a certificate ends soon" eval 'edit "s#^\( *certificate: \).*#\1$work/soon.crt#" && warns certificates "CN ?= ?soon expires in 4 days"; rc=$?; back; [ $rc = 0 ]'
t "a certificate is of another name than clients dial" fails certificates "not for the name gate.example.org" --name gate.example.org
t "a key is of another certificate, which aditd says too" eval 'edit "s#^\( *key: \).*#\1$work/other.key#" && fails "certificates configuration" "other.key is of another certificate"; rc=$?; back; [ $rc = 0 ]'
t "a plugin is refused, and why" eval 'echo no >"$work/plugins/bad.so" && fails plugins "bad.so"; rc=$?; rm "$work/plugins/bad.so"; [ $rc = 0 ]'
t "a word in the configuration is wrong" eval 'edit "s/forward: yes/foward: yes/" && fails configuration "aditd.yaml:[0-9]+:[0-9]+: .*foward.*did you mean .forward"; rc=$?; back; [ $rc = 0 ]'
cat >"$work/no-tun" <<'S'
#!/bin/sh
exec unshare -m sh -c 'mount --bind /dev/null /dev/net/tun; exec "$@"' sh "$@"
S
chmod 755 "$work/no-tun"
under=$work/no-tun
t "there is no TUN" fails tun "/dev/net/tun cannot be used"
cat >"$work/no-nft" <<'S'
#!/bin/sh
exec unshare -m sh -c 'for f in /usr/sbin/nft /sbin/nft /usr/bin/nft; do [ ! -e $f ] || mount --bind /dev/null $f; done; exec "$@"' sh "$@"
S
chmod 755 "$work/no-nft"
under=$work/no-nft
t "there are rules, and no nft that could tell them" eval 'wall input "tcp dport 9 drop;" && warns "firewall clients" "rules that were not judged: nft cannot be run.* -> apt install nftables"; rc=$?; fallen; [ $rc = 0 ]'
t "without rules none is needed" well --name vpn.example.org
under="setpriv --bounding-set -net_admin,-net_raw"
t "rights are missing" eval 'doctor privileges; grep -q "lacks CAP_NET_RAW.*GRE and ESP" "$work/doc" && grep -q "cap-add=NET_ADMIN" "$work/doc"'
under=
t "servers are silent" eval 'kill -STOP $dnsmasq $rad_pid; fails "dhcp dns radius" "^dns fail 198.51.100.2 .* does not answer"; rc=$?; kill -CONT $dnsmasq $rad_pid; [ $rc = 0 ] && grep -q "^dhcp fail .*no DHCP server offers" "$work/said" && grep -q "^radius fail .*does not answer on UDP 1812" "$work/said"'
t "the DHCP server of a LAN is asked by broadcast" eval 'edit "s/relay-address: .*/interface: rad/; /servers: .198/d" && warns "" "" && grep -q "198.51.100.2 offers an address" "$work/doc"; rc=$?; back; [ $rc = 0 ]'
radius_stop
cat >"$work/forger.py" <<'P'
import socket
s = socket.socket(type=socket.SOCK_DGRAM); s.bind(("198.51.100.2", 1812)); print("up", flush=True)
while True:
    b, a = s.recvfrom(4096)
    if b[0] == 1:
        s.sendto(bytes([3, b[1], 0, 20]) + bytes(16), a)
P
t "no RADIUS server listens" fails radius "no server listens on 198.51.100.2, UDP 1812"
ip netns exec "$id-r" python3 "$work/forger.py" >"$work/forger" &
behind
t "a RADIUS server has another secret" eval 'soon grep -q up "$work/forger"; fails radius "answers with another secret than ours"'
kill ${others##* }
sed -i '/^accounting:/,/^$/d' "$work/conf/aditd.yaml"
sed -i '/- type: radius/,/secret-file/d' "$work/conf/aditd.yaml"
t "a NAT stands before the server; what Windows needs then" eval 'edit "s/192.0.2.1:/10.5.5.5:/; s/\"192.0.2.1\"/\"10.5.5.5\"/" && srv ip addr flush dev out && srv ip addr add 10.5.5.5/24 dev out && warns nat "error 809.*forward there to 10.5.5.5: UDP 500 and 4500, TCP 1723 and GRE.*AssumeUDPEncapsulationContextOnSendRule"; rc=$?; back; srv ip addr flush dev out; srv ip addr add 192.0.2.1/24 dev out; [ $rc = 0 ]'
t "weak settings" eval 'edit "s/auth: .mschapv2.*/auth: [mschapv2, pap]/; s/require-security: yes/require-security: no/; s/ports: 128/&\n    encryption: [none, 40, 128]/" && warns settings "pap, which sends passwords as they are"; rc=$?; back; [ $rc = 0 ] && grep -q "without IPsec" "$work/said" && grep -q "MPPE is not required" "$work/said" && grep -q "40 or 56 bits" "$work/said"'
t "times that do not go together" eval 'edit "s/^ppp:/&\n  auth-timeout: 15s\n  echo-interval: 0/; s/relay-address/timeout: 30s\n    &/" && warns timeouts "auth-timeout .15 s."; rc=$?; back; [ $rc = 0 ] && grep -q "the next pool is never asked" "$work/said" && grep -q "echo-interval is 0" "$work/said"'

# ---- while it serves, the internet interface closed by the daemon itself ----
sed -i "s/^network:/&\n  internet-interface: out/" "$work/conf/aditd.yaml"
t "a healthy host passes, while it serves" eval 'start && well --name vpn.example.org && json "j[\"serving\"]" doctor || { cat "$work/said"; false; }'
t "forwarding was turned off" eval 'srv sysctl -qw net.ipv4.ip_forward=0 && fails forwarding "ip_forward is 0.* -> sysctl -w net.ipv4.ip_forward=1"; rc=$?; srv sysctl -qw net.ipv4.ip_forward=1; [ $rc = 0 ]'
t "the daemon was asked about plugins" eval 'grep -q "none was refused" "$work/doc" && grep -q "it serves, pid $pid" "$work/doc"'
t "the DHCP server is asked beside the daemon" eval 'grep -q "198.51.100.2 offers an address" "$work/doc"'
t "the daemon hangs" eval 'kill -STOP $pid; fails "daemon ports" "daemon fail the daemon on .* does not answer within 1 s"; rc=$?; kill -CONT $pid; [ $rc = 0 ]'
t "it is in another network namespace than we are" eval '"$top_builddir/adit" --socket "$sock" doctor --json daemon >"$work/doc"; grep -q "nsenter --net --target $pid adit doctor" "$work/doc"'
t "it stops" stop
conf --dns 198.51.100.2
sed -i "s/10.99.0.2-10.99.0.200/10.99.0.200-10.99.0.200/; s#^tunnels:#&\n  - type: nosuch#" "$work/conf/aditd.yaml"
t "the pool is empty, and something does not serve" eval 'start && hold --sessions 1 --hold 60 && soon json "j[\"sessions\"]==1" status && fails "pools daemon configuration" "1 of 1 addresses are leased, 0 are left"; rc=$?; let_go; [ $rc = 0 ] && grep -q "daemon fail .*nosuch" "$work/said"'
t "it stops again" stop
done_testing
