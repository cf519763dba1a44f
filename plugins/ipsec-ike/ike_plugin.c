/* ike_plugin.c - declares the plugin: options, counters, events. */
#include "ike_io.h"

#define R ADIT_OPT_RELOAD

static const struct adit_word encap_words[] = {
    { "nat", IPSEC_ENCAP_NAT, 0 },
    { "always", IPSEC_ENCAP_ALWAYS, 0 },
    { NULL, 0, 0 },
};

static const struct adit_opt psk_opts[] = {
    ADIT_OPT(PREFIX, ike_psk_conf, address, "address", NULL, 0,
             "Address or network of the peer; any when it is left out."),
    ADIT_OPT(STR, ike_psk_conf, identity, "identity", NULL, 0,
             "Identity that the peer gives: an address, a name, user@name; any when it is left out."),
    ADIT_OPT(STR, ike_psk_conf, secret, "secret", NULL, ADIT_OPT_SECRET,
             "The key shared with this peer."),
    ADIT_OPT(FILE, ike_psk_conf, secret_file, "secret-file", NULL, 0,
             "A file with the key, which only its owner may read."),
    ADIT_OPT_END
};

static const struct adit_opt opts[] = {
    ADIT_OPT(ADDR, ipsec_conf, listen, "listen", NULL, ADIT_OPT_ARRAY,
             "Addresses of this host that serve, without ports; every address when it is left out."),
    ADIT_OPT(STR, ipsec_conf, auth.psk, "psk", NULL, ADIT_OPT_SECRET | R,
             "The pre-shared key of every peer that has no row in psks."),
    ADIT_OPT(FILE, ipsec_conf, auth.psk_file, "psk-file", NULL, R,
             "A file with that key, which only its owner may read."),
    ADIT_OPT_SUB(ipsec_conf, auth.psks, "psks", ike_psk_conf, psk_opts, ADIT_OPT_ARRAY | R,
                 "Keys of single peers or networks; the row that fits best counts."),
    ADIT_OPT(FILE, ipsec_conf, auth.certificate, "certificate", NULL, R,
             "Our certificate (PEM), its chain after it."),
    ADIT_OPT(FILE, ipsec_conf, auth.key, "key", NULL, R,
             "The private key of our certificate (PEM), which only its owner may read."),
    ADIT_OPT(FILE, ipsec_conf, auth.ca, "ca", NULL, R,
             "Authorities (PEM) that peers' certificates must lead to."),
    ADIT_OPT(FILE, ipsec_conf, auth.crl, "crl", NULL, R,
             "Lists of revoked certificates (PEM); one of every authority in a chain is demanded then."),
    ADIT_OPT(STR, ipsec_conf, auth.identity, "identity", NULL, R,
             "Our identity: an address, a name, user@name; our address, or the certificate's subject, "
             "when it is left out."),
    ADIT_OPT(STR, ipsec_conf, auth.peer_identities, "peer-identities", NULL, ADIT_OPT_ARRAY | R,
             "Identities that may come with a certificate; any that the authority vouches for when it "
             "is left out."),
    ADIT_OPT(STR, ipsec_conf, proposals, "proposals", NULL, ADIT_OPT_ARRAY | R,
             "What phase 1 may use, best first."),
    ADIT_OPT(STR, ipsec_conf, esp, "esp", NULL, ADIT_OPT_ARRAY | R,
             "What protects packets, best first."),
    ADIT_OPT_NUM(MSEC, ipsec_conf, ike_life_ms, "ike-lifetime", "24h", 10000u, 2592000000u, R,
                 "Longest life of phase 1; a peer may want less."),
    ADIT_OPT_NUM(MSEC, ipsec_conf, esp_life_ms, "esp-lifetime", "8h", 5000u, 2592000000u, R,
                 "Longest life of a pair of associations; a peer may want less."),
    ADIT_OPT_NUM(SIZE, ipsec_conf, esp_life_bytes, "esp-lifetime-bytes", "0", 0, 0, R,
                 "Bytes that a pair may carry; 0: any number."),
    ADIT_OPT_NUM(U32, ipsec_conf, rekey_margin_pct, "rekey-margin", "10", 1u, 50u, R,
                 "Percent of a life before its end when we negotiate anew; up to as much again is "
                 "added by chance."),
    ADIT_OPT(BOOL, ipsec_conf, pfs, "pfs", "no", R,
             "Ask for a fresh Diffie-Hellman value in every quick mode of ours; peers may always."),
    ADIT_OPT_NUM(MSEC, ipsec_conf, dpd_ms, "dpd", "30s", 0, 86400000u, R,
                 "Silence until a peer that can is asked whether it lives; 0 never asks."),
    ADIT_OPT_NUM(MSEC, ipsec_conf, rto_ms, "retransmit-timeout", "1s", 100u, 60000u, R,
                 "Wait before a message is sent again; doubles each time."),
    ADIT_OPT_NUM(MSEC, ipsec_conf, rto_max_ms, "retransmit-max", "16s", 100u, 120000u, R,
                 "Longest such wait."),
    ADIT_OPT_NUM(U32, ipsec_conf, tries, "retransmit-count", "5", 1u, 30u, R,
                 "How often a message is sent again before the peer counts as lost."),
    ADIT_OPT_NUM(MSEC, ipsec_conf, setup_ms, "setup-timeout", "60s", 1000u, 600000u, R,
                 "Time for phase 1 to be established."),
    ADIT_OPT_NUM(MSEC, ipsec_conf, keepalive_ms, "nat-keepalive", "20s", 0, 86400000u, R,
                 "Silence until a translator that we are behind is reminded; 0 never does."),
    ADIT_OPT_NUM(MSEC, ipsec_conf, grace_ms, "grace", "30s", 0, 600000u, 0,
                 "A peer whose last pair ended has so long to negotiate another; its tunnel waits."),
    ADIT_OPT_NUM(U32, ipsec_conf, window, "replay-window", "64", 0, ESP_WINDOW_MAX, R,
                 "Packets that may come late and are still checked for replay; 0 takes any, twice too."),
    ADIT_OPT_NUM(U32, ipsec_conf, max_half_open, "max-half-open", "1000", 1u, 1000000u, R,
                 "Peers at once that have not proved themselves yet."),
    ADIT_OPT_NUM(U32, ipsec_conf, max_half_open_per_address, "max-half-open-per-address", "64", 1u,
                 1000000u, R, "The same, of one address; several clients may be behind it."),
    ADIT_OPT_NUM(U32, ipsec_conf, starts_per_s_per_address, "starts-per-second", "32", 1u, 1000000u, R,
                 "First messages a second that are answered to one address."),
    ADIT_OPT_NUM(U32, ipsec_conf, max_sas, "max-peers", "20000", 1u, 1000000u, R,
                 "Phase 1 associations at once."),
    ADIT_OPT_NUM(U32, ipsec_conf, mtu, "fragment", "1280", 0, 65000u, R,
                 "IKE messages longer than this leave in fragments where the peer can read them; 0 never."),
    ADIT_OPT_WORDS(ENUM, ipsec_conf, encap, "udp-encapsulation", encap_words, "nat", R,
                   "When ESP goes in UDP: behind translators, or always."),
    ADIT_OPT(BOOL, ipsec_conf, initiator_only, "initiator-only", "no", R,
             "Only place calls; answer none."),
    ADIT_OPT(BOOL, ipsec_conf, export_keys, "export-keys", "no", 0,
             "Keep the keys of packets readable, for adit ipsec export-wireshark; whoever may use the "
             "control socket can read them then."),
    ADIT_OPT_END
};

static const struct adit_counter counters[] = {
#define IKE_X(NAME, name, text) { name, text },
    SAD_COUNTER_MAP(IKE_X)
    IKE_COUNTER_MAP(IKE_X)
#undef IKE_X
};

static const struct adit_face faces[] = {
    { .kind = ADIT_KIND_SECURITY,
      .conf_size = sizeof(struct ipsec_conf),
      .name = "ipsec",
      .opts = opts,
      .counters = counters,
      .counter_count = IKE_N_COUNT,
      .events = ipsec_events,
      .life = &ipsec_life,
      .vtable = &ipsec_vtable },
};
ADIT_PLUGIN("ipsec-ike", "1.0", "BSD-2-Clause", "IPsec for L2TP: IKEv1 and ESP", faces)
