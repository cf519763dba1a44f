#!/bin/bash
# operate.sh - everything that adit can ask of a daemon that serves: JSON of every command,
# accounts, drop-ins, ports, a daemon that was killed (rows O2 S5 S8 S12).
. "$(dirname "$0")/lib.sh"
state() { srv sh -c 'ip -br link; ip -4 route; ip -4 neigh show proxy; cat /proc/sys/net/ipv4/ip_forward' | sort; }
before=$(state)
conf --user bert:trustno1 || exit 1
start || exit 1
hold --sessions 2 --hold 120
two_up() { json 'len([s for s in j if s["state"]=="up" and s["id"]<3])==2' sessions; }
t "two sessions are up" soon two_up

valid() { adit "$@" --json 2>/dev/null | python3 -m json.tool >/dev/null; }
for c in status ports sessions "sessions show 1" "sessions show 999" "sessions --failed" users "user show anna" "user show x" \
         policies "policy explain --user anna" "policy add all --deny" "policy move default --first" "policy remove nosuch" "policy explain --bogus x" pools plugins "plugins show pptp" "plugins show nosuch" \
         log "drop 999" "drop --user nobody" "ports set pptp 5" "ports set nosuch 5" "ports set pptp -1" "ports set pptp 9999999" \
         reload "user set bert --allow" version help "sessions bogus" "user bogus"; do
    t "JSON: $c" valid $c
done
t "JSON: log --follow, a line each" eval 'timeout 2 "$top_builddir/adit" --socket "$sock" log --follow --json | head -3 | while read -r l; do echo "$l" | python3 -m json.tool || exit 1; done'
t "the daemon is chosen by an option, anywhere" eval 'ADIT_SOCKET=/nosuch "$top_builddir/adit" sessions --socket "$sock" --json | grep -q anna && "$top_builddir/adit" --socket="$sock" --json sessions | grep -q anna'
t "users are those of the daemon" json 'sorted(u["name"] for u in j)==["anna","bert"]' users

as_bert() { cli "$top_builddir/adit-load" --to 192.0.2.1 --user bert --password trustno1 --sessions 1; }
t "an account that is denied is refused at once" eval 'as_bert && adit user set bert --deny && ! as_bert && json "j[0][\"code\"]==\"ADIT-NO-PERMISSION\" and j[0][\"ras\"]==649" sessions --failed'
t "  and served when it is allowed again" eval 'adit user set bert --allow && as_bert'
t "a policy is added while it serves, before the default one" eval 'adit policy add certificates --grant --user bert --permit-method eap-tls | grep -q "number 1 of 2; the daemon has taken it"'
t "  profile and server are in conflict: refused, both are named" eval '! as_bert && json "j[0][\"code\"]==\"ADIT-CONFLICT\" and \"permits the methods [eap-tls], ppp.auth offers [mschapv2]\" in j[0][\"text\"]" sessions --failed'
t "  a dry run says the same" json 'j[0]["verdict"]=="deny" and j[0]["policy"]=="certificates" and j[0]["cause"]=="ADIT-CONFLICT"' policy explain --user bert --method mschapv2
t "  each condition that fails is told" eval 'adit policy explain --user anna --method mschapv2 | grep -q "no when.users wants bert, it is anna"'
t "  and removed, in a file that is otherwise as it was" eval 'cp "$work/conf/aditd.yaml" "$work/was" && adit policy move certificates --last --json >"$work/json" && adit policy remove certificates && as_bert && ! grep -q certificates "$work/conf/aditd.yaml" && ! diff "$work/was" "$work/conf/aditd.yaml" | grep -q "^>"'
t "an account may be bound to where it calls from" eval 'adit user set bert --calling-station "10.*" && ! as_bert && json "j[0][\"code\"]==\"ADIT-RESTRICTED\"" sessions --failed && adit user set bert --calling-station "" && as_bert'

mkdir "$work/conf/conf.d"
printf 'ppp:\n  mtu: 1290\n' >"$work/conf/conf.d/10-a.yaml"
printf 'ppp:\n  mtu: 1280\n' >"$work/conf/conf.d/20-b.yaml"
printf 'ppp:\n  bogus: 1\n' >"$work/conf/conf.d/30-c.yaml.off"
kill -HUP "$pid"; sleep 0.5
t "sessions stay over SIGHUP" two_up
third() { load --sessions 1 --hold 3 >/dev/null 2>&1 & soon json 'any(s["mtu"]==1276 for s in j if s["state"]=="up")' sessions; }    # MPPE needs 4
t "drop-ins are read in the order of their names" third
printf 'ppp:\n  mtuu: 1\n' >"$work/conf/conf.d/40.yaml"
t "one with an error changes nothing and is told" eval '! adit reload 2>"$work/err" && grep -q "conf.d/40.yaml:2:3: unknown option .mtuu.; did you mean .mtu." "$work/err" && two_up'
rm "$work/conf/conf.d/40.yaml"

t "0 ports while sessions are up: they stay" eval 'adit ports set l2tp 0 && two_up && json "any(p[\"state\"]==\"off\" for p in j)" ports'
t "  nobody else comes in" eval '! load --sessions 1'
t "  until there are ports again" eval 'adit ports set l2tp 128 && load --sessions 1 --ping 1 && two_up'
t "off and on, many times" eval 'for i in 1 2 3 4 5; do adit ports set pptp 0 && adit ports set pptp 3 && adit ports set l2tp 0 && adit ports set l2tp 128 || exit 1; done; two_up'

kill -9 "$pid"; wait "$pid" 2>/dev/null
t "killed, it starts again" start
t "  without its sessions" json 'j==[]' sessions
let_go
t "  clients call again" load --sessions 3 --ping 2
t "it stops cleanly" stop
t "nothing is left on the host" eval '[ "$before" = "$(state)" ] || { diff <(echo "$before") <(state); false; }'
done_testing
