# freeradius.sh - a FreeRADIUS of the case's own in a third namespace (sourced after
# lib.sh): 198.51.100.2, the daemon's address towards it 198.51.100.1.
#   radius_start [lines for users], radius_stop; everything of it is in $rad
command -v freeradius >/dev/null || skip_all "freeradius is not installed"
rad=$work/radius
rad_pid=
rad_secret=testing-$$-secret

ip netns add "$id-r"
ip link add rad netns "$id-s" type veth peer name rad netns "$id-r"
ip -n "$id-s" addr add 198.51.100.1/24 dev rad
ip -n "$id-r" addr add 198.51.100.2/24 dev rad
for s in s r; do ip -n "$id-$s" link set rad up; done
ip -n "$id-r" link set lo up

radius_stop() {
    [ -z "$rad_pid" ] || { kill "$rad_pid"; wait "$rad_pid"; } 2>/dev/null
    rad_pid=
}
trap 'radius_stop; cleanup; ip netns del "$id-r"' EXIT

# Certificates for EAP-TLS: an authority, the server's, a client's.
radius_certificates() {
    local c=$rad/certs
    mkdir -p "$c"
    (
        cd "$c" || exit 1
        openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.crt -days 2 -subj "/CN=test authority" \
            -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign
        for n in server client; do
            openssl req -newkey rsa:2048 -nodes -keyout $n.key -out $n.csr -subj "/CN=$n"
            printf 'extendedKeyUsage=%sAuth\nsubjectAltName=DNS:%s\n' $n $n >ext
            openssl x509 -req -in $n.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile ext -out $n.crt
        done
    ) >"$rad/openssl" 2>&1
}

radius_configure() {
    mkdir -p "$rad/log"
    [ -e "$rad/certs/server.crt" ] || radius_certificates
    cat >"$rad/radiusd.conf" <<END
name = freeradius
prefix = /usr
logdir = $rad/log
run_dir = $rad
pidfile = $rad/pid
libdir = /usr/lib/freeradius
max_request_time = 5
log { destination = stdout
    auth = yes }
security { allow_vulnerable_openssl = yes
    reject_delay = 0
    status_server = yes }
thread pool { start_servers = 2
    max_servers = 4
    min_spare_servers = 1
    max_spare_servers = 2 }
client vpn { ipaddr = 198.51.100.1
    secret = $rad_secret
    require_message_authenticator = yes }
modules {
    pap { }
    chap { }
    mschap { use_mppe = yes
        require_encryption = no
        require_strong = yes
        with_ntdomain_hack = yes }
    files { usersfile = $rad/users }
    always reject { rcode = reject }
    detail { filename = $rad/detail
        permissions = 0600 }
    eap { default_eap_type = tls
        timer_expire = 60
        ignore_unknown_eap_types = no
        md5 { }
        mschapv2 { }
        tls-config common {
            private_key_file = $rad/certs/server.key
            certificate_file = $rad/certs/server.crt
            ca_file = $rad/certs/ca.crt
            cipher_list = "DEFAULT"
            tls_min_version = "1.2"
            tls_max_version = "1.2"
            ecdh_curve = ""
            fragment_size = 1024
        }
        tls { tls = common }
    }
}
server default {
    listen { type = auth
        ipaddr = 198.51.100.2
        port = 1812 }
    listen { type = acct
        ipaddr = 198.51.100.2
        port = 1813 }
    authorize {
        chap
        mschap
        files
        eap
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
        eap
    }
    # this version signs answers to EAP alone by itself
    post-auth {
        update reply {
            &Message-Authenticator := 0x00
        }
        if (&User-Name == "strict" || &User-Name == "weak") {
            update reply {
                &MS-MPPE-Encryption-Policy := Encryption-Required
            }
        }
        if (&User-Name == "weak") {
            update reply {
                &MS-MPPE-Encryption-Types := RC4-40bit-Allowed
            }
        }
        Post-Auth-Type REJECT {
            update reply {
                &Message-Authenticator := 0x00
            }
        }
    }
    accounting {
        detail
    }
}
END
}

# radius_start SECRET: with the users of $rad/users
radius_start() {
    rad_secret=${1-$rad_secret}
    radius_configure
    ip netns exec "$id-r" freeradius -d "$rad" -fxx -l stdout >"$rad/out" 2>&1 &
    rad_pid=$!
    local i
    for i in $(seq 100); do
        grep -q "Ready to process requests" "$rad/out" && return 0
        kill -0 "$rad_pid" 2>/dev/null || break
        sleep 0.1
    done
    tail -20 "$rad/out"
    return 1
}
