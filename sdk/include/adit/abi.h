/* adit/abi.h - what crosses between the host and a plugin.
 *
 *     #include <adit/plugin.h>
 *     static const struct adit_face faces[] = { { ... } };
 *     ADIT_PLUGIN("auth-hello", "1.0", "BSD-2-Clause", "Greets", faces)
 *
 * The contract (every header of this folder obeys it):
 *  1. Every table and struct that crosses by pointer starts with its own size.
 *     Arrays of structs travel with the size of one element. The small value
 *     types (adit_addr, adit_value, adit_kv, adit_range, adit_array, adit_word,
 *     adit_chunk) are frozen for the whole of 1.x instead.
 *  2. Fields are only appended; absent means zero means "default".
 *  3. Only fixed-width integers, pointers and opaque handles cross: no enum
 *     members, bit-fields, long, time_t, FILE *, uv_*.
 *  4. A pointer argument is borrowed until the call returns; a verb with
 *     _take_ in its name moves it.
 *  5. Every begun request ends in exactly one done(), also after cancel(),
 *     and may end before begin returns.
 *  6. Control calls are on the main loop; data-path calls (marked DATA PATH)
 *     are on the session's worker; loop->post() is the only door from another
 *     thread; blocking code goes through loop->work().
 *  7. Milliseconds, bytes, host byte order, unless the name says otherwise.
 *
 * Changes, newest first:
 *  1.1  config->read(): a plugin's file on a thread.
 *       ADIT_OPT_LINE, places in answers, link->failed(): what people are told.
 *       ADIT_OPT_LINE, place of accounts and policies, link->failed(): diagnosis.
 *       accounting->drain(): what is said last when the daemon stops; refused().
 *       host->security: a security layer delivers what it opened. ADIT_PROTO_ESP.
 *       security->peer_key(): a key for a peer that is called.
 *  1.0  first.
 */
#ifndef ADIT_ABI_H
#define ADIT_ABI_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define ADIT_ABI_MAJOR 1
#define ADIT_ABI_MINOR 1

#define ADIT_EXPORT __attribute__((visibility("default")))
#define ADIT_PRINTF(f, a) __attribute__((format(printf, f, a)))

/* ---- errors: 0 is success, negative is one of these ------------------- */
/*         name            number  sentence */
#define ADIT_ERROR_MAP(X)                                                    \
    X(ADIT_EINVAL,       -1, "invalid argument")                             \
    X(ADIT_ENOMEM,       -2, "out of memory")                                \
    X(ADIT_ECONF,        -3, "the configuration is not usable")              \
    X(ADIT_EPROTO,       -4, "the peer broke the protocol")                  \
    X(ADIT_EAUTH,        -5, "authentication failed")                        \
    X(ADIT_EDENIED,      -6, "not permitted")                                \
    X(ADIT_EBUSY,        -7, "no port is free")                              \
    X(ADIT_EEXIST,       -8, "already exists")                               \
    X(ADIT_ENOENT,       -9, "not found")                                    \
    X(ADIT_ETIMEDOUT,   -10, "timed out")                                    \
    X(ADIT_ECANCELED,   -11, "cancelled")                                    \
    X(ADIT_EIO,         -12, "input or output failed")                       \
    X(ADIT_ENOSYS,      -13, "not offered")                                  \
    X(ADIT_EAGAIN,      -14, "not now")                                      \
    X(ADIT_ENOSPC,      -15, "no room")                                      \
    X(ADIT_EABI,        -16, "built for another plugin interface")           \
    X(ADIT_ESTATE,      -17, "not in this state")                            \
    X(ADIT_EADDRINUSE,  -18, "the address is in use")                        \
    X(ADIT_EUNREACH,    -19, "the peer cannot be reached")                   \
    X(ADIT_ERESTART,    -20, "takes effect after a restart")

enum adit_error {
#define ADIT_X(name, number, text) name = number,
    ADIT_ERROR_MAP(ADIT_X)
#undef ADIT_X
};

/* ---- frozen value types ------------------------------------------------ */

#define ADIT_AF_NONE 0
#define ADIT_AF_IPV4 4
#define ADIT_AF_IPV6 6

/* An address, an address with a port, or a network. 24 bytes, frozen. */
struct adit_addr {
    uint8_t family;             /* ADIT_AF_* */
    uint8_t prefix;             /* prefix length, bits; a host has 32 or 128 */
    uint16_t port;              /* host byte order; 0: none */
    uint32_t zone;              /* IPv6 interface index; 0: none */
    uint8_t ip[16];             /* network byte order; IPv4 uses the first 4 */
};

/* Octets of an address of a family. */
static inline uint32_t adit_addr_len(uint8_t family)
{
    return family == ADIT_AF_IPV4 ? 4 : family == ADIT_AF_IPV6 ? 16 : 0;
}

/* The same host, ports and prefix aside. */
static inline int adit_same_host(const struct adit_addr *a, const struct adit_addr *b)
{
    return a->family == b->family && a->zone == b->zone &&
           memcmp(a->ip, b->ip, adit_addr_len(a->family)) == 0;
}

/* Whether a host is in a network, as far as its prefix goes. */
static inline int adit_in_network(const struct adit_addr *net, const struct adit_addr *host)
{
    uint32_t len = adit_addr_len(net->family), whole = net->prefix / 8u, rest = net->prefix % 8u;
    if (!len || host->family != net->family || net->prefix > len * 8u ||
        (net->zone && net->zone != host->zone) || memcmp(host->ip, net->ip, whole) != 0)
        return 0;
    return !rest || ((host->ip[whole] ^ net->ip[whole]) & (0xff00u >> rest) & 0xffu) == 0;
}

/* An inclusive range of addresses of one family. Frozen. */
struct adit_range {
    struct adit_addr first;
    struct adit_addr last;
};

/* A counted array in an option struct; owned by the host. Frozen. */
struct adit_array {
    const void *items;
    uint32_t count;
    uint32_t stride;            /* bytes from one item to the next */
};

#define ADIT_TYPE_NONE  0
#define ADIT_TYPE_U64   1
#define ADIT_TYPE_I64   2
#define ADIT_TYPE_BOOL  3
#define ADIT_TYPE_STR   4       /* NUL-terminated UTF-8; len without the NUL */
#define ADIT_TYPE_BYTES 5
#define ADIT_TYPE_ADDR  6       /* printed with port or prefix when it has one */

/* A typed value. There is no type for a secret, so none can be logged. Frozen. */
struct adit_value {
    uint32_t type;              /* ADIT_TYPE_* */
    uint32_t len;               /* STR and BYTES: bytes at p */
    union {
        uint64_t u;             /* U64, BOOL */
        int64_t i;
        const void *p;          /* STR, BYTES */
        struct adit_addr addr;
    } v;
};

/* A named value: what events, reports and control verbs carry. Frozen. */
struct adit_kv {
    const char *key;
    struct adit_value value;
};

#define ADIT_KV_U(k, x)    { (k), { ADIT_TYPE_U64, 0, { .u = (uint64_t)(x) } } }
#define ADIT_KV_I(k, x)    { (k), { ADIT_TYPE_I64, 0, { .i = (int64_t)(x) } } }
#define ADIT_KV_BOOL(k, x) { (k), { ADIT_TYPE_BOOL, 0, { .u = !!(x) } } }
#define ADIT_KV_S(k, x)    { (k), adit_value_str(x) }
#define ADIT_KV_ADDR(k, x) { (k), { ADIT_TYPE_ADDR, 0, { .addr = *(x) } } }
#define ADIT_KV_HEX(k, x, n) { (k), { ADIT_TYPE_BYTES, (uint32_t)(n), { .p = (x) } } }

static inline struct adit_value adit_value_str(const char *s)
{
    struct adit_value v = { ADIT_TYPE_STR, s ? (uint32_t)strlen(s) : 0, { .p = s ? s : "" } };
    return v;
}

/* ---- declared events, counters and options --------------------------------- */

#define ADIT_LOG_ERROR  1
#define ADIT_LOG_WARN   2
#define ADIT_LOG_NOTICE 3
#define ADIT_LOG_INFO   4
#define ADIT_LOG_DEBUG  5

/* An event is declared once, as a static const object. `keys` is the list of
 * the keys that it may carry, separated by spaces; tests hold it to that. */
struct adit_event {
    uint32_t size;
    uint32_t level;             /* ADIT_LOG_* */
    const char *name;           /* dotted: room.object.verb */
    const char *sentence;       /* what happened, for the manual */
    const char *keys;
};
#define ADIT_EVENT(var, name_, level_, sentence_, keys_)                        \
    static const struct adit_event var = {                                       \
        sizeof(struct adit_event), (level_), (name_), (sentence_), (keys_) }

/* A counter of a face: one row a counter, its index is its number. */
struct adit_counter {
    const char *name;           /* "rx-bad-version" */
    const char *sentence;
};

#define ADIT_OPT_BOOL    1      /* uint32_t, 0 or 1: yes no true false on off */
#define ADIT_OPT_U32     2      /* uint32_t */
#define ADIT_OPT_U64     3      /* uint64_t */
#define ADIT_OPT_MSEC    4      /* uint64_t, milliseconds: "200ms" "3s" "5m" "8h" "30d" */
#define ADIT_OPT_STR     5      /* const char * */
#define ADIT_OPT_ADDR    6      /* struct adit_addr: "10.0.0.1", "[::1]:1701", "10.0.0.1:1723" */
#define ADIT_OPT_PREFIX  7      /* struct adit_addr with prefix: "10.0.0.0/8" */
#define ADIT_OPT_RANGE   8      /* struct adit_range: "10.9.0.2-10.9.0.60" or a prefix */
#define ADIT_OPT_ENUM    9      /* uint32_t, one of words */
#define ADIT_OPT_FLAGS  10      /* uint32_t, any of words, or-ed: "[a, b]" */
#define ADIT_OPT_FILE   11      /* const char *, absolute; relative ones are beside the file that names them */
#define ADIT_OPT_TABLE  12      /* a struct described by `table`, in place */
#define ADIT_OPT_SIZE   13      /* uint64_t, bytes: "64k" "10M" "1G" */
#define ADIT_OPT_LINE   14      /* since 1.1: uint32_t, the line where the mapping stands that this
                                 * row is of; not an option: nobody writes it */

#define ADIT_OPT_REQUIRED 0x01u /* must be given */
#define ADIT_OPT_SECRET   0x02u /* never shown or logged */
#define ADIT_OPT_RELOAD   0x04u /* life->reload() takes a change of it */
#define ADIT_OPT_ARRAY    0x08u /* struct adit_array of the type; item_size for TABLE */

/* A word and its number. Frozen. */
struct adit_word {
    const char *word;           /* NULL ends the list */
    uint32_t value;
    uint32_t reserved;
};

/* One option: a row of a face's table. Rows end with a NULL name. */
struct adit_opt {
    const char *name;           /* as in the configuration: lower case, hyphens */
    uint32_t type;              /* ADIT_OPT_* type */
    uint32_t flags;             /* ADIT_OPT_REQUIRED ... */
    uint32_t offset;            /* of the member in the conf struct */
    uint32_t item_size;         /* TABLE: bytes of the (one) struct */
    const char *dflt;           /* the default, as a person would write it; NULL: zero */
    const char *help;           /* a sentence for man page and sample file */
    const struct adit_word *words;  /* ENUM, FLAGS */
    const struct adit_opt *table;   /* TABLE: rows of the same opt_size */
    uint64_t min, max;          /* numbers: inclusive bounds; max 0: none */
};

#define ADIT_OPT(type_, conf_, member_, name_, dflt_, flags_, help_)                  \
    { .name = (name_), .type = ADIT_OPT_##type_, .flags = (flags_),                   \
      .offset = (uint32_t)offsetof(struct conf_, member_), .dflt = (dflt_), .help = (help_) }
#define ADIT_OPT_NUM(type_, conf_, member_, name_, dflt_, min_, max_, flags_, help_)  \
    { .name = (name_), .type = ADIT_OPT_##type_, .flags = (flags_),                   \
      .offset = (uint32_t)offsetof(struct conf_, member_), .dflt = (dflt_),           \
      .help = (help_), .min = (min_), .max = (max_) }
#define ADIT_OPT_WORDS(type_, conf_, member_, name_, words_, dflt_, flags_, help_)    \
    { .name = (name_), .type = ADIT_OPT_##type_, .flags = (flags_),                   \
      .offset = (uint32_t)offsetof(struct conf_, member_), .dflt = (dflt_),           \
      .help = (help_), .words = (words_) }
#define ADIT_OPT_SUB(conf_, member_, name_, sub_, table_, flags_, help_)              \
    { .name = (name_), .type = ADIT_OPT_TABLE, .flags = (flags_),                     \
      .offset = (uint32_t)offsetof(struct conf_, member_),                            \
      .item_size = (uint32_t)sizeof(struct sub_), .help = (help_), .table = (table_) }
#define ADIT_OPT_END { .name = NULL }

/* ---- a plugin declares ------------------------------------------------------- */

#define ADIT_KIND_TUNNEL     1
#define ADIT_KIND_SECURITY   2
#define ADIT_KIND_AUTH       3
#define ADIT_KIND_POOL       4
#define ADIT_KIND_POLICY     5
#define ADIT_KIND_ACCOUNTING 6
#define ADIT_KIND_DATAPATH   7  /* reserved for kernel offload */
#define ADIT_KIND_OBSERVER   8

struct adit_host;               /* host.h: the tables of services */
struct adit_report;             /* host.h: an answer being written */

/* One instance of a face: made by the host, given to every call. */
struct adit_self {
    uint32_t size;
    uint32_t kind;              /* ADIT_KIND_* */
    const struct adit_host *host;
    const char *name;           /* of the instance, unique in its kind */
    const void *conf;           /* the face's conf struct, filled by its options; owned by the host */
    void *instance;             /* the plugin's own; NULL at create */
    uint64_t *counters;         /* one per declared counter: adit_count() */
};

/* ANY THREAD: counts. On the data path, once a vector rather than once a frame. */
#define adit_count_n(self, i, n) \
    ((void)__atomic_fetch_add(&(self)->counters[(i)], (uint64_t)(n), __ATOMIC_RELAXED))
#define adit_count(self, i)      adit_count_n((self), (i), 1)

/* The life of an instance, the same for every kind; members may be NULL but
 * create. create -> start -> [reload ...] -> stop -> destroy. No call comes
 * before create succeeded or after destroy. */
struct adit_life {
    uint32_t size;
    /* Makes self->instance from self->conf. Nothing is bound or opened yet.
     * 0, or a negative code after adit_fail() said why. */
    int32_t (*create)(struct adit_self *self);
    /* Begins to serve: binds, opens, listens. 0, or a code after adit_fail();
     * stop() is called then, so that half of it does not stay. May be called
     * again after stop. */
    int32_t (*start)(struct adit_self *self);
    /* Options marked RELOAD changed; self->conf is still the old one and
     * becomes `conf` when this returns 0. */
    int32_t (*reload)(struct adit_self *self, const void *conf);
    /* Takes no new work; what is up lives on. Also called after a start() that
     * failed. */
    void (*stop)(struct adit_self *self);
    /* Ends everything at once, frees the instance: every link is down, every
     * request is answered, every handle is given back when it returns. Only
     * work and posts that are under way still call, later (loop->work()). */
    void (*destroy)(struct adit_self *self);
    /* Writes what `adit plugins`, `adit pools` and the like show. */
    void (*status)(struct adit_self *self, struct adit_report *r);
};

/* One thing that a plugin offers. An object may offer several, each may be
 * configured several times. */
struct adit_face {
    uint32_t kind;              /* ADIT_KIND_* */
    uint32_t conf_size;         /* bytes of the conf struct */
    const char *name;           /* what `type:` says in the configuration */
    const struct adit_opt *opts;        /* ends with ADIT_OPT_END */
    const struct adit_counter *counters;
    uint32_t counter_count;
    uint32_t reserved;
    const struct adit_event *const *events;     /* NULL-terminated; may be NULL */
    const struct adit_life *life;
    const void *vtable;         /* struct adit_tunnel, adit_auth, ... by kind */
};

struct adit_plugin {
    uint32_t size;
    uint32_t abi_minor;         /* of the headers that it was built with */
    const char *name;           /* of the object, "auth-radius" */
    const char *version;
    const char *licence;        /* SPDX identifier */
    const char *summary;        /* a sentence */
    const struct adit_face *faces;
    uint32_t face_count;
    uint32_t face_size;         /* sizeof(struct adit_face) there */
    uint32_t opt_size;          /* sizeof(struct adit_opt) there */
    uint32_t counter_size;      /* sizeof(struct adit_counter) there */
};

/* The one symbol that a plugin exports; the major version is in its name. */
#define ADIT_PLUGIN_SYMBOL "adit_plugin_1"
#define ADIT_PLUGIN(name_, version_, licence_, summary_, faces_)                  \
    ADIT_EXPORT const struct adit_plugin *adit_plugin_1(void);                     \
    ADIT_EXPORT const struct adit_plugin *adit_plugin_1(void)                      \
    {                                                                              \
        static const struct adit_plugin plugin_ = {                                \
            sizeof plugin_, ADIT_ABI_MINOR, (name_), (version_), (licence_),       \
            (summary_), (faces_), (uint32_t)(sizeof(faces_) / sizeof((faces_)[0])), \
            sizeof(struct adit_face), sizeof(struct adit_opt),                     \
            sizeof(struct adit_counter) };                                         \
        return &plugin_;                                                           \
    }

/* Whether a table that carries its size has a member, set. */
#define ADIT_HAS(table, member)                                                   \
    ((table) && (table)->size >= offsetof(__typeof__(*(table)), member) +          \
         sizeof((table)->member) && (table)->member)

#endif
