#!/bin/bash
# history.sh - sessions and refused logins stand in the history with the right numbers, also
# after the daemon was killed and while its disk was full (row O7).
. "$(dirname "$0")/lib.sh"
dialling=
# dial [options]: a client of ours in the background, until `hang_up`
dial() {
    : >"$work/dial"
    ip netns exec "$id-c" "$top_builddir/adit-bench-dial" --plugins "$work/plugins" --state "$work" --to 192.0.2.1 \
        --user anna --password trustno1 "$@" >"$work/dial" 2>&1 &
    dialling=$!
    soon grep -q '^up ' "$work/dial"
}
hang_up() { [ -z "$dialling" ] || { kill "$dialling"; wait "$dialling"; } 2>/dev/null; dialling=; }
trap 'hang_up; cleanup' EXIT
past() { local e=$1; shift; adit history --limit 10000 --json "$@" | python3 -c "import json,sys; s=json.load(sys.stdin)['sessions']; sys.exit(0 if ($e) else print(s[:3]) or 1)"; }
up() { json "len([s for s in j if s['state']=='up'])==$1" sessions; }
gone() { json 'j==[]' sessions; }
kill_it() { kill -9 "$pid"; wait "$pid" 2>/dev/null; pid=; let_go; }
[ -e "$work/plugins/history-sqlite.so" ] || skip_all "history-sqlite was not built"

conf || exit 1
t "without a history adit says how to have one" eval 'start && ! adit history 2>"$work/err"; rc=$?; stop; grep -q "type: history" "$work/err" && [ $rc = 0 ]'
cat >>"$work/conf/aditd.yaml" <<'Y'
accounting:
  - type: history
    window: 100ms
Y
sed -i 's/^ppp:/ppp:\n  accounting-interval: 1s/' "$work/conf/aditd.yaml"
grep -q accounting-interval "$work/conf/aditd.yaml" || printf 'ppp:\n  accounting-interval: 1s\n' >>"$work/conf/aditd.yaml"
db=$work/conf/state/history-sqlite/history.db

t "the daemon serves" start
t "nothing yet" eval '[ "$(adit history)" = "No session." ] && past "s==[]"'
t "20 sessions over L2TP end" eval 'load --sessions 20 --ping 3 && soon gone'
t "  and are in the history at once, with what they carried" past 'len(s)==20 and all(x["state"]=="ended" and x["protocol"]=="l2tp" and x["user"]=="anna" and x["code"]=="ADIT-PEER-HANGUP" and x["packets_in"]>=3 and x["bytes_in"]>0 and x["address"].startswith("10.99.0.") and x["peer"]=="192.0.2.2" for x in s)'
over_pptp() { dial --tunnel pptp --mppe && cli ping -c 5 -i 0.2 -I "$(awk '/^up /{ print $3 }' "$work/dial")" 10.99.0.1; local rc=$?; hang_up; soon gone; return $rc; }
t "a session over PPTP too" over_pptp
t "  with its five echoes of 84 bytes each way" past 'len(s)==21 and s[0]["protocol"]=="pptp" and s[0]["packets_in"]>=5 and s[0]["packets_out"]==5 and s[0]["bytes_out"]==420 and s[0]["method"]=="mschapv2"'
same() {
    hold --sessions 3 --hold 60 --ping 5
    soon up 3 && sleep 2 && adit sessions --json >"$work/now" && adit drop --user anna && soon gone; let_go
    adit history --json --limit 3 | python3 -c '
import json, sys
now = {s["session"]: s for s in json.load(open(sys.argv[1]))}
past = {s["session"]: s for s in json.load(sys.stdin)["sessions"]}
assert len(past) == 3 and set(now) == set(past), (list(now), list(past))
for k in past:
    assert past[k]["code"] == "ADIT-ADMIN" and past[k]["ras"] == 829
    for c in "bytes_in bytes_out packets_in packets_out address pool policy authenticator method".split():
        assert past[k][c] == now[k][c], (c, past[k][c], now[k][c])
    assert abs(past[k]["duration_ms"] - now[k]["duration_ms"]) < 3000' "$work/now"
}
t "its numbers are those of adit sessions" same
t "a refused login stands there with its cause" eval '! cli "$top_builddir/adit-load" --to 192.0.2.1 --user anna --password wrong --sessions 1 && past "s[0][\"state\"]==\"failed\" and s[0][\"code\"]==\"ADIT-AUTH-FAILED\" and s[0][\"ras\"]==691 and s[0][\"user\"]==\"anna\" and s[0][\"peer\"]==\"192.0.2.2\" and s[0][\"text\"]" --failed'
t "  once, and how often" eval '! cli "$top_builddir/adit-load" --to 192.0.2.1 --user nobody --password x --sessions 1; ! cli "$top_builddir/adit-load" --to 192.0.2.1 --user nobody --password x --sessions 1; past "len(s)==2 and s[0][\"user\"]==\"nobody\" and s[0][\"attempts\"]==2" --failed'
t "  one that had no port, too" eval 'hold --sessions 1 --hold 60; soon up 1 && adit ports set l2tp 1 && ! load --sessions 1; adit ports set l2tp 128; adit drop --all; let_go; soon gone; past "s[0][\"code\"]==\"ADIT-PORTS-EXHAUSTED\" and \"user\" not in s[0]" --failed'

# ---- questions
first=$(adit history --json | python3 -c 'import json,sys; print([s for s in json.load(sys.stdin)["sessions"] if s["state"]=="ended"][0]["session"])')
addr=$(adit history show "$first" --json | python3 -c 'import json,sys; print(json.load(sys.stdin)["address"])')
t "show: one session" eval 'adit history show "$first" | grep -q "^Why .*An operator"'
t "show: no such session" eval '! adit history show nosuch-1 2>"$work/err" && grep -q "no session .nosuch-1" "$work/err"'
t "by address, by user, by time" eval 'past "len(s)>=1 and all(x[\"address\"]==\"$addr\" for x in s)" --address "$addr" && past "len([x for x in s if x[\"state\"]==\"ended\"])==25" --user ANNA --since 1h --until now --address 192.0.2.2 && past "len(s)==0" --until yesterday && past "len(s)>=25" --since today'
t "who had the address at that moment" eval 'now=$(date +%s); past "len(s)==1 and s[0][\"session\"]==\"$first\"" --address "$addr" --since "$(adit history show "$first" --json | sed -n "s/.*\"since\": \"\(.*\)\".*/\1/p")" --limit 1'
t "pages: as many as asked, newest first, none twice" eval 'adit history --limit 10 | grep -q -- "--before" && past "len({x[\"session\"] for x in s if x[\"state\"]==\"ended\"})==25 and [x[\"since\"] for x in s]==sorted((x[\"since\"] for x in s), reverse=True)"'
t "summary per user" eval 'adit history summary --json | python3 -c "import json,sys; u={x.get(\"user\"): x for x in json.load(sys.stdin)[\"users\"]}; assert u[\"anna\"][\"sessions\"]==25 and u[\"anna\"][\"failures\"]==1 and u[\"nobody\"][\"failures\"]==2 and u[\"nobody\"][\"sessions\"]==0 and u[\"anna\"][\"bytes_in\"]>0, u" && adit history summary --since today | grep -q "^anna "'
t "wrong questions are answered with what would be right" eval '! adit history --since sometime 2>"$work/err" && grep -q "2026-11-21" "$work/err" && ! adit history --limit 0 2>/dev/null && ! adit history --address nowhere 2>/dev/null && { adit history --bogus x 2>/dev/null; [ $? = 2 ]; } && { adit history show 2>/dev/null; [ $? = 2 ]; } && ! adit history --before 7 2>/dev/null'
t "names in it cannot be SQL" past 's==[]' --user "x' OR '1'='1"
t "the file is root's alone" eval '[ "$(stat -c %a "$db")" = 600 ] && [ "$(stat -c %a "$(dirname "$db")")" = 700 ]'
t "other programs can read it meanwhile" python3 -c '
import sqlite3, sys
d = sqlite3.connect("file:%s?mode=ro" % sys.argv[1], uri=True)
assert d.execute("SELECT count(*) FROM session WHERE state = ?", ("ended",)).fetchone()[0] == 25
assert d.execute("SELECT user FROM readable LIMIT 1").fetchone() is not None' "$db"

# ---- crashes
crash() {
    load --sessions 10 --ping 2 || return 1
    hold --sessions 3 --hold 60 --ping 5
    soon up 3 && soon past 'len([x for x in s if x["state"]=="up" and x["bytes_in"]>0])==3' || return 1
    kill_it
    start || return 1
    past 'len([x for x in s if x["state"]=="ended"])==35 and len([x for x in s if x["state"]=="cut"])==3 and not [x for x in s if x["state"]=="up"]' &&
        past 'all(x["code"]=="ADIT-CRASH" and x["bytes_in"]>0 and x["duration_ms"]>0 for x in s[:3])'
}
t "kill -9: what had ended is there, what was up is closed, with its bytes" crash
many_crashes() {
    local i want
    for i in 1 2 3 4; do
        hold --sessions 20
        sleep 0.$((i * 2))
        want=$(adit history --json --limit 10000 | python3 -c 'import json,sys; print(len([s for s in json.load(sys.stdin)["sessions"] if s["state"]=="ended"]))')
        kill_it
        start && past "len([x for x in s if x['state']=='ended'])>=$want and len({x['session'] for x in s if x['state']!='failed'})==len([x for x in s if x['state']!='failed'])" || return 1
    done
    python3 -c 'import sqlite3,sys; assert sqlite3.connect(sys.argv[1]).execute("PRAGMA integrity_check").fetchone()[0]=="ok"' "$db"
}
t "killed in the middle of many logins, four times" many_crashes
at_the_end() {
    hold --sessions 50 --hold 60; soon up 50 || return 1
    stop; let_go
    start && past 'len([x for x in s if x["code"]=="ADIT-SHUTDOWN"])==50' --since 5m
}
t "stopped with 50 sessions: all have ended there" at_the_end
t "a reload takes options, and the history away and back" eval 'sed -i "s/window: 100ms/window: 50ms\n    keep: 1d/" "$work/conf/aditd.yaml" && adit reload && cp "$work/conf/aditd.yaml" "$work/with" && sed -i "/^accounting:/,\$d" "$work/conf/aditd.yaml" && adit reload && ! adit history 2>/dev/null && cp "$work/with" "$work/conf/aditd.yaml" && adit reload && soon past "len(s)>=84"'
t "it stops cleanly" stop

# ---- a disk that is full
cat >"$work/under" <<U
#!/bin/sh
mkdir -p "$work/small" && mount -t tmpfs -o size=400k adit "$work/small" && exec "\$@"
U
chmod +x "$work/under"
sed -i "s#type: history#&\n    file: \"$work/small/h.db\"#" "$work/conf/aditd.yaml"
inside() { nsenter -t "$pid" -m "$@"; }
full() {
    under="unshare -m $work/under" start || return 1
    load --sessions 3 && soon past 'len(s)==3' || return 1
    inside sh -c "cat /dev/zero >'$work/small/fill'" 2>/dev/null
    load --sessions 100 || return 1
    soon json 'any(i["type"]=="history" and "no room is left" in i["last_error"] and i["status"]["state"]=="waiting" for i in j)' plugins show history-sqlite --json ||
        soon eval 'adit plugins | grep -q "no room is left"'
}
t "a full disk: sessions are served, the error names it" full
t "  and everything is written when there is room" eval 'inside rm "$work/small/fill"; soon past "len(s)==103" || soon past "len(s)==103"'
t "  the log says that it goes on" eval 'adit log | grep -q history.resumed'
t "it stops cleanly" stop
done_testing
