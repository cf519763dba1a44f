#!/bin/bash
# without.sh - the core has no tunnel, authenticator, pool or policy of its own (row P1):
# the daemon runs with each plugin's file taken away, and lacks that feature alone.
. "$(dirname "$0")/lib.sh"
conf --psk not-so-short-a-key || exit 1
mkdir "$work/conf/conf.d"
cat >"$work/conf/conf.d/second.yaml" <<'END'
pools:
  - type: dhcp
    interface: out
    timeout: 1s
END
mkdir "$work/away"
for so in "$work"/plugins/*.so; do
    name=$(basename "$so" .so)
    mv "$so" "$work/away/"
    case $name in
    auth-radius|history-sqlite)                    # this configuration has none of its kind
        t "without $name it serves" start
        t "without $name everybody gets in" load --sessions 1
        t "without $name it stops cleanly" stop
        mv "$work/away/$name.so" "$work/plugins/"
        continue ;;
    esac
    t "without $name it serves" start
    t "without $name it is degraded and says why" json 'j["state"]=="degraded" and any("no plugin offers" in w for w in j["why"])' status
    case $name in
    tunnel-pptp|ipsec-ike|pool-dhcp) t "without $name clear L2TP is served" load --sessions 2 --ping 1 ;;
    *) t "without $name nobody gets in" eval '! load --sessions 1' ;;
    esac
    t "without $name --check says so" eval '! srv "$top_builddir/aditd" --check --config "$work/conf/aditd.yaml" 2>"$work/err"; grep -q "no plugin offers" "$work/err"'
    t "without $name it stops cleanly" stop
    mv "$work/away/$name.so" "$work/plugins/"
done
mv "$work"/plugins/*.so "$work/away/"
t "without any plugin it runs" start
t "and knows that it cannot serve" json 'j["state"]=="degraded"' status
t "and stops cleanly" stop
printf 'not an object\n' >"$work/plugins/bad.so"
install -m 666 "$work/away/auth-local.so" "$work/plugins/open.so"
head -c 5000 "$work/away/pool-range.so" >"$work/plugins/cut.so"
chmod 666 "$work/plugins/open.so"
t "damaged and writable plugins are refused, with a reason" eval 'start && json "len(j)==3 and all(p[\"state\"]==\"refused\" and len(p[\"error\"])>10 for p in j)" plugins; rc=$?; adit plugins; stop; [ $rc = 0 ]'
done_testing
