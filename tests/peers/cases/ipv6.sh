# tests/peers/cases/ipv6.sh - IPv6 inside: a stock kernel makes its own address, and its packets pass.
case_rows <<'C'
ipv6_inside             S9,A3        long
C

ipv6_inside() {
    settings=$'ppp ipv6: yes\nppp server-address6: 2001:db8:99::1'
    serve --tunnels pptp,l2tp --allow-clear-l2tp &&
    adit user set test --ipv6-prefix 2001:db8:1::/64 --delegated-prefix 2001:db8:100::/56 --file "$work/conf/users.yaml" && sleep 1.2 || return 1
    "$lab" exec 1 sh -c 'sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.default.disable_ipv6=0 net.ipv6.conf.default.accept_ra=2' >/dev/null 2>&1
    local how
    for how in dial-l2tp dial-pptp; do
        guest 1 $how $([ $how = dial-pptp ] && echo --mppe 128) --time 0 --ppp '+ipv6' && said 'result=OK' || return 1
        within 20 guest_has6 1 || { echo "$how: no address in 2001:db8:1::/64"; "$lab" exec 1 ip -6 addr; return 1; }
        guest 1 ping -6 -c 3 -W 2 2001:db8:99::1 || { cat "$work/out"; "$lab" exec 1 ip -6 route; return 1; }
        # another source than its own goes nowhere
        "$lab" exec 1 ip -6 addr add 2001:db8:5::5/128 dev ppp0
        refused 1 ping -6 -c 2 -W 1 -I 2001:db8:5::5 2001:db8:99::1 || return 1
        json 'j[0]["spoofed"]>0' sessions || return 1
        hangup 1; within 10 none_left || return 1
    done
}
guest_has6() { "$lab" exec "$1" ip -6 addr show dev ppp0 2>/dev/null | grep -q '2001:db8:1:'; }
