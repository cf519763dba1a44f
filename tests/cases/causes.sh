#!/bin/bash
# causes.sh - why it failed: the causes of adit-diagnose(7) that need a daemon, each named
# after its row there, and what `adit explain` says (row T1).
. "$(dirname "$0")/lib.sh"
t "D02 the daemon does not run" eval '! adit status 2>"$work/err" && grep -q "ADIT-NOT-RUNNING.*systemctl start adit" "$work/err"'

conf --user bert:trustno1 --user carl:trustno1 || exit 1
y=$work/conf/aditd.yaml
for user in bert carl; do adit user set $user --policy --config "$work/conf" >/dev/null || exit 1; done
sed -i 's/ports: 128/ports: 0/' "$y"
other=$(LC_ALL=C date -d '+3 days' +%a | tr A-Z a-z)
python3 - "$y" "$other" <<'P'
import sys
path, day = sys.argv[1:]
lines = open(path).read().split('\n')
at = lines.index('auth:') - 1
lines[at:at] = ['  - type: l2tp', '    name: closed', '    listen: ["192.0.2.1:1702"]', '    ports: 0']
at = next(i for i, l in enumerate(lines) if '- name: default' in l)
lines[at:at] = ['      - name: staff', '        when: { groups: [staff] }', '        permission: grant',
                '      - name: one-day', '        when: { users: [bert] }', '        permission: grant',
                '        profile:', '          hours: ["%s 08:00-09:00"]' % day,
                '      - name: quiet', '        when: { users: [carl] }', '        permission: grant',
                '        profile: { filter-in: none }']
open(path, 'w').write('\n'.join(lines) + '\nfilters:\n  - name: none\n    default: deny\n')
P
line() { grep -n -- "$1" "$y" | head -1 | cut -d: -f1; }
start || exit 1
as() { cli timeout 10 "$top_builddir/adit-load" --to 192.0.2.1 --user "$1" --password "${2-trustno1}" --sessions 1 >/dev/null 2>&1; }
# why EXPRESSION [ATTEMPT]: of what adit explain says
why() { json "$1" explain ${2-}; }

t "nothing failed yet" eval '! adit explain 2>"$work/err" && grep -q "no attempt failed" "$work/err"'
t "D03 it runs, and nothing serves" json 'not j["serves"] and j["not_serving"].startswith("ADIT-NOT-SERVING: ") and j["not_serving"].endswith("aditd.yaml:'"$(line '^tunnels:')"')")' status
t "D04 the tunnels have no ports" json 'all(t["error"].startswith("ADIT-PROTOCOL-OFF: ") for t in j["tunnels"]) and "tunnels[pptp].ports" in j["tunnels"][0]["error"] and j["tunnels"][0]["error"].endswith("aditd.yaml:'"$(line 'ports: 0')"')")' status
for tunnel in l2tp closed; do adit ports set $tunnel 8 >/dev/null; done
t "  until they get some" json 'j["serves"] and not j["not_serving"]' status

t "a wrong password: the account's line" eval '! as anna wrong && why "j[\"code\"]==\"ADIT-AUTH-FAILED\" and j[\"ras\"]==691 and j[\"setting\"]==\"users[anna]\" and j[\"written\"] and j[\"where\"]==\"$work/conf/users.yaml:$(grep -n "name: .anna" "$work/conf/users.yaml" | cut -d: -f1)\""'
t "  how far it came" why '[(r["rung"], r["state"]) for r in j["ladder"]][3:6]==[("link","passed"),("authenticate","failed"),("policy","not reached")] and j["reached"]=="authenticate" and j["policies"]==[]'
t "  what was said" why 'any("<- LCP" in l["text"] for l in j["negotiation"]) and any("CHAP" in l["text"] and "691" in l["text"] for l in j["negotiation"]) and not any("wrong" == w for l in j["negotiation"] for w in l["text"].split())'
t "D12 one that nobody knows" eval '! as nobody x && why "j[\"code\"]==\"ADIT-UNKNOWN-USER\" and j[\"ras\"]==691 and j[\"where\"].endswith(\"aditd.yaml:$(line ^auth:)\")"'
t "  hears the same" why 'any("E=691" in l["text"] and "ADIT-AUTH-FAILED" in l["text"] for l in j["negotiation"]) and not any("UNKNOWN" in l["text"] for l in j["negotiation"] if l["text"].startswith("->"))'

t "D10 not at this hour: the profile's line" eval '! as bert && why "j[\"code\"]==\"ADIT-HOURS\" and j[\"ras\"]==646 and j[\"setting\"]==\"policies[one-day].profile.hours\" and j[\"where\"]==\"$y:$(line hours:)\" and j[\"reached\"]==\"policy\""'
t "  which policies did not match, and why" why '(lambda p: p[0]["name"]=="staff" and not p[0]["matches"] and p[0]["conditions"][0]["condition"]=="groups" and p[1]["name"]=="one-day" and p[1]["decides"])(j["policies"][0]["policies"])'
t "  on a page" eval 'adit explain >"$work/page" && grep -q "^ADIT-HOURS (RAS error 646): Not at this time of day.$" "$work/page" && grep -q "Ladder *tunnel > port > call > link > authenticate > policy FAILED$" "$work/page" && grep -q "1. staff *does not match" "$work/page" && grep -q "groups: wants" "$work/page" && grep -q "2. one-day *matches, decides" "$work/page" && grep -q "Remedy" "$work/page" && grep -q -- "-> " "$work/page"'
t "attempts are found by number and identifier" eval 'which=$(adit sessions --failed --json | python3 -c "import json,sys; j=json.load(sys.stdin); print(j[1][\"id\"], j[1][\"session\"])") && why "j[\"user\"]==\"nobody\"" ${which% *} && why "j[\"user\"]==\"nobody\"" ${which#* }'
t "  those that are not there are not" eval '! adit explain 999999 2>"$work/err" && grep -q "adit sessions --failed" "$work/err" && ! adit explain a b 2>/dev/null'
t "the table has setting and place" eval 'adit sessions --failed | grep -q "policies\[one-day\].profile.hours *$y:"'
t "so has the log" eval 'grep -q "session.refused .*setting=policies.one-day.\.profile.hours .*where=.*aditd.yaml:.* ras=646" "$work/log"'

(cli timeout 3 "$top_builddir/adit-load" --to 192.0.2.1:1702 --user anna --password trustno1 --sessions 1 >/dev/null 2>&1 &)
t "D07 L2TP in clear where IPsec is required" soon why 'j["code"]=="ADIT-CLEAR-REFUSED" and j["tunnel"]=="closed" and j["setting"]=="tunnels[closed].require-security" and not j["written"] and j["reached"]=="tunnel" and j["peer"]=="192.0.2.2"'

ip netns exec "$id-c" "$top_builddir/adit-load" --to 192.0.2.1 --user carl --password trustno1 --sessions 1 --ping 3 --hold 15 >/dev/null 2>&1 &
held=$!
up() { json 'len([s for s in j if s["state"]=="up" and s["filtered_in"]>0])==1' sessions; }
t "D25 a profile's filter drops what a session sends" eval 'soon up && why "j[\"findings\"][0][\"code\"]==\"ADIT-FILTERED\" and j[\"findings\"][0][\"setting\"]==\"filters[none]\" and j[\"findings\"][0][\"where\"]==\"$y:$(line "^  - name: none")\"" "$(adit sessions --json | python3 -c "import json,sys; print(json.load(sys.stdin)[0][\"id\"])")"'
t "  told in the log at its end" eval 'adit drop --all && soon grep -q "session.finding .*code=ADIT-FILTERED" "$work/log"'
let_go

sed -i 's/ports: 0/ports: 8/; s/auth: .mschapv2.$/auth: [pap]/' "$y"
t "D08 no method in common" eval 'adit reload && ! as anna && why "j[\"code\"]==\"ADIT-NO-COMMON-METHOD\" and j[\"setting\"]==\"ppp.auth\" and j[\"where\"]==\"$y:$(line "auth: .pap")\""'
sed -i 's/auth: .pap.$/auth: [mschapv2]/' "$y"
mkdir "$work/conf/conf.d"
printf '# for a test\nppp:\n  calls-per-second-per-address: 1\n' >"$work/conf/conf.d/10-slow.yaml"
t "a setting of a drop-in: its file and line" eval 'adit reload && ! { as anna && as anna; } && why "j[\"code\"]==\"ADIT-RESOURCE\" and j[\"reached\"]==\"port\" and j[\"setting\"]==\"ppp.calls-per-second-per-address\" and j[\"where\"]==\"$work/conf/conf.d/10-slow.yaml:3\""'
rm "$work/conf/conf.d/10-slow.yaml"

ping_() { cli ping -c 1 -W 1 192.0.2.1; }
if command -v nft >/dev/null && command -v ping >/dev/null && ping_ >/dev/null 2>&1 && srv nft list tables >/dev/null 2>&1; then
    sed -i 's/^network:/network:\n  internet-interface: out/' "$y"
    t "D20 ping is dropped where the interface is closed, tunnels are not" eval 'adit reload && ! ping_ && as anna'
    sed -i 's/^network:/network:\n  admit: [icmp-echo]/' "$y"
    t "  until it is admitted" eval 'adit reload && ping_'
else
    t "D20 ping # SKIP nft or ping is not installed, or not permitted" true
fi
t "it stops cleanly" stop

chmod 666 "$work/conf/users.yaml"
t "D18 accounts that the daemon may not use" eval 'start && ! as anna && why "j[\"code\"]==\"ADIT-AUTH-UNAVAILABLE\" and j[\"ras\"]==930 and j[\"setting\"]==\"auth\" and j[\"where\"].endswith(\"aditd.yaml:$(line ^auth:)\")"'
done_testing
