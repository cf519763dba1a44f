/* doctor_servers.c - the checks of pools, of servers elsewhere, and of certificates.
 *
 * Knows:  what silence and refusals mean.
 * Leaves: asking to who fills in doctor_seen.
 */
#include "diagnose/doctor_checks.h"

#include <stdio.h>
#include <string.h>
#include "base/addr.h"

#define SOON_DAYS 21            /* a certificate that ends so soon is told of */

void doctor_check_pools(const struct doctor_seen *s, struct doctor_out *o)
{
    uint64_t free_all = 0;
    bool known = false, other = false;
    for (uint32_t i = 0; i < s->pool_count; i++) {
        const struct doctor_pool *p = &s->pools[i];
        bool ranges = p->known && p->size;
        known |= ranges;
        other |= !ranges && p->known && strcmp(p->state, "exhausted") != 0;
        free_all += ranges && p->size > p->leased ? p->size - p->leased : 0;
    }
    for (uint32_t i = 0; i < s->pool_count; i++) {
        const struct doctor_pool *p = &s->pools[i];
        uint64_t left = p->size > p->leased ? p->size - p->leased : 0;
        if (p->known && !strcmp(p->state, "exhausted")) {
            doctor_say(o, free_all || other ? DOCTOR_WARN : DOCTOR_FAIL,
                       "pool '%s': the DHCP servers have no address left", p->name);
            doctor_mend(o,
                        "make the server's range larger or its leases shorter; or add a pool of type range after it");
        } else if (p->known && p->size && left * 10 < p->size) {
            doctor_say(o, free_all || other ? DOCTOR_WARN : DOCTOR_FAIL,
                       "pool '%s': %llu of %llu addresses are leased, %llu %s left", p->name,
                       (unsigned long long)p->leased, (unsigned long long)p->size, (unsigned long long)left,
                       left == 1 ? "is" : "are");
            doctor_mend(o, "give it more: pools[].ranges, then adit reload; or end idle sessions: adit sessions");
        } else if (p->known && p->size && p->peak * 10 > p->size * 9) {
            doctor_say(o, DOCTOR_WARN, "pool '%s': %llu of %llu addresses were leased at once", p->name,
                       (unsigned long long)p->peak, (unsigned long long)p->size);
            doctor_mend(o, "give it more: pools[].ranges, then adit reload");
        } else if (p->known && p->size) {
            doctor_say(o, DOCTOR_PASS, "pool '%s': %llu of %llu addresses are free", p->name, (unsigned long long)left,
                       (unsigned long long)p->size);
        }
    }
    if (s->conf_read && !s->pool_count) {
        doctor_say(o, DOCTOR_FAIL, "no pool is configured: only users with an address of their own can connect");
        doctor_mend(o, "add a section pools: adit setup writes one");
    } else if (!known && !o->count) {
        doctor_say(o, DOCTOR_SKIP,
                   s->serving ? "no pool has addresses of its own" : "the daemon does not serve: nothing is leased");
    }
}

void doctor_check_dhcp(const struct doctor_seen *s, struct doctor_out *o)
{
    char text[ADDR_TEXT];
    for (uint32_t i = 0; i < s->pool_count; i++) {
        const struct doctor_pool *p = &s->pools[i];
        if (strcmp(p->type, "dhcp") != 0)
            continue;
        if (p->known && !strcmp(p->state, "waiting")) {
            doctor_say(o, DOCTOR_FAIL, "pool '%s' cannot ask yet: %s", p->name,
                       *p->error ? p->error : "it has no address, or UDP port 67 is taken");
            doctor_mend(o, "ip address show %s; ss -ulnp sport = :67", p->interface);
        } else if (p->answered == 1) {
            doctor_say(o, DOCTOR_PASS, "pool '%s': %s offers an address", p->name,
                       addr_text_host(&p->offered_by, text));
        } else if (p->answered == 0) {
            doctor_say(o, DOCTOR_FAIL, "pool '%s': no DHCP server offers an address%s%s", p->name,
                       *p->interface ? " on " : "", p->interface);
            doctor_mend(o,
                        "see that a server runs there, serves the network of our address, has addresses left, and that "
                        "nothing drops UDP 67; tcpdump -ni %s port 67",
                        *p->interface ? p->interface : "any");
        } else {
            doctor_say(o, DOCTOR_SKIP, "pool '%s' was not asked: %s", p->name, *p->why ? p->why : "it was not tried");
        }
    }
    if (!o->count)
        doctor_say(o, DOCTOR_SKIP, "no pool is of type dhcp");
}

void doctor_check_dns(const struct doctor_seen *s, struct doctor_out *o)
{
    char text[ADDR_TEXT];
    for (uint32_t i = 0; i < s->dns_count; i++) {
        const struct doctor_dns *d = &s->dns[i];
        addr_text_host(&d->server, text);
        switch (d->answer) {
        case DOCTOR_ANSWERED:
            if (d->rcode == 5) {
                doctor_say(o, DOCTOR_WARN, "%s refuses to resolve names for us (REFUSED); clients have other addresses",
                           text);
                doctor_mend(o, "permit this host and the clients' addresses there (allow-recursion, access-control)");
            } else if (d->rcode == 2) {
                doctor_say(o, DOCTOR_WARN, "%s answers, but cannot resolve (SERVFAIL)", text);
                doctor_mend(o, "see its log; it does not reach the servers that it asks itself");
            } else {
                doctor_say(o, DOCTOR_PASS, "%s answers", text);
            }
            break;
        case DOCTOR_UNASKED:
            doctor_say(o, DOCTOR_SKIP, "%s was not asked", text);
            break;
        default:
            doctor_say(o, DOCTOR_FAIL, "%s (%s) %s%s", text, d->setting,
                       d->answer == DOCTOR_REFUSED  ? "runs no DNS server (port unreachable)"
                       : d->answer == DOCTOR_SILENT ? "does not answer"
                                                    : "cannot be asked: ",
                       d->answer == DOCTOR_TROUBLE ? d->why : "");
            doctor_mend(o, "start it, let UDP 53 through, or name another in %s; dig @%s . NS", d->setting, text);
        }
    }
    if (!s->dns_count && s->conf_read) {
        doctor_say(
            o, DOCTOR_SKIP,
            "no DNS server is configured: clients are told one by a DHCP pool, RADIUS or a profile, or keep their own");
    } else if (!o->count) {
        doctor_say(o, DOCTOR_SKIP, "there is no configuration");
    }
}

void doctor_check_radius(const struct doctor_seen *s, struct doctor_out *o)
{
    for (uint32_t i = 0; i < s->radius_count; i++) {
        const struct doctor_radius *r = &s->radius[i];
        const char *transport = r->tls ? "TCP" : "UDP";
        switch (r->answer) {
        case DOCTOR_ANSWERED:
            if (*r->said) {
                doctor_say(o, DOCTOR_FAIL, "%s can be reached (%s %u), but the daemon finds it %s", r->name, transport,
                           r->port, r->said);
                doctor_mend(o, "adit radius; adit radius test USER");
            } else {
                doctor_say(o, DOCTOR_PASS, r->tls ? "%s can be reached (%s %u)" : "%s answers with our secret (%s %u)",
                           r->name, transport, r->port);
            }
            break;
        case DOCTOR_FORGED:
            doctor_say(o, DOCTOR_FAIL, "%s answers with another secret than ours", r->name);
            doctor_mend(o, "write the secret of clients.conf (or of NPS' RADIUS client) for this host to the "
                           "secret-file, then adit reload");
            break;
        case DOCTOR_SILENT:
            doctor_say(
                o, DOCTOR_FAIL,
                "%s does not answer on UDP %u: it is down, does not know this host as a client, or drops what is "
                "signed with another secret",
                r->name, r->port);
            doctor_mend(o, "see its log; add this host to its clients with the same secret; let UDP %u through",
                        r->port);
            break;
        case DOCTOR_REFUSED:
            doctor_say(o, DOCTOR_FAIL, "no server listens on %s, %s %u", r->host, transport, r->port);
            doctor_mend(o, "start it there, or correct host and auth-port");
            break;
        case DOCTOR_TROUBLE:
            doctor_say(o, DOCTOR_FAIL, "%s cannot be asked: %s", r->name, r->why);
            doctor_mend(o, "correct host, secret-file or source of this server");
            break;
        default:
            doctor_say(o, DOCTOR_SKIP, "%s was not asked", r->name);
        }
    }
    if (!o->count)
        doctor_say(o, DOCTOR_SKIP, "no RADIUS server is configured");
}

/* ---- certificates ---------------------------------------------------------------------------- */

static void one_cert(const struct doctor_seen *s, const struct doctor_cert *c, struct doctor_out *o)
{
    char when[40];
    uint32_t before = o->count;
    doctor_time_text(c->until_s, when, sizeof when);
    if (!c->read) {
        doctor_say(o, DOCTOR_FAIL, "%s: %.200s cannot be used: %s", c->setting, c->file, c->why);
        doctor_mend(o, "name the right file, as PEM (openssl x509 -in FILE -text)");
        return;
    }
    if (c->until_s && c->until_s < s->now_s) {
        doctor_say(o, DOCTOR_FAIL, "%s: %s %s %s %s", c->setting, c->crl ? "the list of" : "the certificate",
                   c->subject, c->crl ? "is out of date: every client is refused since" : "expired", when);
        doctor_mend(o,
                    c->crl ? "fetch a fresh list from the authority, then adit reload" : "renew it, then adit reload");
    } else if (c->until_s && c->until_s < s->now_s + SOON_DAYS * 86400) {
        doctor_say(o, DOCTOR_WARN, "%s: %s %s in %lld days, %s", c->setting, c->subject,
                   c->crl ? "must be renewed" : "expires", (long long)(c->until_s - s->now_s) / 86400, when);
        doctor_mend(o, "renew it, then adit reload");
    }
    if (c->from_s > s->now_s) {
        doctor_time_text(c->from_s, when, sizeof when);
        doctor_say(o, DOCTOR_FAIL, "%s: %s is not valid before %s", c->setting, c->subject, when);
        doctor_mend(o, "set the clock (timedatectl), or make the certificate anew");
    }
    if (*c->key && !c->key_read) {
        doctor_say(o, DOCTOR_FAIL, "%s: the key %.200s cannot be used: %s", c->setting, c->key, c->why);
        doctor_mend(o, "name the key as PEM without a password: openssl pkey -in OLD -out NEW");
    } else if (*c->key && !c->key_fits) {
        doctor_say(o, DOCTOR_FAIL, "%s: the key %.200s is of another certificate", c->setting, c->key);
        doctor_mend(o, "name the key that the certificate was requested with");
    }
    if (c->server && *c->name && !c->has_name) {
        doctor_say(o, DOCTOR_FAIL, "%s: %s is not for the name %s: Windows and others refuse it", c->setting,
                   c->subject, c->name);
        doctor_mend(o,
                    "have one made with %s among its alternative names (subjectAltName), or dial the name that it has",
                    c->name);
    } else if (c->server && !c->any_name) {
        doctor_say(o, DOCTOR_WARN, "%s: %s has no DNS name or address (subjectAltName): Windows and others refuse it",
                   c->setting, c->subject);
        doctor_mend(o, "have one made with the name that clients dial among its alternative names");
    }
    if (c->server && !c->serves) {
        doctor_say(o, DOCTOR_WARN, "%s: %s is not for servers (extended key usage serverAuth): Windows refuses it",
                   c->setting, c->subject);
        doctor_mend(o, "have one made with extendedKeyUsage=serverAuth");
    }
    if (o->count == before)
        doctor_say(o, DOCTOR_PASS, "%s: good until %s", c->setting, when);
}

void doctor_check_certificates(const struct doctor_seen *s, struct doctor_out *o)
{
    for (uint32_t i = 0; i < s->cert_count; i++)
        one_cert(s, &s->certs[i], o);
    if (!o->count)
        doctor_say(o, DOCTOR_SKIP, "none is configured");
}
