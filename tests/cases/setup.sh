#!/bin/bash
# setup.sh - `adit setup` as people type it, rightly and wrongly, and --json on errors
# (rows O1 O2).  Needs no root: nothing is served.
set -u
top_builddir=${top_builddir:-$PWD}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
case $top_builddir in /*) ;; *) top_builddir=$PWD/$top_builddir ;; esac
adit=$top_builddir/adit
unset ADIT_SOCKET
n=0 bad=0
t() {
    local what=$1; shift
    n=$((n + 1))
    if "$@" >"$work/t" 2>&1; then echo "ok $n - $what"; else bad=1; echo "not ok $n - $what"; sed 's/^/# /' "$work/t" | tail -20; fi
}
# try OPTION...: into a fresh folder
try() { rm -rf "$work/o"; "$adit" setup --output "$work/o" "$@" </dev/null; }
# good OPTION...: written, and aditd finds nothing wrong with it
good() { try "$@" && checked "$work/o"; }
checked() {
    sed -i "s#^daemon:#daemon:\n  plugin-dir: \"$top_builddir/.libs\"#" "$1/aditd.yaml"
    "$top_builddir/aditd" --check --config "$1/aditd.yaml"
}
# wrong OPTION...: refused, and nothing is left behind
wrong() { if try "$@"; then echo "was taken"; return 1; fi; [ ! -e "$work/o/aditd.yaml" ] && [ ! -e "$work/o/users.yaml" ]; }
has() { grep -qF -- "$1" "$work/o/aditd.yaml" || { cat "$work/o/aditd.yaml"; return 1; }; }
count() { try "$@" --json | grep -q "\"addresses\": $n_want"; }
R="--range 10.9.0.10-10.9.0.99"

t "a range is enough" good $R
t "the address before it is ours" has 'server-address: 10.9.0.9'
t "every option at once" good --interface lo --listen 192.0.2.1 --tunnels l2tp,pptp --range 10.9.0.10-10.9.7.200 \
    --server-address 10.9.0.1 --dns 192.0.2.53,192.0.2.54 --wins 192.0.2.55,192.0.2.56 --user anna:a --user bert:b \
    --auth mschapv2,chap,pap,eap-mschapv2 --allow-clear-l2tp --route 192.0.2.0/24 --route 198.51.100.0/24 \
    --control-socket "$work/sock"
t "  is written" eval 'has "auth: [mschapv2, eap-mschapv2, chap, pap]" && has "routes: [192.0.2.0/24, 198.51.100.0/24]" && has "require-security: no" && has "listen: [\"192.0.2.1:1723\"]"'
t "  CHAP keeps the passwords in clear, nothing else does" eval 'grep -q "clear: \"a\"" "$work/o/users.yaml" && good $R --user anna:a && ! grep -q clear: "$work/o/users.yaml"'
t "addresses as a range, too" eval 'good --addresses 10.9.0.10-10.9.0.99 && has "ranges: [\"10.9.0.10-10.9.0.99\"]"'
t "addresses from the DHCP server of a LAN" eval 'good --addresses dhcp --lan-interface lo && has "type: dhcp" && has "interface: \"lo\"" && ! grep -q server-address "$work/o/aditd.yaml"'
t "  as JSON" eval 'try --addresses dhcp --lan-interface lo --json | grep -q "\"dhcp\": \"lo\""'
t "blanks after commas" good $R --auth 'mschapv2, chap' --dns '192.0.2.53, 192.0.2.54' --tunnels 'pptp, l2tp'
t "PPTP alone" eval 'good $R --tunnels pptp && ! grep -q "type: l2tp" "$work/o/aditd.yaml"'
t "L2TP alone, on IPv6" eval 'good $R --tunnels l2tp --listen ::1 && has "listen: [\"[::1]:1701\"]"'
t "passwords of every kind" eval 'good $R --user "x:p:q#\"'"'"'\\ é€ {x}: -" --user "null:null" --user "123:456" --user "ü:ö" --user "DOM\\u:  y "'
t "40 accounts and 40 routes" eval 'a=; for i in $(seq 40); do a="$a --user u$i:p --route 10.$i.0.0/16"; done; good $R $a && [ $(grep -c name: "$work/o/users.yaml") = 40 ]'
t "RADIUS servers" eval 'echo secret >"$work/rs"; chmod 644 "$work/rs"; good $R --radius 10.0.0.20,radius.example.org --radius-secret-file "$work/rs" && has "type: radius" && [ "$(grep -c "host:" "$work/o/aditd.yaml")" = 2 ] && has "accounting:"'
t "  their secret is in a file of our own" eval '[ "$(stat -c %a "$work/o/radius.secret")" = 600 ] && has "radius.secret"'
t "  and none goes without, nor alone" eval 'wrong $R --radius 10.0.0.20 && wrong $R --radius-secret-file "$work/rs" && wrong $R --radius "a b/c" --radius-secret-file "$work/rs" && wrong $R --radius , --radius-secret-file "$work/rs"'
n_want=2000; t "a range of 2000" count --range 10.9.0.1-10.9.7.208 --server-address 10.0.0.1
n_want=1; t "a range of one address" count --range 10.9.0.10
n_want=98; t "a range that has the server's address" count --range 10.9.0.1-10.9.0.99 --server-address 10.9.0.50
t "a folder with a blank and a quote in its name" eval 'mkdir "$work/a b\"c" && "$adit" setup --output "$work/a b\"c" $R --control-socket "$work/s\"k" && checked "$work/a b\"c"'
t "a relative socket is where it was meant" eval 'cd "$work" && good $R --control-socket s.sock && has "control-socket: \"$work/s.sock\""'

while read -r what options; do
    eval "t 'refused: $what' wrong $options"
done <<'L'
no-range
lan-without-dhcp    $R --lan-interface lo
addresses-word      --addresses here
lan-that-is-not     --addresses dhcp --lan-interface nosuch0
range-backwards     --range 10.9.0.99-10.9.0.10
range-word          --range here
range-IPv6          --range fd00::1-fd00::9
range-loopback      --range 127.0.0.1-127.0.0.9
range-multicast     --range 224.0.0.1-224.0.0.9
range-all-ours      --range 10.9.0.1-10.9.0.1
server-address      $R --server-address 0.0.0.0
server-IPv6         $R --server-address fe80::1
listen-word         $R --listen eth0
listen-port         $R --listen 192.0.2.1:99
listen-IPv6-PPTP    $R --listen ::
interface           $R --interface nosuch0
tunnels             $R --tunnels pptp,sstp
no-tunnels          $R --tunnels ''
auth                $R --auth mschapv1
no-auth             $R --auth ''
auth-empty-word     $R --auth mschapv2,,chap
PPTP-without-keys   $R --auth pap,chap --tunnels pptp
three-DNS           $R --dns 192.0.2.1,192.0.2.2,192.0.2.3
DNS-word            $R --dns dns.example
DNS-IPv6            $R --dns fd00::1
route-host-bits     $R --route 10.1.0.1/16
route-no-prefix     $R --route 10.1.0.0
user-twice          $R --user anna:a --user anna:b
user-no-password    $R --user anna: 
user-no-name        $R --user :a
user-no-colon       $R --user anna
user-control        $R --user $'anna:a\tb'
socket-too-long     $R --control-socket /tmp/$(printf 'x%.0s' $(seq 120))
unknown-option      $R --bogus
word-too-many       $R extra
L

t "a configuration is not replaced" eval 'try $R --user anna:a && before=$(cat "$work/o/users.yaml") && ! "$adit" setup --output "$work/o" $R --user bert:b && [ "$before" = "$(cat "$work/o/users.yaml")" ]'
t "  --force replaces it" eval '"$adit" setup --output "$work/o" $R --user bert:b --force && grep -q bert "$work/o/users.yaml"'
t "accounts that are there survive a new configuration" eval 'rm "$work/o/aditd.yaml" && "$adit" setup --output "$work/o" $R && grep -q bert "$work/o/users.yaml"'
t "so does the pre-shared key of the clients" eval 'k=$(cat "$work/o/ipsec.psk") && rm "$work/o/aditd.yaml" && "$adit" setup --output "$work/o" $R && [ "$k" = "$(cat "$work/o/ipsec.psk")" ]'
t "keys are checked before anything is written" eval 'wrong $R --psk "" && wrong $R --psk a --psk-file /dev/null && wrong $R --certificate a && wrong $R --tunnels pptp --psk abc && wrong $R --psk-file /nowhere && wrong $R --tunnels ipsec'
t "L2TP/IPsec with a key of one's own" eval 'good $R --tunnels l2tp-ipsec --psk "it is \"quoted\", with blanks" && [ "$(cat "$work/o/ipsec.psk")" = "it is \"quoted\", with blanks" ] && has "require-security: yes" && has "type: ipsec"'
t "clear L2TP and PPTP as before: no IPsec" eval 'good $R --tunnels pptp,l2tp --allow-clear-l2tp && has "require-security: no" && ! grep -q "type: ipsec" "$work/o/aditd.yaml" && [ ! -e "$work/o/ipsec.psk" ]'
t "setup once more" good $R
t "the files are for their owner alone" eval '[ $(stat -c %a "$work/o/aditd.yaml") = 600 ] && [ $(stat -c %a "$work/o/users.yaml") = 600 ]'

# ---- JSON, also of failures -----------------------------------------------------------
is_error() { "$adit" "$@" --json 2>/dev/null | python3 -c 'import json,sys; j=json.load(sys.stdin); sys.exit(not (j["ok"] is False and j["error"]["code"].startswith("ADIT_") and j["error"]["text"]))'; }
for c in status ports sessions 'sessions --failed' 'sessions show 1' 'drop 1' users policies pools plugins log reload stop \
         'ports set pptp 1' 'policy explain --user anna' nosuch 'setup --bogus' 'drop' 'log --bogus' 'user show nobody'; do
    t "JSON without a daemon: $c" is_error --socket "$work/nosuch" $c
done
t "JSON: version, help, accounts" eval 'for c in version help "users --config $work/o" "user set bert --deny --config $work/o" "user show bert --config $work/o"; do "$adit" $c --json | python3 -m json.tool || exit 1; done'

# ---- the internet interface ----
t "an interface to close, what it admits, NAT" eval '"$adit" setup --output "$work/fence" --range 10.9.0.10-10.9.0.20 --internet-interface lo --admit tcp/22,icmp-echo --nat lo >"$work/out" && grep -q "lo will admit tunnels, tcp/22,icmp-echo and nothing else" "$work/out" && grep -q "^  admit: \[tcp/22,icmp-echo\]" "$work/fence/aditd.yaml" && grep -q "^  nat: \"lo\"" "$work/fence/aditd.yaml"'
t "SSH is not locked out without a word" eval 'SSH_CONNECTION="192.0.2.9 50000 192.0.2.1 2222" "$adit" setup --output "$work/fence" --force --range 10.9.0.10-10.9.0.20 --internet-interface lo --admit tcp/22 2>"$work/err" >/dev/null && grep -q "closes port 2222.*--admit tcp/2222" "$work/err" && ! SSH_CONNECTION="192.0.2.9 50000 192.0.2.1 22" "$adit" setup --output "$work/fence" --force --range 10.9.0.10-10.9.0.20 --internet-interface lo --admit tcp/22 2>&1 >/dev/null | grep SSH'
t "what is wrong there is told" eval '! "$adit" setup --output "$work/f2" --range 10.9.0.10-10.9.0.20 --internet-interface nosuch0 2>"$work/err" && grep -q "no such interface" "$work/err" && ! "$adit" setup --output "$work/f2" --range 10.9.0.10-10.9.0.20 --internet-interface lo --admit ssh 2>"$work/err" && grep -q "admit ssh" "$work/err" && ! "$adit" setup --output "$work/f2" --range 10.9.0.10-10.9.0.20 --admit tcp/22 && [ ! -e "$work/f2" ]'

# ---- the wizard --------------------------------------------------------------------------
cat >"$work/wizard" <<'P'
import os, pty, select, signal, sys, time
pid, fd = pty.fork()
if pid == 0:
    signal.signal(signal.SIGINT, signal.SIG_DFL)    # what a shell starts in the background ignores it
    os.execv(sys.argv[1], ["adit", "setup"])
out = b""
def read(t):
    global out
    while select.select([fd], [], [], t)[0]:
        try: b = os.read(fd, 4096)
        except OSError: b = b""
        if not b: return
        out += b
for word in sys.argv[2:]:
    read(0.3)
    if os.waitpid(pid, os.WNOHANG)[0]: sys.exit(99)
    try: os.write(fd, {"^D": b"\4", "^C": b"\3"}.get(word, word.encode() + b"\n"))
    except OSError: break
read(2)
print(out.decode())
for _ in range(50):
    done, status = os.waitpid(pid, os.WNOHANG)
    if done: break
    time.sleep(0.1)
else:
    os.kill(pid, signal.SIGKILL); sys.exit(98)
sys.exit(os.WEXITSTATUS(status) if os.WIFEXITED(status) else 100 + os.WTERMSIG(status))
P
conf_dir=$("$adit" setup --help | sed -n 's/.*go (\(.*\)).*/\1/p')
if [ ! -e "$conf_dir" ]; then
    t "the wizard asks again, and gives up at the end of the input" eval 'python3 "$work/wizard" "$adit" nosuch0 "" nosuch1 "" bogus pptp here 10.9.0.5-10.9.0.9 "" y anna "^D" >"$work/w"; [ $? = 1 ] && grep -q "no such interface" "$work/w" && grep -q "tunnels bogus" "$work/w" && [ ! -e "$conf_dir" ]'
    t "  a key that nobody can type is asked for again, half a certificate, too" eval 'python3 "$work/wizard" "$adit" "" "" l2tp-ipsec " x" "" "the key of the wizard" /nowhere "" "" "" "" "^D" >"$work/w"; [ $? = 1 ] && grep -q "begins or ends with a space" "$work/w" && grep -q "belong together" "$work/w" && ! grep -q "the key of" "$work/w" && [ ! -e "$conf_dir" ]'
    t "  Ctrl-C at a password ends it" eval 'python3 "$work/wizard" "$adit" "" "" "" "" "" "" "" y anna "^C" >"$work/w"; [ $? = 102 ] && [ ! -e "$conf_dir" ]'
    t "  a password is not shown" eval '! grep -q "Password: [a-z]" "$work/w"'
fi
echo "1..$n"
exit $bad
