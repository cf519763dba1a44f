# tests/peers/cases/certs.sh - keys and certificates: of other kinds, of other people, large,
# withdrawn; a key for each address.
case_rows <<'C'
ipsec_cert_ecdsa        S4           long
ipsec_cert_refused      S4,T1        long
ipsec_cert_large        S4           long
ipsec_key_of_each       S4           long  2
ipsec_dpd_both_ways     S4,W3        long
C

# authority DIR: a CA.  issue DIR NAME START END KEY...: signed by it (times as of openssl ca)
authority() {
    rm -rf "$1"; mkdir -p "$1"; : >"$1/index"; echo 01 >"$1/serial"; echo 01 >"$1/crlnumber"
    cat >"$1/cnf" <<C
[ca]
default_ca = c
[c]
database = $1/index
new_certs_dir = $1
serial = $1/serial
crlnumber = $1/crlnumber
default_md = sha256
default_crl_days = 30
policy = p
copy_extensions = copy
unique_subject = no
[p]
commonName = supplied
organizationName = optional
C
    openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj "/O=VPN lab/CN=CA of $(basename "$1")" -keyout "$1/ca.key" -out "$1/ca.crt" 2>/dev/null
}
issue() {
    local d=$1 n=$2 from=$3 to=$4; shift 4
    openssl req -new "$@" -nodes -subj "/O=VPN lab/CN=$n.lab.example" -addext "subjectAltName=DNS:$n.lab.example${san:-}" -keyout "$d/$n.key" -out "$d/$n.csr" 2>/dev/null &&
    openssl ca -batch -notext -config "$d/cnf" -cert "$d/ca.crt" -keyfile "$d/ca.key" -startdate "$from" -enddate "$to" -in "$d/$n.csr" -out "$d/$n.crt" 2>"$d/log" || { tail -3 "$d/log"; return 1; }
}
san=
then=20200101000000Z past=20210101000000Z future=20491231000000Z
serve_of() { serve --tunnels l2tp-ipsec --certificate "$1/server.crt" --key "$1/server.key" --ca "$1/ca.crt"; }
# dial_of GUEST DIR [KIND [LINES]]: strongSwan with the client's certificate in DIR; KIND: RSA, ECDSA
dial_of() {
    "$lab" exec "$1" rm -rf /etc/certs-case; "$lab" put "$1" "$2" /etc/certs-case || return 1
    cat >"$work/dial-of" <<D
#!/bin/bash
. /etc/lab/bin/lab-lib
hangup >/dev/null 2>&1
export SPORT
ipsec-conf client 198.51.100.1 '' /etc/certs-case no '' '' '${4:-}'
sed -i 's/RSA/${3:-RSA}/' /etc/ipsec.secrets; ipsec rereadsecrets
ipsec-up >\$R/ipsec.log 2>&1 || { tail -5 \$R/ipsec.log; exit 1; }
UNDER_IPSEC=1 exec dial-l2tp --wait 60 --time 0
D
    chmod 755 "$work/dial-of"; "$lab" put "$1" "$work/dial-of" /run/dial-of && guest "$1" /run/dial-of
}
ipsec_cert_ecdsa() {
    local d=$work/ecdsa curve
    authority "$d" || return 1
    for curve in prime256v1 secp384r1; do
        issue "$d" server $then $future -newkey ec -pkeyopt ec_paramgen_curve:$curve && issue "$d" client $then $future -newkey ec -pkeyopt ec_paramgen_curve:$curve &&
        serve_of "$d" && dial_of 1 "$d" ECDSA && said 'result=OK' && peers 'p[0]["method"]=="ecdsa" and "client.lab.example" in p[0]["identity"]' && ipsec_down 1 ||
            { echo "$curve"; tail -5 "$work/out"; return 1; }
    done
}
ipsec_cert_refused() {
    local d=$work/good other=$work/other n
    local key="-newkey rsa:2048"
    authority "$d" && authority "$other" && issue "$d" server $then $future $key && issue "$d" client $then $future $key && issue "$other" client $then $future $key || return 1
    for n in expired later revoked; do mkdir -p "$work/$n"; cp "$d/ca.crt" "$work/$n/"; done
    cp "$d/ca.crt" "$other/ca.crt"          # it trusts us; we do not know its authority
    keep() { mv "$d/client.crt" "$d/client.key" "$work/$1/"; }
    cp "$d"/client.* "$work/"
    issue "$d" client $then $past $key && keep expired && issue "$d" client 20480101000000Z $future $key && keep later &&
    issue "$d" client $then $future $key && keep revoked && openssl ca -config "$d/cnf" -cert "$d/ca.crt" -keyfile "$d/ca.key" -revoke "$work/revoked/client.crt" 2>/dev/null &&
    openssl ca -config "$d/cnf" -cert "$d/ca.crt" -keyfile "$d/ca.key" -gencrl -out "$d/crl.pem" 2>/dev/null || return 1
    cp "$work"/client.* "$d/"
    settings="ipsec crl: $d/crl.pem"
    serve_of "$d" || return 1
    for n in other expired later revoked; do
        if dial_of 1 "$work/$n"; then echo "$n: was not refused"; return 1; fi
        none_left && case $n in
        other)   logged 'ipsec.auth-failed.*reason=.*\(authorit\|issue\)' ;;
        expired) logged 'ipsec.auth-failed.*reason=.*expired' ;;
        later)   logged 'ipsec.auth-failed.*reason=.*valid from 2048' ;;
        revoked) logged 'ipsec.auth-failed.*reason=.*revoked' ;;
        esac || { echo "$n: not named"; return 1; }
        hangup 1
    done
    dial_of 1 "$d" && said 'result=OK' && ipsec_down 1
}
ipsec_cert_large() {            # IKE fragments them: no IP fragments, which many routers drop
    local d=$work/large n
    for n in $(seq 60); do san+=,DNS:a-long-name-of-host-number-$n.lab.example; done
    authority "$d" && issue "$d" server $then $future -newkey rsa:4096 && issue "$d" client $then $future -newkey rsa:4096; local rc=$?
    san=
    [ $rc = 0 ] && serve_of "$d" || return 1
    capture large; dial_of 1 "$d" RSA ' fragmentation=yes' && said 'result=OK'; rc=$?
    captured
    n=$(tcpdump -nr "$work/large.pcap" 'ip[6:2] & 0x3fff != 0' 2>/dev/null | wc -l)
    [ $rc = 0 ] && ipsec_down 1 || return 1
    [ "$n" = 0 ] || { echo "$n IP fragments"; return 1; }
}
ipsec_key_of_each() {
    settings='ipsec psks: [{ address: 198.51.100.11/32, secret: first }, { address: 198.51.100.12/32, secret: second }]'
    serve $secure && guest 1 dial-l2tp-ipsec --psk first --wait 60 --time 0 && said 'result=OK' && guest 2 dial-l2tp-ipsec --psk second --wait 60 --time 0 && said 'result=OK' &&
    json 'len(j)==2' sessions && hangup 1 && hangup 2 && within 15 none_left && refused 1 dial-l2tp-ipsec --psk second --time 0 --wait 10 && logged 'ipsec.wrong-key.*198.51.100.11' && hangup 1
}
ipsec_dpd_both_ways() {
    settings='ipsec dpd: 3s'
    serve $secure && ipsec_up 1 --ipsec ' dpdaction=clear\n dpddelay=2s' || return 1
    sleep 14
    "$lab" exec 1 cat /run/lab/charon.log >"$work/charon"
    grep -q 'generating INFORMATIONAL_V1 .*N(DPD) ' "$work/charon" && grep -q 'parsed INFORMATIONAL_V1 .*N(DPD_ACK) ' "$work/charon" || { echo 'the client asked and was not answered'; tail -5 "$work/charon"; return 1; }
    grep -q 'parsed INFORMATIONAL_V1 .*N(DPD) ' "$work/charon" && grep -q 'generating INFORMATIONAL_V1 .*N(DPD_ACK) ' "$work/charon" || { echo 'the client was not asked'; tail -5 "$work/charon"; return 1; }
    json 'len(j)==1 and j[0]["state"]=="up"' sessions && guest 1 ping -c 2 -W 2 198.18.0.1 && ipsec_down 1
}
