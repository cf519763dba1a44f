#!/bin/bash
# radius_tls.sh - RADIUS over TLS (RFC 6614) with a real FreeRADIUS: logins and accounting
# over one connection, whose certificate is believed, what is said when it is not.
. "$(dirname "$0")/lib.sh"
command -v freeradius >/dev/null && command -v openssl >/dev/null || skip_all "freeradius and openssl are not installed"
[ -e "$work/plugins/auth-radius.so" ] || skip_all "auth-radius was not built"

# ---- certificates: two authorities, a server's with a name and an address, ours
r=$work/radius
mkdir -p "$r/run" "$r/c"
(
    cd "$r/c" || exit 1
    key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1.key"; }
    authority() {
        key "$1" && openssl req -x509 -key "$1.key" -subj "/CN=$1" -days 2 -out "$1.pem" \
            -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign
    }
    # issue NAME AUTHORITY USAGE SAN [openssl options]
    issue() {
        local name=$1 by=$2 usage=$3 san=$4; shift 4
        key "$name" && openssl req -new -key "$name.key" -subj "/CN=$name" -out "$name.csr" &&
            openssl x509 -req -in "$name.csr" -CA "$by.pem" -CAkey "$by.key" -CAcreateserial "$@" -out "$name.pem" \
                -extfile <(printf 'extendedKeyUsage=%sAuth\nsubjectAltName=%s\n' "$usage" "$san")
    }
    authority good && authority other &&
        issue server good server DNS:radius.example.org,IP:192.0.2.2 -days 2 &&
        issue vpn good client DNS:vpn.example.org -days 2 &&
        issue stranger other client DNS:vpn.example.org -days 2 &&
        key old && openssl req -new -key old.key -subj /CN=old -out old.csr && mkdir -p db && : >db/index && echo 01 >db/serial &&
        printf '[ca]\ndefault_ca=x\n[x]\ndir=db\ndatabase=db/index\nserial=db/serial\nnew_certs_dir=db\ndefault_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n[e]\nextendedKeyUsage=serverAuth\nsubjectAltName=DNS:radius.example.org\n' >ca.cnf &&
        openssl ca -batch -config ca.cnf -cert good.pem -keyfile good.key -in old.csr -out old.pem -notext \
            -startdate 20200101000000Z -enddate 20200201000000Z -extensions e
) >"$work/openssl" 2>&1 || { sed 's/^/# /' "$work/openssl"; skip_all "openssl makes no certificates here"; }
chmod 644 "$r"/c/*.key

# ---- the server, on the client's side of the wire: 192.0.2.2; NAME of its certificate
configure() {
    cat >"$r/radiusd.conf" <<END
name = radius
prefix = /usr
libdir = /usr/lib/freeradius
logdir = $r
run_dir = $r/run
pidfile = $r/run/pid
log { destination = files
      file = $r/log }
security { allow_vulnerable_openssl = yes
           reject_delay = 0
           status_server = yes }
thread pool { start_servers = 2
              max_servers = 4
              min_spare_servers = 1
              max_spare_servers = 2 }
clients tls {
    client vpn { ipaddr = 192.0.2.1
                 proto = tls
                 secret = radsec }
}
modules {
    pap { }
    chap { }
    mschap { use_mppe = yes
             require_encryption = yes
             require_strong = yes }
    files { usersfile = $r/users }
    detail { filename = $r/detail
             permissions = 0600 }
}
server default {
    listen {
        type = auth+acct
        proto = tcp
        ipaddr = 192.0.2.2
        port = 2083
        clients = tls
        limit { max_connections = 16
                lifetime = 0
                idle_timeout = 60 }
        tls {
            private_key_file = $r/c/$1.key
            certificate_file = $r/c/$1.pem
            ca_file = $r/c/good.pem
            ca_path = $r/c/none
            fragment_size = 8192
            include_length = yes
            cipher_list = "DEFAULT"
            tls_min_version = "1.2"
            tls_max_version = "${2-1.3}"
            ecdh_curve = ""
            require_client_cert = yes
        }
    }
    authorize {
        chap
        mschap
        files
        pap
    }
    authenticate {
        Auth-Type PAP {
            pap
        }
        Auth-Type CHAP {
            chap
        }
        Auth-Type MS-CHAP {
            mschap
        }
    }
    accounting {
        detail
    }
}
END
}
mkdir -p "$r/c/none"
printf 'anna Cleartext-Password := "trustno1"\n     Reply-Message = "over TLS",\n     Session-Timeout = 3600\n' >"$r/users"
server=
server_up() {
    configure "$@"
    ip netns exec "$id-c" freeradius -fx -l stdout -d "$r" -n radiusd >"$r/out" 2>&1 &
    server=$!
    local i
    for i in $(seq 100); do cli ss -ltn 2>/dev/null | grep -q 192.0.2.2:2083 && return 0; sleep 0.05; done
    tail -n 20 "$r/out"; return 1
}
server_down() { [ -z "$server" ] || { kill -9 "$server"; wait "$server"; } 2>/dev/null; server=; rm -f "$r/run/pid"; }
trap 'server_down; cleanup' EXIT
server_up server >"$work/why" || { sed 's/^/# /' "$work/why"; exit 1; }

conf || exit 1
# asks LINES: how the server is asked; the daemon reads it again when it runs
asks() {
    python3 - "$work/conf/aditd.yaml" "$r/c" "$@" <<'END'
import re, sys
path, c, more = sys.argv[1], sys.argv[2], sys.argv[3:]
rows = {"host": "192.0.2.2", "transport": "tls", "tls-name": "radius.example.org", "tls-ca": c + "/good.pem",
        "tls-certificate": c + "/vpn.pem", "tls-key": c + "/vpn.key", "timeout": "500ms", "name": "rs"}
for m in more:
    k, v = m.split("=", 1)
    rows[k] = v
    if not v:
        del rows[k]
row = ", ".join('%s: "%s"' % x for x in rows.items())
s = open(path).read()
s = re.sub(r"\nauth:\n.*?\npools:", "\nauth:\n  - type: radius\n    dead-time: 2s\n    servers: [{ %s }]\n"
           "accounting:\n  - type: radius\n\npools:" % row, s, flags=re.S)
open(path, "w").write(s)
END
    [ -z "$pid" ] || adit reload | grep -v "was read again"
}
asks
start || exit 1
of() { json "any(s['for']=='$1' and ($2) for s in j)" radius; }
up() { soon of authentication "s['state']=='up'"; }
dead() { soon of authentication "'$1' in s.get('why', '')" || { adit radius --json; false; }; }
ask() { printf 'trustno1\n' | adit radius test anna "$@"; }

t "a connection is made, and the server is up" up
t "  by TLS, to port 2083, which understands Status-Server" of authentication "s['transport']=='tls' and s['address']=='192.0.2.2:2083' and s['status_server']=='yes'"
for m in pap chap mschapv2; do
    t "adit radius test: $m" eval "ask --method $m >$work/o; grep -q 'anna: accepted' $work/o && grep -q 'Reply-Message  *over TLS' $work/o"
done
t "  MS-CHAPv2 brings keys, which are not shown, and the server's proof" eval 'ask --json >"$work/o" && python3 -c "
import json,sys
j=json.load(open(sys.argv[1]))
assert j[\"keys\"] and j[\"proof\"] and j[\"login\"]
assert all(len(a[\"value\"])<30 for a in j[\"attributes\"] if \"Key\" in a[\"name\"]), j" "$work/o"'
t "  a wrong password is rejected" eval '! (printf "wrong\n" | adit radius test anna) >"$work/o" && grep -q "anna: rejected" "$work/o"'
t "  of the chosen server only" eval '! ask --server nosuch 2>"$work/o"; grep -q "no server is called .nosuch." "$work/o"'
printf 'trustno1\n' >"$work/pw"
t "  with a password from a file" eval 'adit radius test anna --password-file "$work/pw" --method pap | grep -q accepted'
t "clients log in, with MPPE" load --sessions 40 --at-once 20 --ping 1
t "  over one connection" of authentication "s['connections']==1 and s['answers']>=40"
t "  and are accounted for over TLS" soon of accounting "s['state']=='up' and s['answers']>=80 and s['transport']=='tls'"
t "  each with Start and Stop" eval '[ "$(grep -c "Acct-Status-Type = Start" "$r/detail")" = 40 ] && [ "$(grep -c "Acct-Status-Type = Stop" "$r/detail")" = 40 ]'

server_down
server_up server >/dev/null
t "the server starts again: nobody has to do anything" eval 'up && ask | grep -q accepted'
server_down
t "it is gone: why is told" dead "no connection to port 2083"
t "  and a login is refused soon" eval '! timeout 10 "$top_builddir/adit-load" --to 192.0.2.1 --user anna --password trustno1 --sessions 1 >/dev/null 2>&1; ! ask 2>/dev/null'
server_up server >/dev/null
t "  and it is back" up

asks tls-name=other.example.org
t "a certificate for another name is refused" dead "its certificate is for radius.example.org, 192.0.2.2, not for other.example.org"
asks tls-name=
t "  the address in it counts when the host is one" up
asks "tls-ca=$r/c/other.pem"
t "an unknown authority is refused" dead "an authority that we do not know: set tls-ca"
asks tls-certificate= tls-key=
t "the server refuses us without a certificate" dead "tls-certificate"
asks "tls-certificate=$r/c/stranger.pem" "tls-key=$r/c/stranger.key"
t "  and with one of another authority" dead "tls-certificate"
server_down
server_up server 1.2 >/dev/null
asks tls-certificate= tls-key=
t "  with TLS 1.2, too" dead "tls-certificate"
asks
t "TLS 1.2 is spoken" eval 'up && ask | grep -q accepted'
server_down
server_up old >/dev/null
t "an expired certificate is refused" dead "expired (2020-02-01"
t "a file that is not there changes nothing" eval 'asks "tls-ca=$r/c/none.pem" 2>&1 | grep -q "none.pem: No such file"; dead expired'
t "it stops cleanly" stop
done_testing
