/* handshake.c - how many handshakes of IKE a core does: main mode, then quick mode.
 *
 *     adit-bench-handshake --ike aes256-sha256-ecp256 --count 500
 *
 * Knows:  two engines in one process and a wire of memory between them; each end's
 *         processor time is counted apart.
 * Leaves: sockets and threads, which cost the same whatever the group.
 */
#include <getopt.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "../plugins/ipsec-ike/ike.h"

struct side {
    struct ike *ike;
    struct sad *sad;
    struct ike_auth *auth;
    OSSL_LIB_CTX *lib;
    uint64_t counters[IKE_N_COUNT];
    double used_s;
};

/* One end of the line between our server and a client of its own address. */
struct line {
    struct adit_path pub;
    struct side *side;
    struct line *other;
};

struct letter {
    struct letter *next;
    struct line *to;
    size_t len;
    uint8_t bytes[];
};

static struct side client, server;
static struct letter *first, **last = &first;
static struct { struct ike_job *job; struct side *side; } jobs[4096];
static uint32_t job_count, done_count, failed;
static uint64_t now_ms = 1000;
static struct adit_addr server_addr = { .family = ADIT_AF_IPV4, .prefix = 32, .ip = { 192, 0, 2, 1 } };
static const char *proposal = "aes256-sha256-modp2048", *esp = "aes128gcm16";

static double cpu(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

#define SPEND(side, what) do { double at_ = cpu(); what; (side)->used_s += cpu() - at_; } while (0)

/* ---- the wire ------------------------------------------------------------------------ */

static struct line *lines_new(const struct adit_addr *our)
{
    struct line *c = calloc(2, sizeof *c), *s = c + 1;
    if (!c)
        abort();
    c->side = &client;
    s->side = &server;
    c->other = s;
    s->other = c;
    c->pub = (struct adit_path){ .size = sizeof c->pub, .protocol = ADIT_PROTO_UDP, .our = *our,
                                 .peer = server_addr, .mtu = 1472 };
    c->pub.our.port = c->pub.peer.port = 500;
    s->pub = c->pub;
    s->pub.our = c->pub.peer;
    s->pub.peer = c->pub.our;
    return c;
}

static uint64_t op_now(void *u) { (void)u; return now_ms; }
static uint64_t op_wall(void *u) { (void)u; return (uint64_t)time(NULL) * 1000; }
static void op_random(void *out, uint32_t len) { if (RAND_bytes(out, (int)len) != 1) abort(); }
static struct adit_path *op_hold(void *u, struct adit_path *p) { (void)u; return p; }
static void op_drop(void *u, struct adit_path *p) { (void)u; (void)p; }
static void op_wake(void *u, uint64_t ms) { (void)u; (void)ms; }

static void op_tx(void *u, struct adit_path *path, const uint8_t *p, size_t len)
{
    struct line *l = (struct line *)(void *)path;
    struct letter *m = malloc(sizeof *m + len);
    (void)u;
    if (!m)
        abort();
    *m = (struct letter){ .to = l->other, .len = len };
    memcpy(m->bytes, p, len);
    *last = m;
    last = &m->next;
}

static struct adit_path *op_open(void *u, bool at_4500, const struct adit_addr *our,
                                 const struct adit_addr *peer)
{
    (void)u; (void)at_4500; (void)peer;
    return &lines_new(our)->pub;
}

static bool op_work(void *u, struct ike_job *j)
{
    if (job_count == sizeof jobs / sizeof jobs[0])
        return false;
    jobs[job_count].job = j;
    jobs[job_count++].side = u;
    return true;
}

static void op_say(void *u, enum ike_say what, const struct ike_sa *sa, const struct adit_addr *peer,
                   const char *text)
{
    (void)u; (void)sa; (void)peer;
    if (what != IKE_SAY_UP && what != IKE_SAY_CHILD_UP && what != IKE_SAY_DOWN)
        fprintf(stderr, "adit-bench-handshake: %s\n", text ? text : "trouble");
}

static struct adit_path *op_esp_path(void *u, const struct sad_who *who, struct adit_path *ike)
{
    (void)u; (void)who;
    return ike;
}

static bool op_covered(void *u, uint8_t protocol, uint16_t our_port, const struct adit_addr *our)
{
    (void)u; (void)protocol; (void)our_port; (void)our;
    return true;
}

static const struct ike_ops ops = {
    .now = op_now, .wall = op_wall, .random = op_random, .tx = op_tx, .hold = op_hold, .drop = op_drop,
    .open = op_open, .work = op_work, .wake = op_wake, .say = op_say, .esp_path = op_esp_path,
    .covered = op_covered,
};

/* ---- associations: they only come up ------------------------------------------------------ */

static void sad_rx_(void *u, struct sad_assoc *a, const struct adit_addr *our,
                    const struct adit_addr *peer, struct adit_frame **v, uint32_t n)
{
    (void)u; (void)a; (void)our; (void)peer; (void)v; (void)n;
}
static void sad_tx_(void *u, struct adit_path *o, struct adit_frame **v, uint32_t n)
{
    (void)u; (void)o; (void)v; (void)n;
}
static void sad_soft_(void *u, struct sad_pair *p) { (void)u; (void)p; }
static void sad_pair_gone_(void *u, struct sad_pair *p, uint32_t why) { (void)u; (void)p; (void)why; }
static void sad_gone_(void *u, struct sad_assoc *a) { (void)u; (void)a; }
static void sad_moved_(void *u, struct sad_assoc *a, const struct adit_addr *f) { (void)u; (void)a; (void)f; }

static const struct sad_ops sops = {
    .now = op_now, .rx = sad_rx_, .tx = sad_tx_, .hold = op_hold, .drop = op_drop, .soft = sad_soft_,
    .pair_gone = sad_pair_gone_, .gone = sad_gone_, .moved = sad_moved_,
};

static void call_done(void *u, struct sad_assoc *a, int32_t code, const char *why)
{
    (void)u; (void)code;
    done_count++;
    if (!a) {
        failed++;
        fprintf(stderr, "adit-bench-handshake: %s\n", why ? why : "failed");
    }
}

static void pump(void)
{
    for (;;) {
        if (job_count) {
            struct ike_job *j = jobs[--job_count].job;
            struct side *s = jobs[job_count].side;
            SPEND(s, (j->run(j), j->done(j)));
        } else if (first) {
            struct letter *m = first;
            struct side *s = m->to->side;
            first = m->next;
            if (!first)
                last = &first;
            SPEND(s, ike_rx(s->ike, &m->to->pub, false, m->bytes, m->len));
            free(m);
        } else {
            return;
        }
    }
}

static int side_new(struct side *s)
{
    struct ike_conf c = {
        .ike_life_ms = 86400000, .esp_life_ms = 28800000, .rekey_margin_pct = 10, .rto_ms = 1000,
        .rto_max_ms = 16000, .tries = 5, .setup_ms = 60000, .window = 64, .max_half_open = 100000,
        .max_half_open_per_address = 100000, .starts_per_s_per_address = 100000, .max_sas = 1000000,
        .mtu = 1280,
    };
    struct ike_auth_conf a = { .psk = "a key of the benchmark" };
    const char *what = "";
    char why[256] = "";
    s->lib = ike_lib_new(&what);
    s->auth = s->lib ? ike_auth_new(s->lib, &a, why, sizeof why) : NULL;
    if (!s->auth || !ike_proposal_parse(proposal, &c.proposals[0], why, sizeof why) ||
        !ike_esp_proposal_parse(esp, &c.esp[0], why, sizeof why)) {
        fprintf(stderr, "adit-bench-handshake: %s%s\n", what, why);
        return 1;
    }
    c.proposal_count = c.esp_count = 1;
    s->sad = sad_new(&sops, s, s->lib, s->counters, 30000);
    s->ike = s->sad ? ike_new(&ops, s, &c, s->auth, s->lib, s->sad, s->counters) : NULL;
    return s->ike == NULL;
}

int main(int argc, char **argv)
{
    static const struct option longs[] = { { "ike", 1, NULL, 'i' }, { "esp", 1, NULL, 'e' },
                                           { "count", 1, NULL, 'n' }, { NULL, 0, NULL, 0 } };
    uint32_t count = 500;
    for (int o; (o = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
        switch (o) {
        case 'i': proposal = optarg; break;
        case 'e': esp = optarg; break;
        case 'n': count = (uint32_t)strtoul(optarg, NULL, 10); break;
        default:
            fputs("usage: adit-bench-handshake [--ike PROPOSAL] [--esp PROPOSAL] [--count N]\n", stderr);
            return 2;
        }
    }
    if (side_new(&client) || side_new(&server))
        return EXIT_FAILURE;
    client.used_s = server.used_s = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct ike_call call = {
            .our = { .family = ADIT_AF_IPV4, .prefix = 32,
                     .ip = { 10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i } },
            .peer = server_addr, .sel = { 17, 1701, 1701 }, .done = call_done,
        };
        SPEND(&client, ike_call(client.ike, &call));
        pump();
        if (done_count != i + 1) {
            fprintf(stderr, "adit-bench-handshake: handshake %u did not end\n", i + 1);
            return EXIT_FAILURE;
        }
    }
    printf("%s %u handshakes, %u failed, responder %.0f/s, initiator %.0f/s\n", proposal, count, failed,
           count / server.used_s, count / client.used_s);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
