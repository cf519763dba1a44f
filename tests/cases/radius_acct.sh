#!/bin/bash
# radius_acct.sh - accounting and CoA against FreeRADIUS: every session one Start and one
# Stop, whatever is killed; sessions changed and ended by radclient, and by nobody else.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/freeradius.sh"
command -v radclient >/dev/null || skip_all "freeradius-utils is not installed"
[ -e "$work/plugins/auth-radius.so" ] || skip_all "auth-radius was not built"
mkdir -p "$rad"
: >"$rad/users"                 # who may log in is in our own file
radius_start || exit 1

conf || exit 1
python3 - "$work/conf/aditd.yaml" "$rad_secret" <<'END'
import sys
p = sys.argv[1]
s = open(p).read()
i = s.index('\npools:')
s = s[:i] + '''
  - type: radius
    name: main
    servers:
      - host: 198.51.100.2
        secret: SECRET
        timeout: 200ms
        tries: 2
    dead-time: 1s
    nas:
      identifier: gate
    coa:
      listen: 198.51.100.1
      clients:
        - network: 198.51.100.2/32
          secret: coa-secret

accounting:
  - type: radius
    name: main
    limit: 1s
'''.replace('SECRET', sys.argv[2]) + s[i:]
open(p, 'w').write(s)
END

# seen EXPRESSION: over what the server wrote: records, in the order in which they came
cat >"$work/seen.py" <<'END'
import sys
records, one = [], None
for line in open(sys.argv[1]):
    if not line.strip():
        one = None
    elif not line[0].isspace():
        one = {}
        records.append(one)
    elif one is not None and '=' in line:
        k, v = line.strip().split(' = ', 1)
        one.setdefault(k, v.strip('"'))
def of(status):
    return [r for r in records if r.get('Acct-Status-Type') == status]
starts, stops, ons, offs = of('Start'), of('Stop'), of('Accounting-On'), of('Accounting-Off')
def place(r):
    return records.index(r)
def once():
    """Each session: one Start and after it one Stop."""
    ids = {r['Acct-Session-Id'] for r in starts + stops}
    for i in ids:
        a = [r for r in starts if r['Acct-Session-Id'] == i]
        z = [r for r in stops if r['Acct-Session-Id'] == i]
        if len(a) != 1 or len(z) != 1 or place(a[0]) > place(z[0]):
            print('session', i, len(a), 'Start', len(z), 'Stop')
            return False
    return True
ok = eval(sys.argv[2])
if not ok:
    print('starts', len(starts), 'stops', len(stops), 'ons', len(ons), 'offs', len(offs))
    print(sys.argv[2])
sys.exit(0 if ok else 1)
END
touch "$rad/detail"
seen() { python3 "$work/seen.py" "$rad/detail" "$1"; }
forget() { : >"$rad/detail"; }

# ---- accounting
start || exit 1
t "Accounting-On is the first" soon seen 'len(records)==1 and len(ons)==1 and ons[0]["NAS-Identifier"]=="gate"'
t "sessions" load --sessions 20 --ping 3
t "  each has one Start and one Stop" soon seen 'len(starts)==20 and len(stops)==20 and once()'
t "  which say who, where and how much" seen 'all(r["User-Name"]=="anna" and r["Framed-IP-Address"].startswith("10.99.0.") and r["Acct-Authentic"]=="Local" and r["NAS-Identifier"]=="gate" and int(r["Event-Timestamp"] != "") for r in starts+stops) and all(r["Acct-Terminate-Cause"]=="User-Request" and int(r["Acct-Input-Packets"])>=3 and int(r["Acct-Input-Octets"])>0 for r in stops)'

forget
radius_stop
t "the server is killed: sessions go on" load --sessions 10
hold --sessions 3 --hold 600
up() { json "len([s for s in j if s['state']=='up'])==$1" sessions; }
t "  others come" soon up 3
sleep 1
t "  nothing is lost when it is back" eval 'radius_start && soon seen "len(starts)==13 and len(stops)==10"'
adit drop --user anna >/dev/null
t "  nor doubled" soon seen 'len(starts)==13 and len(stops)==13 and once() and len(ons)==0'
let_go

forget
radius_stop
t "the server is killed, then we are, with a spool" eval 'load --sessions 10 && sleep 1 && kill -9 "$pid"; wait "$pid" 2>/dev/null; start'
t "  more sessions" load --sessions 5
t "  all of it comes, in order, and then On" eval 'radius_start && soon seen "len(starts)==15 and len(stops)==15 and once() and len(ons)==1 and all(place(ons[0])>place(r) for r in stops[:10]) and all(place(ons[0])<place(r) for r in starts[10:])"'
t "  late, and it says so" seen 'int(stops[0]["Acct-Delay-Time"])>=1'

forget
hold --sessions 4 --hold 600
t "killed with sessions: On closes them" eval 'soon seen "len(starts)==4" && kill -9 "$pid"; wait "$pid" 2>/dev/null; let_go; start && soon seen "len(ons)==1 and place(ons[0])>place(starts[3])"'

forget
t "stopped with sessions, the server listening" eval 'hold --sessions 4 --hold 600; soon up 4 && stop; let_go; seen "len(starts)==4 and len(stops)==4 and once() and len(offs)==1 and place(offs[0])==len(records)-1 and all(r[\"Acct-Terminate-Cause\"]==\"Admin-Reboot\" for r in stops)"'
t "  nothing is left in the spool" eval '[ ! -s "$work"/conf/state/auth-radius/accounting-main/records ]'
forget
radius_stop
t "stopped with sessions, the server dead" eval 'start && hold --sessions 4 --hold 600; soon up 4 && stop; let_go; [ -s "$work"/conf/state/auth-radius/accounting-main/records ]'
t "  it comes after the next start" eval 'radius_start && start && soon seen "len(starts)==4 and len(stops)==4 and once() and len(offs)==1 and len(ons)==2"'
t "  and the file is empty again" soon eval '[ ! -s "$work"/conf/state/auth-radius/accounting-main/records ]'

# ---- CoA and Disconnect
forget
hold --sessions 2 --hold 600
t "two sessions, to be managed" eval 'soon up 2 && soon seen "len(starts)==2"'
first=$(python3 - "$rad/detail" <<'END'
import re, sys
print(re.findall(r'Acct-Session-Id = "([^"]+)"', open(sys.argv[1]).read())[0])
END
)
# ask COMMAND SECRET <attributes: what radclient says
ask() { ip netns exec "$id-r" radclient -x -r 1 -t 2 198.51.100.1:3799 "$1" "$2" 2>&1; }
now() { date +%s; }
answers() { local code=$1 how=$2; shift 2; printf '%s\n' "$@" "Message-Authenticator = 0x00" | ask "$how" coa-secret >"$work/answer"; grep -q "Received $code" "$work/answer" || { cat "$work/answer"; return 1; }; }
t "Session-Timeout and Idle-Timeout change" eval 'answers CoA-ACK coa "Acct-Session-Id = $first" "Event-Timestamp = $(now)" "Session-Timeout = 7000" "Idle-Timeout = 6000"'
t "  as adit sessions shows" json 'sorted((s.get("session_timeout_ms",0),s.get("idle_timeout_ms",0)) for s in j if s["state"]=="up")==[(0,0),(7000000,6000000)]' sessions
t "no such session" eval 'answers CoA-NAK coa "Acct-Session-Id = nowhere" "Event-Timestamp = $(now)" "Session-Timeout = 5" && grep -q Session-Context-Not-Found "$work/answer"'
t "another NAS" eval 'answers CoA-NAK coa "Acct-Session-Id = $first" "NAS-Identifier = other" "Event-Timestamp = $(now)" "Session-Timeout = 5" && grep -q NAS-Identification-Mismatch "$work/answer"'
t "Authorize-Only" eval 'answers CoA-NAK coa "Acct-Session-Id = $first" "Service-Type = Authorize-Only" "State = 0x01" "Event-Timestamp = $(now)" && grep -q Unsupported-Service "$work/answer" && grep -q "State = 0x01" "$work/answer"'
t "what cannot change in a session" eval 'answers CoA-NAK coa "Acct-Session-Id = $first" "Framed-MTU = 1300" "Event-Timestamp = $(now)" && grep -q Unsupported-Attribute "$work/answer"'
no_answer() { ! grep -q Received "$work/answer"; }
t "no answer: an old request" eval 'printf "%s\n" "Acct-Session-Id = $first" "Event-Timestamp = $(($(now) - 400))" "Message-Authenticator = 0x00" | ask disconnect coa-secret >"$work/answer"; no_answer && up 2'
t "no answer: another secret" eval 'printf "%s\n" "Acct-Session-Id = $first" "Event-Timestamp = $(now)" "Message-Authenticator = 0x00" | ask disconnect "$rad_secret" >"$work/answer"; no_answer && up 2'
t "no answer: unsigned" eval 'printf "%s\n" "Acct-Session-Id = $first" "Event-Timestamp = $(now)" | ask disconnect coa-secret >"$work/answer"; no_answer && up 2'
ip -n "$id-r" addr add 198.51.100.3/24 dev rad
t "no answer: not listed" eval 'printf "%s\n" "Acct-Session-Id = $first" "Packet-Src-IP-Address = 198.51.100.3" "Event-Timestamp = $(now)" "Message-Authenticator = 0x00" | ask disconnect coa-secret >"$work/answer"; no_answer && up 2'
counter() { json "[i for i in j[0]['instances'] if i['kind']=='auth'][0]['counters']['$1']==$2" plugins show auth-radius; }
t "  each was counted" eval 'counter coa-stale 1 && counter coa-forged 2 && counter coa-unlisted 1'
# radclient never sends the very same packet again, so this does
cat >"$work/again.py" <<'END'
import hashlib, hmac, socket, struct, sys, time
def tlv(t, v): return bytes([t, len(v) + 2]) + v
attrs = tlv(80, bytes(16)) + tlv(44, sys.argv[1].encode()) + tlv(27, struct.pack('>I', 7001)) + \
        tlv(55, struct.pack('>I', int(time.time())))
head = struct.pack('>BBH', 43, 77, 20 + len(attrs))
mac = hmac.new(b'coa-secret', head + bytes(16) + attrs, hashlib.md5).digest()
attrs = attrs[:2] + mac + attrs[18:]
packet = head + hashlib.md5(head + bytes(16) + attrs + b'coa-secret').digest() + attrs
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(5)
answers = set()
for i in range(3):
    s.sendto(packet, ('198.51.100.1', 3799))
    answers.add(s.recv(4096))
sys.exit(0 if len(answers) == 1 and answers.pop()[0] == 44 else 1)
END
t "the same again has the same answer" ip netns exec "$id-r" python3 "$work/again.py" "$first"
t "  and is done once" eval 'counter coa-duplicates 2 && counter coa-changed 2'
t "Disconnect ends one" eval 'answers Disconnect-ACK disconnect "Acct-Session-Id = $first" "Event-Timestamp = $(now)" && soon up 1'
t "  whose Stop says why" soon seen 'len(stops)==1 and stops[0]["Acct-Session-Id"]=="'"$first"'" and stops[0]["Acct-Terminate-Cause"]=="Admin-Reset"'
t "Disconnect by name ends the other" eval 'answers Disconnect-ACK disconnect "User-Name = anna" "Calling-Station-Id = 192.0.2.2" "Event-Timestamp = $(now)" && soon up 0'
let_go
t "it stops" stop
done_testing
