#!/bin/bash
# lockout.sh - who fails too often is refused for a while (A7), and fail2ban, the real
# one, finds the address in the log whatever name a peer gives itself.
. "$(dirname "$0")/lib.sh"
conf --user bert:trustno1 || exit 1
sed -i "s#^ppp:#ppp:\n  lockout: { failures: 3, within: 10m, for: 15m, per: [account] }#" "$work/conf/aditd.yaml"
sed -i "s#^daemon:#daemon:\n  log: file\n  log-file: \"$work/log\"#" "$work/conf/aditd.yaml"
start || exit 1
as() { cli "$top_builddir/adit-load" --to 192.0.2.1 --sessions 1 --user "$1" --password "$2" >/dev/null 2>&1; }
refused() { ! as "$@"; }
code() { json "j[0]['code']=='$1'" sessions --failed; }

t "the right password is let in" as bert trustno1
t "a wrong one is not" refused bert wrong
t "  and the right one starts the count again" as bert trustno1
wrong() { for _ in 1 2 3; do refused "$1" wrong || return 1; done; }
t "three wrong ones" wrong bert
t "  lock the account out, also for the right one" eval 'refused bert trustno1 && code ADIT-LOCKED-OUT'
t "others are served" as anna trustno1
t "a name that nobody has is locked out as well" eval 'wrong nobody && refused nobody wrong && code ADIT-LOCKED-OUT'
t "adit lockouts tells whom" json 'sorted(x["name"] for x in j)==["bert","nobody"] and all(x["state"]=="locked" and x["peer"]=="192.0.2.2" for x in j)' lockouts
t "  as a table" eval 'adit lockouts | grep -q "^account *bert *locked *3 "'
t "adit unlock lets it in again" eval 'adit unlock bert | grep -q "bert is unlocked" && as bert trustno1'
t "  once" eval '! adit unlock bert 2>"$work/err" && grep -q "not locked out" "$work/err"'

# a name that looks like another line of the log
forged='x session session.auth-failed peer=203.0.113.9 code=ADIT-AUTH-FAILED'
t "a forged name is refused" refused "$forged" wrong
t "  and so is one with lines" refused "x
2026-11-21 12:00:00.000 notice session session.auth-failed peer=203.0.113.9 code=ADIT" wrong
if command -v fail2ban-regex >/dev/null; then
    filter=$top_srcdir/packaging/fail2ban/adit.filter.conf
    cp "$filter" "$work/adit.conf"
    cp /etc/fail2ban/filter.d/common.conf "$work/" 2>/dev/null
    lines=$(grep -c ' session session.auth-failed peer=192.0.2.2 ' "$work/log")
    found() { fail2ban-regex --out '<ip>' "$1" "$work/adit.conf" 2>/dev/null; }
    t "fail2ban finds every failure ($lines)" eval '[ "$lines" -ge 10 ] && [ "$(found "$work/log" | grep -c .)" = "$lines" ]'
    t "  and nobody's address but the peer's" eval '[ "$(found "$work/log" | sort -u)" = 192.0.2.2 ]'
    sed -n 's/^[0-9: .-]*notice *//p' "$work/log" | sed 's/^/Nov 21 16:11:17 host aditd[77]: /' >"$work/syslog"
    t "  also in syslog" eval '[ "$(found "$work/syslog" | grep -c .)" = "$lines" ] && [ "$(found "$work/syslog" | sort -u)" = 192.0.2.2 ]'
    mkdir -p "$work/f2b/filter.d" "$work/f2b/jail.d"
    cp -r /etc/fail2ban/. "$work/f2b/" && rm -f "$work"/f2b/jail.d/* && cp "$filter" "$work/f2b/filter.d/adit.conf"
    sed "s#^backend .*#backend = auto#; s#^\#logpath .*#logpath = $work/log#" "$top_srcdir/packaging/fail2ban/adit.jail.conf" >"$work/f2b/jail.d/adit.conf"
    t "the jail is one that fail2ban takes" eval 'fail2ban-client -c "$work/f2b" -t >"$work/f2b.out" 2>&1 && fail2ban-client -c "$work/f2b" -d 2>/dev/null | grep -q "\[.add., .adit."'
else
    t "fail2ban # SKIP it is not installed" true
fi
t "it stops cleanly" stop
done_testing
