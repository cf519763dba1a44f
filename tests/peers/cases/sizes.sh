# tests/peers/cases/sizes.sh - links with odd MTUs: what fits passes whole, what does not is
# cut or refused with the right answer, and TCP finds its way without being told.
case_rows <<'C'
mtu_pptp                S1,A12       long
mtu_l2tp                S3,A12,W24   long
mtu_ipsec               S4,A12       long
mtu_ipsec_nat           S4,A12       long  nat
C

# echo SIZE DF FROM TO: datagrams of SIZE bytes from srv or a guest; DF as of ping: do, dont
echo_of() {
    local from=$3
    set -- ping -c 2 -i 0.1 -W 3 -M "$2" -s $(($1 - 28)) "$4"
    if [ "$from" = srv ]; then "$lab" srv "$@"; else "$lab" exec "$from" "$@"; fi >"$work/out" 2>&1
}
passes() { echo_of "$@" || { echo "does not pass: $*"; tail -4 "$work/out"; return 1; }; }
too_long() {
    ! echo_of "$@" && grep -qiE 'too long|frag needed' "$work/out" || { echo "is not refused as too long: $*"; tail -4 "$work/out"; return 1; }
}
# datagrams SIZE GUEST [-R]: UDP of this size, perhaps in fragments; hardly any may be lost.
# (To the address that iperf3 answers UDP from.)
datagrams() {
    local lost
    guest "$2" iperf3 -u -b 400K -l "$1" -t 3 -c 198.18.0.1 ${3:+"$3"} || { tail -3 "$work/out"; return 1; }
    lost=$(sed -n 's/.*(\([0-9.]*\)%).*receiver.*/\1/p' "$work/out")
    awk -v l="${lost:-100}" 'BEGIN { exit !(l <= 5) }' || { echo "datagrams of $1 bytes ${3:-up}: ${lost:-all}% lost"; tail -4 "$work/out"; return 1; }
}
# around GUEST LIMIT: what is up, on both sides of its limits, both ways; what we send is not
# above LIMIT, and not far below.  (What the client sends is its own affair: its kernel's PPTP
# does not know the option.)
around() {
    local g=$1 ours theirs address n
    read -r ours address < <(adit sessions --json | python3 -c 'import json,sys; s=json.load(sys.stdin)[0]; print(s["mtu"], s["address"])')
    theirs=$("$lab" exec "$g" cat /sys/class/net/ppp0/mtu)
    echo "mtu $ours down, $theirs up"
    [ "$ours" -le "$2" ] && [ "$ours" -ge $(($2 < 1300 ? $2 - 4 : 1300)) ] || { echo "limit: $2"; return 1; }
    "$lab" srv ip route flush cache         # what the last link was told
    passes "$ours" do srv "$address" && too_long $((ours + 1)) do srv "$address" &&
    passes "$theirs" do "$g" 198.18.100.1 && too_long $((theirs + 1)) do "$g" 198.18.100.1 || return 1
    for n in $((ours - 1)) $((ours + 1)) $((ours + 8)) $((2 * ours)) 1501 9000; do
        passes "$n" dont srv "$address" && passes "$n" dont "$g" 198.18.100.1 || return 1
    done
    datagrams $((ours + 300)) "$g" && datagrams $((ours + 300)) "$g" -R && datagrams $((theirs - 28)) "$g" && datagrams $((ours - 28)) "$g" -R
}
# at_mtus GUEST SETUP-OPTIONS DIAL...: with each MTU of the client; then with large ones on both sides
at_mtus() {
    local g=$1 setup=$2 n; shift 2
    settings=
    serve $setup || return 1
    for n in 296 576 1400; do
        guest "$g" "$@" --wait 60 --time 1 --mtu $n && said 'result=OK' && grep -o 'iperf_[a-z_]*=[0-9.]*' "$work/out" && around "$g" $n ||
            { echo "with an MTU of $n"; tail -4 "$work/out"; return 1; }
        hangup "$g"; within 20 none_left || return 1
    done
    settings=$'ppp mtu: 1500\nppp mru: 1500\nl2tp mtu: 1500\npptp mtu: 1460'
    serve $setup && guest "$g" "$@" --wait 60 --time 1 --mtu 1500 && said 'result=OK' && around "$g" 1500 ||
        { echo "with an MTU of 1500 on both sides"; tail -4 "$work/out"; return 1; }
    hangup "$g"; within 20 none_left
}
mtu_pptp() { at_mtus 1 '--tunnels pptp' dial-pptp && at_mtus 1 '--tunnels pptp' dial-pptp --kernel; }
mtu_l2tp() { at_mtus 1 '--tunnels l2tp --allow-clear-l2tp' dial-l2tp; }
mtu_ipsec() { at_mtus 1 "$secure" dial-l2tp-ipsec --psk labpsk; }
mtu_ipsec_nat() { at_mtus 3 "$secure" dial-l2tp-ipsec --psk labpsk; }
