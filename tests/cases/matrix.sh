#!/bin/bash
# matrix.sh - the same case over {local, radius} x {range, dhcp} x {l2tp, pptp}: plugins
# are swapped in the configuration, nothing else (row P1).
. "$(dirname "$0")/lib.sh"
auths=local pools=range
if command -v freeradius >/dev/null; then
    . "$(dirname "$0")/freeradius.sh"
    auths="local radius"
fi
command -v dnsmasq >/dev/null && pools="range dhcp"
dhcp_pid= dial_pid=
matrix_end() {
    [ -z "$dial_pid" ] || kill "$dial_pid" 2>/dev/null
    [ -z "$dhcp_pid" ] || kill "$dhcp_pid" 2>/dev/null
    if [ "$auths" != local ]; then radius_stop; ip netns del "$id-r"; fi
    ip netns del "$id-l"
    cleanup
}
trap matrix_end EXIT
ip netns add "$id-l"
ip link add lan netns "$id-s" type veth peer name lan netns "$id-l"
ip -n "$id-s" addr add 10.99.0.253/24 dev lan
ip -n "$id-l" addr add 10.99.0.254/24 dev lan
for s in s l; do ip -n "$id-$s" link set lan up; done
cat >"$work/dnsmasq.conf" <<END
port=0
interface=lan
bind-dynamic
no-ping
dhcp-authoritative
dhcp-leasefile=$work/leases
dhcp-range=10.99.0.2,10.99.0.200,255.255.255.0,1h
END

configure() { # AUTH POOL
    conf && python3 - "$work/conf/aditd.yaml" "$1" "$2" "${rad_secret-}" <<'END'
import re, sys
path, auth, pool, secret = sys.argv[1:]
s = open(path).read()
if auth == 'radius':
    s = re.sub(r'\nauth:\n.*?\npools:', '\nauth:\n  - type: radius\n    servers:\n      - { name: fr, host: 198.51.100.2, '
               'secret: %s }\n    nas: { identifier: gate }\n\npools:' % secret, s, flags=re.S)
if pool == 'dhcp':
    s = re.sub(r'(?m)^pools:\n(?:[ #].*\n|\n)*', 'pools:\n  - type: dhcp\n    interface: lan\n    server-address: 10.99.0.1\n\n', s)
open(path, 'w').write(s)
END
}
dial() {
    : >"$work/dial"
    ip netns exec "$id-c" "$top_builddir/adit-bench-dial" --plugins "$work/plugins" --state "$work" \
        --to 192.0.2.1 --user anna --password "${password-trustno1}" "$@" >"$work/dial" 2>"$work/dial.err" &
    dial_pid=$!
    local i
    for i in $(seq 200); do
        grep -q "^up 10.99.0." "$work/dial" && return 0
        kill -0 "$dial_pid" 2>/dev/null || break
        sleep 0.1
    done
    cat "$work/dial.err"
    return 1
}
undial() { kill "$dial_pid" 2>/dev/null; wait "$dial_pid" 2>/dev/null; dial_pid=; soon json 'j==[]' sessions; }

if [ "$auths" != local ]; then
    mkdir -p "$rad"
    echo 'anna Cleartext-Password := "trustno1"' >"$rad/users"
    t "FreeRADIUS runs" radius_start
fi
if [ "$pools" != range ]; then
    ip netns exec "$id-l" dnsmasq --keep-in-foreground --log-facility=- --user=root --group=root --pid-file= \
        --conf-file="$work/dnsmasq.conf" >"$work/dhcp.log" 2>&1 &
    dhcp_pid=$!
fi
for auth in $auths; do
    for pool in $pools; do
        t "$auth, $pool: the daemon serves" eval 'configure $auth $pool && start'
        for tunnel in l2tp pptp; do
            mppe=; [ $tunnel = l2tp ] || mppe=--mppe
            what="$auth, $pool, $tunnel"
            t "$what: a client is up" dial --tunnel $tunnel $mppe
            t "$what: and reaches us" soon cli ping -c 1 -W 1 10.99.0.1
            t "$what: by these plugins" json "[(s['tunnel'], s['address'][:8]) for s in j]==[('$tunnel', '10.99.0.')]" sessions
            t "$what: whose address is leased" json "j[0]['type']=='$pool' and j[0]['status']['leased']==1" pools
            t "$what: it hangs up" undial
            t "$what: and the address is free" soon json "j[0]['status']['leased']==0" pools
            password=wrong
            t "$what: a wrong password is refused" eval '! dial --tunnel $tunnel $mppe'
            unset password
            undial
        done
        t "$auth, $pool: it stops cleanly" stop
    done
done
done_testing
