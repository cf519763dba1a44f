#!/bin/bash
# dhcp.sh - addresses from dnsmasq, Kea and ISC dhcpd, on a LAN and as a relay agent
# (rows S6 S7).  $1...: only these servers.
#
# The LAN is 10.50.0.0/24: the server 10.50.0.1, a host with the DHCP server 10.50.0.2.
# As a relay agent it is 10.60.0.1, and 10.60.0.0/24 is what is leased then.
. "$(dirname "$0")/lib.sh"
dhcp_pid=
dial_pid=
lan_end() {
    [ -z "$dial_pid" ] || kill "$dial_pid" 2>/dev/null
    [ -z "$dhcp_pid" ] || kill -9 "$dhcp_pid" 2>/dev/null
    ip netns del "$id-l" 2>/dev/null
    cleanup
}
trap lan_end EXIT
ip netns add "$id-l"
ip link add lan netns "$id-s" type veth peer name lan netns "$id-l"
ip -n "$id-s" addr add 10.50.0.1/24 dev lan
ip -n "$id-s" addr add 10.60.0.1/24 dev lo
ip -n "$id-l" addr add 10.50.0.2/24 dev lan
for s in s l; do ip -n "$id-$s" link set lo up; ip -n "$id-$s" link set lan up; done
ip -n "$id-l" route add 10.60.0.0/24 via 10.50.0.1
lan() { ip netns exec "$id-l" "$@"; }

# ---- servers: NAME_conf LAST, NAME_run, NAME_holds ADDRESS ---------------------------
# Leases of 20 s where the server can do that, renewed after 4.
dnsmasq_conf() {
    cat >"$work/dnsmasq.conf" <<END
port=0
interface=lan
bind-dynamic
dhcp-leasefile=$work/leases
dhcp-authoritative
no-ping
dhcp-range=10.50.0.10,10.50.0.$1,255.255.255.0,2m
dhcp-range=10.60.0.10,10.60.0.$1,255.255.255.0,2m
dhcp-option=option:T1,4
dhcp-option=option:T2,100
dhcp-option=option:dns-server,10.50.0.53
dhcp-option=option:domain-name,lan.example
dhcp-option=option:classless-static-route,192.168.77.0/24,10.50.0.2
dhcp-host=id:vpn/dora,10.50.0.9
dhcp-host=id:vpn/dora,10.60.0.9
END
}
dnsmasq_run() { exec ip netns exec "$1" dnsmasq --keep-in-foreground --log-facility=- --user=root --group=root --pid-file= --conf-file="$work/dnsmasq.conf"; }
dnsmasq_holds() { grep -q " $1 " "$work/leases"; }

kea_subnet() { # NUMBER NET LAST
    cat <<END
{ "id": $1, "subnet": "10.$2.0.0/24", "pools": [ { "pool": "10.$2.0.10 - 10.$2.0.$3" } ],
  "option-data": [ { "name": "domain-name-servers", "data": "10.50.0.53" },
    { "name": "domain-name", "data": "lan.example" },
    { "code": 121, "csv-format": false, "data": "18C0A84D0A320002" } ],
  "reservations": [ { "client-id": "0076706E2F646F7261", "ip-address": "10.$2.0.9" } ] }
END
}
kea_conf() {
    cat >"$work/kea.conf" <<END
{ "Dhcp4": { "interfaces-config": { "interfaces": [ "lan" ] },
  "lease-database": { "type": "memfile", "name": "$work/leases", "lfc-interval": 0 },
  "valid-lifetime": 20, "renew-timer": 4, "rebind-timer": 12, "authoritative": true,
  "option-def": [ { "name": "classless", "code": 121, "space": "dhcp4", "type": "binary" } ],
  "loggers": [ { "name": "kea-dhcp4", "severity": "INFO", "output_options": [ { "output": "stdout" } ] } ],
  "subnet4": [ $(kea_subnet 1 50 "$1"), $(kea_subnet 2 60 "$1") ] } }
END
}
kea_run() { export KEA_LOCKFILE_DIR=$work KEA_PIDFILE_DIR=$work; exec ip netns exec "$1" kea-dhcp4 -c "$work/kea.conf"; }
kea_holds() { awk -F, -v a="$1" '$1==a { on = $4 > 0 } END { exit !on }' "$work/leases"; }

isc_conf() {
    cat >"$work/isc.conf" <<END
option classless code 121 = array of unsigned integer 8;
authoritative; ping-check false; ddns-update-style none;
default-lease-time 20; max-lease-time 20;
option dhcp-renewal-time 4; option dhcp-rebinding-time 12;
option domain-name-servers 10.50.0.53; option domain-name "lan.example";
option classless 24, 192,168,77, 10,50,0,2;
subnet 10.50.0.0 netmask 255.255.255.0 { range 10.50.0.10 10.50.0.$1; }
subnet 10.60.0.0 netmask 255.255.255.0 { range 10.60.0.10 10.60.0.$1; }
host dora { option dhcp-client-identifier "\000vpn/dora"; fixed-address 10.50.0.9, 10.60.0.9; }
END
}
isc_run() { exec ip netns exec "$1" dhcpd -4 -f --no-pid -cf "$work/isc.conf" -lf "$work/leases" lan; }
isc_holds() { awk -v a="$1" '$1=="lease" { at = $2==a } at && $1=="binding" { on = $3=="active;" } END { exit !on }' "$work/leases"; }

program() { case $1 in kea) echo kea-dhcp4 ;; isc) echo dhcpd ;; *) echo "$1" ;; esac; }

# serve LAST: the DHCP server from a clean start, with addresses from .10 to .LAST
serve() {
    : >"$work/leases"
    "${server}_conf" "$1"
    run_dhcp "$id-l"
}
run_dhcp() {
    "${server}_run" "$1" >>"$work/dhcp.log" 2>&1 &
    dhcp_pid=$!
    soon hears "$1"
}
# on a UDP socket, or on one for packets
hears() { ip netns exec "$1" ss -Huln 'sport = :67' | grep -q :67 || [ "$(ip netns exec "$1" cat /proc/net/packet | wc -l)" -gt 1 ]; }
no_server() { kill "$dhcp_pid" 2>/dev/null; wait "$dhcp_pid" 2>/dev/null; dhcp_pid=; }

# pools MODE [more options]: the configuration's pools: dhcp, then a range
pools() {
    local mode=$1 how; shift
    case $mode in
    lan) how="interface: lan" ;;
    relay) how="relay-address: 10.60.0.1
    servers: [10.50.0.2]" ;;
    esac
    python3 - "$work/conf/aditd.yaml" "  - type: dhcp
    client-id: vpn
    shortest-lease: 5s
    retry: 1s
    timeout: 6s
    $how
$(printf '    %s\n' "$@")
  - type: range
    ranges: [\"10.98.0.1-10.98.0.250\"]
    server-address: 10.99.0.1
" <<'END'
import re, sys
path, pools = sys.argv[1:]
text = open(path).read()
text = re.sub(r'(?m)^pools:\n(?:[ #].*\n|\n)*', 'pools:\n' + pools + '\n', text)
open(path, 'w').write(text)
END
}
setting() { conf --user bert:trustno1 --user dora:trustno1 && pools "$@" && start; }
dhcp() { json "(lambda p, c, s: $1)(j[0], j[0].get('counters', {}), j[0]['status'])" pools; }
net() { case $mode in lan) echo 50 ;; relay) echo 60 ;; esac; }
addresses() { adit sessions --json | python3 -c 'import json,sys; print(*[s["address"] for s in json.load(sys.stdin)])'; }
held_there() { local a; for a in $(addresses); do "${server}_holds" "$a" || { echo "$a is not in the server's file"; return 1; }; done; }
freed_there() { local a; for a in $1; do "${server}_holds" "$a" && { echo "$a is leased yet"; return 1; }; done; return 0; }
# hang_up: every session ends in good order
hang_up() { adit drop --user anna >/dev/null; let_go; soon json 'j==[]' sessions; }
as() { timeout 30 ip netns exec "$id-c" "$top_builddir/adit-load" --to 192.0.2.1 --user "$1" --password trustno1 "${@:2}"; }

# dial: a client with an interface; its address in $work/dial
dial() {
    ip netns exec "$id-c" "$top_builddir/adit-bench-dial" --plugins "$work/plugins" --state "$work" \
        --to 192.0.2.1 --tunnel l2tp --everything --user anna --password trustno1 >"$work/dial" 2>"$work/dial.err" &
    dial_pid=$!
    soon grep -q "^up" "$work/dial" || { cat "$work/dial" "$work/dial.err"; return 1; }
    read -r _ dial_address dial_if _ <"$work/dial"
    cli ip route replace 10.50.0.0/24 dev "$dial_if"
}
undial() { kill "$dial_pid"; wait "$dial_pid"; dial_pid=; }
# What a DHCPINFORM through the tunnel is answered with (quirk W18): routes, domain, DNS.
inform() {
    cli python3 - "$dial_if" "$dial_address" <<'END'
import socket, struct, sys
dev, me = sys.argv[1], sys.argv[2].split('/')[0]
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, dev.encode())
s.bind((me, 68)); s.settimeout(5)
q = struct.pack('!BBBBIHH4s4s4s4s16s192sI', 1, 8, 0, 0, 7, 0, 0, socket.inet_aton(me), b'', b'', b'', b'', b'', 0x63825363)
s.sendto(q + bytes([53, 1, 8, 55, 4, 6, 15, 121, 249, 255]), ('255.255.255.255', 67))
a = s.recv(2000)[240:]; o = {}; i = 0
while a[i] != 255:
    if a[i] == 0: i += 1; continue
    o[a[i]] = a[i+2:i+2+a[i+1]]; i += 2 + a[i+1]
print(o)
assert o[15].rstrip(b'\0') == b'lan.example' and o[6] == bytes([10, 50, 0, 53])
assert o[121][:4] == bytes([24, 192, 168, 77]) and o[249] == o[121]
END
}

# automatic WHAT: what `adit setup --addresses auto` finds on the LAN
automatic() { srv "$top_builddir/adit" setup --output "$work/auto" --force --tunnels pptp --addresses auto --lan-interface lan && grep -q "type: $1" "$work/auto/aditd.yaml"; }

a_server() {
    local before
    [ "$mode" = relay ] || t "$what: adit setup finds it" automatic dhcp
    t "$what: the daemon serves" setting "$mode" || { no_server; return; }
    hold --sessions 3 --hold 120
    t "$what: three sessions" soon json 'len([s for s in j if s["state"]=="up"])==3' sessions
    t "$what: with addresses of the server's range" json "len({s['address'] for s in j})==3 and all(s['address'].startswith('10.$(net).0.') for s in j)" sessions
    t "$what: that it has leased" soon held_there
    t "$what: adit pools shows them" dhcp "s['state']=='answering' and s['leased']==3 and {l['client-id'] for l in s['leases']}=={'vpn/anna','vpn/anna#2','vpn/anna#3'}"
    t "$what: they are renewed" soon dhcp "c['renewed']>=3 and c['lost']==0"
    before=$(addresses)
    t "$what: and given back" hang_up
    t "$what: which the server has understood" soon freed_there "$before"
    t "$what: a reservation by client identifier" eval 'as dora --sessions 1 --ping 1 --hold 8 >/dev/null & d=$!; soon json "[s[\"address\"] for s in j]==[\"10.$(net).0.9\"]" sessions; rc=$?; wait $d; [ $rc = 0 ]'
    t "$what: a client with an interface" dial
    t "$what: reaches the LAN" cli ping -c 2 -W 2 -I "$dial_if" 10.50.0.2
    t "$what: and is reached from there" lan ping -c 2 -W 2 "$dial_address"
    t "$what: its DHCPINFORM is answered from the lease" inform
    undial
    soon json 'j==[]' sessions

    hold --sessions 2 --hold 120
    soon json 'len([s for s in j if s["state"]=="up"])==2' sessions
    before=$(addresses)
    kill -9 "$pid"; wait "$pid" 2>/dev/null; pid=
    let_go
    t "$what: killed and started again" start
    t "$what: the leases are known" dhcp "s['waiting']==2 and {l['state'] for l in s['leases']}=={'init-reboot'}"
    hold --sessions 2 --hold 120
    t "$what: the same user gets the same addresses" soon eval '[ "$(addresses | tr " " "\n" | sort)" = "$(echo $before | tr " " "\n" | sort)" ]'
    t "$what: confirmed by the server" dhcp "c['again']==2 and c['tx-discover']==0"

    no_server
    t "$what: without its server, who comes gets an address of the next pool" eval 'as bert --sessions 1 --ping 1 && adit log | grep -q dhcp.silent'
    t "$what: at once, when that is known" eval 'a=$(date +%s%N); as bert --sessions 1; [ $((($(date +%s%N) - a) / 1000000)) -lt 3000 ]'
    t "$what: and sessions live on" json 'len([s for s in j if s["state"]=="up"])>=2' sessions
    if [ "$server" = dnsmasq ]; then        # its leases are not shorter than two minutes
        hang_up
    else
        t "$what: until their leases end" eval 'for i in 1 2 3 4; do soon json "j==[]" sessions && break; done; json "j==[]" sessions && adit log | grep -q dhcp.lost'
        hang_up
    fi
    serve 11
    t "$what: it is back with two addresses: who comes asks it again" soon eval 'as bert --sessions 1 && dhcp "s[\"state\"]==\"answering\""'
    hold --sessions 4 --hold 60
    t "$what: two of four get one, the others from the next pool" soon json "sorted(s['address'].split('.')[1] for s in j)==['$(net)','$(net)','98','98']" sessions
    t "$what: exhausted is not silent" dhcp "s['state']=='exhausted' and c['exhausted']>=1"
    hang_up
    t "$what: it stops cleanly" stop
    no_server
}

found=
for server in ${*:-dnsmasq kea isc}; do
    command -v "$(program "$server")" >/dev/null || continue
    found=1
    for mode in lan relay; do
        what="$server, $mode"
        serve 250
        a_server
    done
done
[ -n "$found" ] || { n=1; echo "ok 1 - DHCP servers # SKIP neither dnsmasq, Kea nor ISC dhcpd is installed"; }

# A server on this very host
server=dnsmasq mode=lan
if command -v dnsmasq >/dev/null; then
    dnsmasq_conf 250
    : >"$work/leases"
    run_dhcp "$id-s"
    setting lan
    t "a DHCP server on this host: the pool says so, the other one serves" eval 'adit log | grep -q "a DHCP server or relay runs on this host" && as bert --sessions 1 --ping 1'
    stop
    no_server
fi
t "adit setup --addresses auto without a server: a range" automatic range
# An interface that comes later
setting lan
srv ip addr del 10.50.0.1/24 dev lan
t "an address that goes: the pool waits" soon dhcp "s['state']=='waiting'"
srv ip addr add 10.50.0.1/24 dev lan
t "and comes again: it serves" soon dhcp "s['state']!='waiting' and s['relay-address']=='10.50.0.1'"
stop
done_testing
