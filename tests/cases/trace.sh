#!/bin/bash
# trace.sh - adit trace shows a login decoded, without a secret in it, adit capture writes what
# tshark dissects, and of failed attempts the last lines are kept (row T3).
. "$(dirname "$0")/lib.sh"
watching= catching=
let_all_go() { local p; for p in $watching $catching; do kill "$p" 2>/dev/null; wait "$p" 2>/dev/null; done; watching= catching=; }
trap 'let_all_go; cleanup' EXIT
# watch FILE arguments...: adit trace in the background, begun when this returns
watch() { local f=$1; shift; : >"$work/$f"; adit trace "$@" >"$work/$f" 2>"$work/$f.err" & watching="$watching $!"; soon grep -q tracing "$work/$f.err"; }
# catch FILE arguments...: adit capture in the background, begun when this returns
catch() {
    local f=$1; shift
    adit capture "$work/$f" "$@" >"$work/$f.out" 2>"$work/$f.err" & catching="$catching $!"
    soon grep -q capturing "$work/$f.err"
}
caught() { wait "${catching##* }"; local rc=$?; catching=${catching% *}; return $rc; }    # the last one, by itself
# The lines of FILE hold these patterns, in that order.
in_order() { python3 - "$@" <<'P'
import re, sys
lines = open(sys.argv[1]).read().split("\n")
at = 0
for want in sys.argv[2:]:
    while at < len(lines) and not re.search(want, lines[at]):
        at += 1
    if at == len(lines):
        sys.exit("not there, or too early: " + want + "\n" + "\n".join(lines))
    at += 1
P
}
dial() { timeout 20 ip netns exec "$id-c" "$top_builddir/adit-bench-dial" --plugins "$work/plugins" --state "$work" \
    --to 192.0.2.1 --user anna --password trustno1 "$@" >"$work/dial" 2>&1 & held=$!; soon grep -q '^up ' "$work/dial"; }
hash=$(printf trustno1 | iconv -t utf-16le | openssl dgst -md4 -provider legacy -provider default 2>/dev/null | sed 's/.*= *//')
no_secret() { ! grep -iE "trustno1|${hash:-trustno1}|wrong-password" "$@"; }
seen() { soon grep -q "$1" "$work/$2"; }

conf || exit 1
t "the daemon serves" start
t "a name or an address is needed" eval 'adit trace; [ $? = 2 ] && { adit trace --session 99; [ $? = 1 ]; } 2>"$work/err" && grep -q "adit sessions" "$work/err"'

watch all --all
watch anna anna
watch else berta
t "a login over L2TP" load --sessions 1 --ping 2
t "  is shown by the user's name, tunnel, LCP, authentication and IPCP in order" eval 'seen "session ended" anna && in_order "$work/anna" "<- L2TP SCCRQ.*Host Name" "-> L2TP SCCRP" "<- L2TP ICRQ" "<- LCP Configure-Request .*magic=0x" "-> CHAP Challenge .*value=16 bytes" "<- CHAP Response .*value=49 bytes name=.anna" "   session accepted by" "-> CHAP Success .*S=20 bytes" "<- IPCP Configure-Request .*address=0.0.0.0" "-> IPCP Configure-Nak .*address=10.99.0." "   session up: anna has 10.99.0." "<- L2TP StopCCN" "   session ended: ADIT-PEER-HANGUP"'
t "  to who watches everybody, too, and to nobody else" eval 'in_order "$work/all" "SCCRQ" "LCP Configure-Ack" "IPCP Configure-Ack" && [ ! -s "$work/else" ]'
if [ -x "$top_builddir/adit-bench-dial" ] && [ -e "$work/plugins/tunnel-pptp.so" ]; then
    t "and one over PPTP, with MPPE" dial --tunnel pptp --mppe
    let_go
    t "  is shown as well" eval 'seen "PPTP Stop-Control" all && in_order "$work/all" "<- PPTP Start-Control-Connection-Request.*host_name" "-> PPTP Outgoing-Call-Reply.*result=connected" "<- LCP" "<- CHAP Response" "CCP Configure-Ack.* mppe=128" "IPCP Configure-Ack" "LCP Terminate-Ack"'
fi
t "clear passwords do not show" eval 'sed -i "s/^\( *auth: \)\[.*/\1[mschapv2, pap]/" "$work/conf/aditd.yaml" && adit reload && load --sessions 1 --pap; seen "PAP Authenticate-Request.*anna.*password not shown" all'
t "nothing secret is in any line" no_secret "$work/all" "$work/anna"
let_all_go

# ---- afterwards
failed() { ! cli "$top_builddir/adit-load" --to 192.0.2.1 --user anna --password wrong-password --sessions 1; }
t "a refused login" failed
kept() {
    local s; s=$(adit log | sed -n 's/.*session\.refused session=\([^ ]*\).*/\1/p' | tail -1)
    adit trace --kept "$s" >"$work/kept" && in_order "$work/kept" "<- L2TP SCCRQ" "<- LCP Configure-Request" \
        "<- CHAP Response" "session refused: ADIT-AUTH-FAILED" "-> CHAP Failure .*E=691" "session ended: ADIT-AUTH-FAILED" &&
        no_secret "$work/kept"
}
t "  is kept with its lines, tunnel and all, without a secret" kept
full() {
    hold --sessions 1 --hold 30
    soon json 'len([s for s in j if s["state"]=="up"])==1' sessions
    adit ports set l2tp 1 && ! load --sessions 1; local rc=$?
    adit ports set l2tp 128; adit drop --all; let_go
    adit trace --kept 192.0.2.2 >"$work/kept"
    [ $rc = 0 ] && in_order "$work/kept" "<- L2TP SCCRQ" "<- L2TP ICRQ" "session refused: ADIT-PORTS-EXHAUSTED" "-> L2TP CDN"
}
t "a call that was refused before PPP is kept by its address" full
t "one that went well is not" eval 'load --sessions 1 && s=$(adit log | sed -n "s/.*session\.up session=\([^ ]*\).*/\1/p" | tail -1) && ! adit trace --kept "$s" 2>"$work/err" && grep -q "nothing is kept" "$work/err"'

# ---- captures
t "a capture ends after so many frames" eval 'catch few.pcapng --packets 5 && load --sessions 1 && caught && grep -q "^5 frames" "$work/few.pcapng.out" && [ "$(stat -c %a "$work/few.pcapng")" = 600 ]'
some() {
    hold --sessions 1 --hold 30 --ping 1
    soon json 'j[0]["state"]=="up"' sessions
    catch none.pcapng --user berta --seconds 1 || return 1
    local none=${catching##* }
    catch one.pcapng --session "$(adit sessions --json | sed -n 's/.*"id": \([0-9]*\).*/\1/p' | head -1)" --packets 1
    adit drop --all
    wait "${catching##* }" && wait "$none"; local rc=$?
    catching=; let_go
    [ $rc = 0 ] && grep -q "^0 frames" "$work/none.pcapng.out" && grep -q "^1 frames" "$work/one.pcapng.out"
}
t "frames of one session alone, none of somebody else" some
# One look of tshark at a capture, a line a frame: kept in the file's name and .txt.
dissect() {
    tshark -r "$work/$1" -T fields -e _ws.col.Protocol -e _ws.col.Info -e frame.interface_name -e icmp.type \
        -e frame.packet_flags_direction -e _ws.malformed >"$work/$1.txt" 2>"$work/err" &&
        ! grep -qi "cut short\|damaged\|corrupt" "$work/err" && ! grep -i malformed "$work/$1.txt"
}
echoes() { awk -F'\t' -v t="$2" -v d="$3" '$4 == t && $5 == d { n++ } END { exit n != 3 }' "$work/$1.txt"; }
over_l2tp() { catch l2tp.pcapng && load --sessions 1 --ping 3; let_all_go; test -s "$work/l2tp.pcapng"; }
over_pptp() {
    catch pptp.pcapng && dial --tunnel pptp --mppe &&
        cli ping -c 3 -i 0.2 -I "$(awk '/^up /{ print $3 }' "$work/dial")" 10.99.0.1
    local rc=$?
    let_go; seen_down; let_all_go
    return $rc
}
seen_down() { soon eval '! json "any(s[\"tunnel\"]==\"pptp\" for s in j)" sessions'; }
t "a capture of a login over L2TP and three echoes" over_l2tp
if command -v tshark >/dev/null; then
    t "  tshark reads it without complaint" dissect l2tp.pcapng
    t "  the tunnel's messages and PPP's, in order" in_order "$work/l2tp.pcapng.txt" "L2TP.*SCCRQ.*control" "PPP LCP.*Configuration Request" "PPP CHAP.*Challenge" "PPP IPCP.*Configuration Ack" "L2TP.*StopCCN"
    t "  the echoes that came, and the answers that went" eval 'echoes l2tp.pcapng 8 1 && echoes l2tp.pcapng 0 2'
    if [ -x "$top_builddir/adit-bench-dial" ] && [ -e "$work/plugins/tunnel-pptp.so" ]; then
        t "PPTP: what MPPE hides on the wire" eval 'over_pptp && dissect pptp.pcapng && in_order "$work/pptp.pcapng.txt" "PPTP.*Start-Control-Connection-Request" "PPTP.*Outgoing-Call-Reply" "PPP CCP" "ICMP.*request" && echoes pptp.pcapng 8 1 && echoes pptp.pcapng 0 2'
    fi
else
    n=$((n + 1)); echo "ok $n - tshark # SKIP tshark is not installed"
fi
t "a PAP password is not in a capture" eval 'catch pap.pcapng --address 192.0.2.2 && load --sessions 1 --pap; let_all_go; grep -q anna "$work/pap.pcapng" && ! grep -q trustno1 "$work/pap.pcapng"'
t "a file that cannot be written is named" eval '! adit capture "$work/nowhere/x.pcapng" 2>"$work/err" && grep -q "nowhere/x.pcapng: No such file" "$work/err"'
t "it stops cleanly" stop
done_testing
