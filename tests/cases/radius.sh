#!/bin/bash
# radius.sh - the daemon against a real FreeRADIUS (rows A1 A3 S2 S6 T1): each method, keys
# of MPPE, attributes, causes, silence; and the same clients whoever knows the users.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/freeradius.sh"

mkdir -p "$rad"
cat >"$rad/users" <<'END'
anna    Cleartext-Password := "trustno1"
plain   Cleartext-Password := "trustno1", Auth-Type := PAP
fixed   Cleartext-Password := "trustno1"
        Service-Type = Framed-User,
        Framed-Protocol = PPP,
        Framed-IP-Address = 10.99.0.177,
        Framed-IP-Netmask = 255.255.255.255,
        Framed-Route = "192.168.77.0/24 0.0.0.0 1",
        Framed-Compression = Van-Jacobson-TCP-IP,
        MS-Primary-DNS-Server = 10.5.5.5,
        MS-Secondary-DNS-Server = 10.5.5.6,
        Class = "gold"
stale   Cleartext-Password := "trustno1", SMB-Account-Ctrl-Text := "[Ue         ]"
brief   Cleartext-Password := "trustno1"
        Session-Timeout = 2
idle    Cleartext-Password := "trustno1"
        Idle-Timeout = 2
single  Cleartext-Password := "trustno1"
        Port-Limit = 1
weak    Cleartext-Password := "trustno1"
strict  Cleartext-Password := "trustno1"
console Cleartext-Password := "trustno1"
        Service-Type = Login-User
closed  Auth-Type := Reject
        Reply-Message = "Closed on Sundays"
elsewhere Cleartext-Password := "trustno1"
        Framed-Pool = "no-such-pool"
END
for i in $(seq 20); do printf 'user%d Cleartext-Password := "trustno1"\n' "$i"; done >>"$rad/users"

# with_radius [lines below the server]: whoever asks for users is FreeRADIUS
with_radius() {
    python3 - "$work/conf/aditd.yaml" "$rad_secret" "$@" <<'END'
import re, sys
path, secret, more = sys.argv[1], sys.argv[2], "".join(l + "\n" for l in sys.argv[3:])
s = open(path).read()
s = re.sub(r"\nauth:\n.*?\npools:", "\nauth:\n  - type: radius\n    name: corp\n    servers:\n"
           "      - { name: fr, host: 198.51.100.2, secret: %s, timeout: 500ms }\n    nas: { identifier: gate }\n%s"
           "accounting:\n  - type: radius\n\npools:" % (secret, more), s, flags=re.S)
open(path, "w").write(s)
END
}
methods() { sed -i "s/^  auth: .*/  auth: [$1]/" "$work/conf/aditd.yaml"; adit reload; }
# dial [options]: one client, until `hung`
dialled=
dial() {
    : >"$work/dial"
    ip netns exec "$id-c" "$top_builddir/adit-bench-dial" --plugins "$work/plugins" --to 192.0.2.1 \
        --user anna --password trustno1 --state "$work/dial-state" "$@" >"$work/dial" 2>"$work/dial-err" &
    dialled=$!
    local i
    for i in $(seq 150); do
        grep -q "^up" "$work/dial" && return 0
        kill -0 "$dialled" 2>/dev/null || break
        sleep 0.1
    done
    cat "$work/dial-err"
    hung
    return 1
}
hung() { [ -z "$dialled" ] || { kill "$dialled"; wait "$dialled"; } 2>/dev/null; dialled=; }
mkdir -p "$work/dial-state"
# once [options]: a client that logs in, is reached through the tunnel, and goes
once() {
    dial "$@" || return 1
    local rc=0
    soon cli ping -c1 -W1 10.99.0.1 || rc=1
    hung
    soon json 'j==[]' sessions || rc=1
    return $rc
}
refused() {
    local code=$1; shift
    if dial "$@"; then hung; echo "it was let in"; return 1; fi
    soon json "j[0][\"code\"]==\"$code\"" sessions --failed
}
log_has() { soon eval "adit log | grep -q -- '$1'" || { adit log | tail -20; return 1; }; }
PPTP="--tunnel pptp --mppe"

t "FreeRADIUS runs" radius_start
[ $bad = 0 ] || done_testing
t "a configuration that asks it" eval 'conf && with_radius && srv "$top_builddir/aditd" --check --config "$work/conf/aditd.yaml"'
t "the daemon serves" start

# ---- methods ----
t "MS-CHAPv2 over L2TP" once --methods mschapv2
t "MS-CHAPv2 over PPTP, with the server's keys for MPPE" once $PPTP --methods mschapv2
t "20 users at a time" load --user user7 --sessions 20 --ping 1
methods "pap, chap, mschapv1, mschapv2, eap-md5, eap-mschapv2, eap"
t "PAP" once --methods pap
t "CHAP" once --methods chap
t "MS-CHAPv1" once --methods mschapv1
t "MS-CHAPv1 over PPTP, with the server's keys for MPPE" once $PPTP --methods mschapv1
methods "eap-md5"
t "EAP-MD5, which we speak and the server judges" once --methods eap-md5
methods "eap-mschapv2"
t "EAP-MSCHAPv2, the same, over PPTP" once $PPTP --methods eap-mschapv2
methods "eap"
t "EAP-TLS, passed on in fragments, with keys for MPPE" once $PPTP --methods eap-tls --eap-cert "$rad/certs" --eap-name server
t "EAP-MSCHAPv2, passed on" once $PPTP --methods eap-mschapv2
t "EAP-MD5, passed on" once --methods eap-md5
methods "mschapv2"
t "a password that has expired is refused" refused ADIT-PASSWORD-EXPIRED --methods mschapv2 --user stale
methods "eap"
t "EAP-MSCHAPv2, passed on, a wrong password" refused ADIT-AUTH-FAILED --methods eap-mschapv2 --password wrong
methods "pap, mschapv2"

# ---- attributes ----
attributes() {
    dial --user fixed || return 1
    local rc=0
    grep -q "^up 10.99.0.177 " "$work/dial" && grep -q "^dns 10.5.5.5" "$work/dial" &&
        grep -q "^dns 10.5.5.6" "$work/dial" && srv ip route | grep -q "192.168.77.0/24" || rc=1
    cat "$work/dial"; srv ip route
    hung
    return $rc
}
t "address, name servers and route come from the server" attributes
t "the route goes with the session" soon eval '! srv ip route | grep -q 192.168.77'
t "what is not honoured is named" log_has 'radius.attribute.ignored.*Framed-Compression'
t "Session-Timeout ends the session" eval 'dial --user brief && soon json "any(s[\"code\"]==\"ADIT-SESSION-TIMEOUT\" for s in j)" sessions --failed || log_has ADIT-SESSION-TIMEOUT; rc=$?; hung; [ $rc = 0 ]'
t "Idle-Timeout too" eval 'dial --user idle && log_has ADIT-IDLE-TIMEOUT; rc=$?; hung; [ $rc = 0 ]'
t "Port-Limit refuses the second session" eval 'hold --user single --sessions 1 --hold 20; soon json "len(j)==1" sessions && refused ADIT-SESSION-LIMIT --user single; rc=$?; adit drop --user single >/dev/null; let_go; [ $rc = 0 ]'
must_encrypt() { if dial --user strict; then hung; return 1; fi; once $PPTP --user strict; }
t "a user who must encrypt, and a client that does or does not" must_encrypt
t "MPPE of 40 bit alone, and a tunnel that wants 128: a conflict that says so" refused ADIT-CONFLICT $PPTP --user weak
t "a pool that is not there" refused ADIT-NO-POOL --user elsewhere

# ---- refusals ----
t "a wrong password" refused ADIT-AUTH-FAILED --password wrong
t "a user whom nobody knows" refused ADIT-AUTH-FAILED --user nobody
t "a reason in words" eval 'refused ADIT-AUTH-FAILED --user closed --methods pap && adit sessions --failed --json | grep -q . && grep -q "Closed on Sundays" "$work/dial-err"; rc=$?; cat "$work/dial-err"; [ $rc = 0 ]'
t "a service that this is not" refused ADIT-CONFLICT --user console
t "is explained" log_has 'radius.answer.useless.*Login-User'
t "no keys, and a tunnel that demands encryption" refused ADIT-ENCRYPTION $PPTP --methods pap

# ---- accounting ----
detail() { awk -v RS= -v want="$1" '$0 ~ want { n++ } END { print n + 0 }' "$rad/detail"; }
t "accounting: as many ends as begins" soon eval '[ "$(detail "Acct-Status-Type = Start")" -gt 10 ] && [ "$(detail "Acct-Status-Type = Start")" = "$(detail "Acct-Status-Type = Stop")" ]'
t "Class comes back" [ "$(detail 'Class = 0x676f6c64')" -ge 2 ]
t "the request said who asks" grep -q 'NAS-Identifier = "gate"' "$rad/detail"

# ---- silence, and a wrong secret ----
radius_stop
t "a server that is gone: the cause says so" refused ADIT-RADIUS-SILENT
t "and is named" log_has 'radius.server.dead.*server=fr'
t "it is asked when it is back" eval 'radius_start && soon once'
radius_stop
t "another secret" eval 'radius_start not-the-one && refused ADIT-RADIUS-SILENT'
t "is told apart from silence" log_has 'radius.server.*fr.*secret'
radius_stop
t "it stops cleanly" stop
t "nothing was said that is secret" eval '! grep -q -e trustno1 -e testing- "$work/log"'

# ---- the same clients, whoever knows the users ----
radius_start "testing-$$-secret" >/dev/null
for who in local radius; do
    conf || exit 1
    [ $who = local ] || with_radius
    t "users of auth-$who: the daemon serves" start
    for how in "--tunnel l2tp" "$PPTP"; do
        t "users of auth-$who: $how" once $how
        t "users of auth-$who: $how: a wrong password" refused ADIT-AUTH-FAILED $how --password wrong
    done
    if [ $who = local ]; then
        t "W20: a password that must be changed" eval 'adit user set --file "$work/conf/users.yaml" --must-change anna && adit reload'
        t "  is, by a client that has another, with keys for MPPE" once $PPTP --methods mschapv2 --new-password trust.no.2
        t "  and serves from then on" once $PPTP --password trust.no.2
        t "  the old one no longer" refused ADIT-AUTH-FAILED
    fi
    t "users of auth-$who: it stops" stop
done
done_testing
