#!/bin/bash
# ipsec.sh - L2TP over IPsec between two daemons of ours in network namespaces (row S4).
. "$(dirname "$0")/lib.sh"
key=k7mf2x-qq9wde-3hbnzt-tt4cvk
dialling=
# dial [options]: the client in the background, until `hang_up`; true when it is up
# within `patience` tenths of a second
patience=200
dial() {
    : >"$work/dial"
    ip netns exec "$id-c" "$top_builddir/adit-bench-dial" --plugins "$work/plugins" --state "$work" --to 192.0.2.1 \
        --user anna --password trustno1 "$@" >"$work/dial" 2>&1 &
    dialling=$!
    local i
    for i in $(seq $patience); do
        grep -q '^up ' "$work/dial" && return 0
        kill -0 "$dialling" 2>/dev/null || break
        sleep 0.1
    done
    sed 's/^/# client: /' "$work/dial"
    hang_up
    return 1
}
hang_up() { [ -z "$dialling" ] || { kill "$dialling"; wait "$dialling"; } 2>/dev/null; dialling=; }
reach() { cli ping -c 3 -i 0.2 -W 2 -I "$(awk '/^up /{ print $3 }' "$work/dial")" 10.99.0.1; }
trap 'hang_up; cleanup' EXIT
peers() { json "(lambda p: $1)(j)" ipsec; }
events() { adit log | grep -q -- "$1"; }

t "setup makes a key when none is given, and shows it once" eval 'adit setup --output "$work/made" --range 10.99.0.2-10.99.0.9 --json >"$work/json" && k=$(cat "$work/made/ipsec.psk") && [ ${#k} -ge 24 ] && grep -q "$k" "$work/json" && [ "$(stat -c %a "$work/made/ipsec.psk")" = 600 ] && ! grep -q "$k" "$work/made/aditd.yaml"'
t "setup wants a certificate whole" eval '! adit setup --output "$work/x" --range 10.99.0.2-10.99.0.9 --certificate /nowhere'
t "setup with a key serves L2TP through IPsec alone" eval 'conf --tunnels l2tp-ipsec --psk "$key" && grep -q "require-security: yes" "$work/conf/aditd.yaml"'
t "the daemon serves" eval 'start && json "j[\"state\"]==\"running\"" status'
t "nobody is there" peers 'p==[]'
t "a client in the clear is not served" eval '! cli timeout 5 "$top_builddir/adit-load" --to 192.0.2.1 --user anna --password trustno1 --sessions 1 && json "j==[]" sessions'
t "a client with the key is" dial --ipsec "$key"
t "packets pass" reach
t "the session knows that it is protected" json 'len(j)==1 and j[0]["secured"] and j[0]["encryption"]=="none"' sessions
t "adit ipsec tells who, how, and how much" peers 'len(p)==1 and p[0]["method"]=="psk" and p[0]["identity"]=="192.0.2.2" and p[0]["bytes_in"]>0 and p[0]["bytes_out"]>0 and len(p[0]["pairs"])==1'
t "its tables, too" eval 'adit ipsec | grep -q 192.0.2.2 && adit ipsec sas | grep -q established && adit ipsec pairs | grep -q 0x'
t "rekeying by hand" eval 'adit ipsec rekey 192.0.2.2 && soon peers "p[0][\"rekeys\"]>=1" && reach'
t "keys are not given away" eval '! adit ipsec export-wireshark "$work/ws" 2>"$work/err" && grep -q export-keys "$work/err" && [ ! -e "$work/ws" ]'
t "nobody's name is an error" eval '! adit ipsec drop 192.0.2.99'
t "the client hangs up: nothing is left" eval 'hang_up; soon json "j==[]" sessions && soon peers "p==[]"'
for esp in aes256gcm16 aes128-sha1 aes256-sha512 aes256-sha256-ecp256; do
    t "with $esp" eval 'dial --ipsec "$key" --esp "$esp" && reach; rc=$?; hang_up; [ $rc = 0 ]'
done
t "an operator drops the peer: the session goes" eval 'dial --ipsec "$key" && adit ipsec drop 192.0.2.2 && soon json "j==[]" sessions; rc=$?; hang_up; [ $rc = 0 ]'
t "a wrong key is named" eval 'patience=40; ! dial --ipsec not-the-key && patience=200 && events "ipsec.wrong-key"'
t "no common proposal is named" eval 'patience=40; ! dial --ipsec "$key" --ike 3des-md5-modp1024 && patience=200 && events "ipsec.no-proposal.*3des"'
t "neither key stands in the log" eval '! adit log | grep -q "$key\|not-the-key"'
t "a changed key file counts by itself" eval 'sleep 1.1; echo another-key >"$work/conf/ipsec.psk"; sleep 1.1; patience=40; ! dial --ipsec "$key"; hang_up; patience=200; dial --ipsec another-key && reach; rc=$?; hang_up; [ $rc = 0 ]'
t "it stops cleanly" stop

# tables for Wireshark: tshark opens a capture with them
shark() {
    local e n
    sed -i 's/- type: ipsec/&\n    export-keys: yes/' "$work/conf/aditd.yaml"
    start || return 1
    for e in aes128gcm16 aes256-sha256 aes128-sha1 aes256-sha384; do
        ip netns exec "$id-s" tcpdump -U -ni out -w "$work/cap" >/dev/null 2>&1 &
        local tcpdump=$!
        sleep 1
        dial --ipsec another-key --esp "$e" && reach; local rc=$?
        rm -rf "$work/ws"; mkdir -p "$work/ws"
        adit ipsec export-wireshark "$work/ws/wireshark" || rc=1
        [ "$(stat -c %a "$work/ws/wireshark/esp_sa" "$work/ws/wireshark/ikev1_decryption_table" | sort -u)" = 600 ] || rc=1
        hang_up
        sleep 1; kill "$tcpdump"; wait "$tcpdump" 2>/dev/null
        [ $rc = 0 ] || return 1
        [ "$(tcpdump -nr "$work/cap" 'ip and not (udp port 500 or udp port 4500 or proto 50 or icmp[icmptype] == icmp-unreach)' 2>/dev/null | wc -l)" = 0 ] || { echo "$e: something in the clear"; return 1; }
        n=$(HOME=$work/ws XDG_CONFIG_HOME=$work/ws tshark -r "$work/cap" -o esp.enable_encryption_decode:TRUE -o esp.enable_authentication_check:TRUE -Y l2tp 2>"$work/err" | wc -l)
        [ "$n" -gt 10 ] || { echo "$e: $n messages of L2TP"; cat "$work/err"; return 1; }
        n=$(HOME=$work/ws XDG_CONFIG_HOME=$work/ws tshark -r "$work/cap" -Y 'isakmp.exchangetype==32 && isakmp.hash' 2>/dev/null | wc -l)
        [ "$n" -gt 0 ] || { echo "no quick mode was opened"; return 1; }
    done
    stop
}
if command -v tshark >/dev/null && command -v tcpdump >/dev/null; then
    t "tshark opens a capture with the exported keys; nothing was in the clear" shark
else
    n=$((n + 1)); echo "ok $n - tshark # SKIP tshark or tcpdump is not installed"
fi

srv python3 -c '
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("192.0.2.1", 500)); time.sleep(60)' &
other=$!
soon eval "srv ss -uln | grep -q 192.0.2.1:500"
t "another IKE daemon on port 500 is named" eval 'start; json "j[\"state\"]==\"degraded\" and any(\"another IKE daemon\" in w for w in j[\"why\"])" status; rc=$?; adit status | grep Why; stop; [ $rc = 0 ]'
kill "$other" 2>/dev/null
sed -i '/psk-file/d' "$work/conf/aditd.yaml"
t "no key at all is named" eval 'start; json "j[\"state\"]==\"degraded\"" status && grep -q "there is no key: set psk-file" "$work/log"; rc=$?; stop; [ $rc = 0 ]'
sed -i '/^security:/,/^[a-z]*:$/{/^security:/d;/^ /d;/^#/d}' "$work/conf/aditd.yaml"
t "security that is demanded and not configured is named" eval 'start; json "j[\"state\"]==\"degraded\" and any(\"demands security\" in w and \"require-security\" in w for w in j[\"why\"])" status; rc=$?; stop; [ $rc = 0 ]'
done_testing
