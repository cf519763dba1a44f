/* ike_inst.h - what the files of the rim share.
 *
 * Files: ike_io.c (ports, datagrams, the host's services, life), ike_conf.c (options to
 * settings, key files), ike_say.c (events), ike_show.c (status, verbs).
 */
#ifndef IKE_INST_H
#define IKE_INST_H

#include "ike_io.h"

#include <sys/stat.h>

#define IPSEC_PORT     500u
#define IPSEC_NAT_PORT 4500u

struct inst;

/* A bound place: one address, one of three protocols and ports. */
struct inst_port {
    struct adit_node node;
    struct inst *inst;
    struct adit_port *port;
    struct adit_addr at;
    uint32_t protocol;
    bool at_4500;
};

/* A port of some tunnel that we protect. */
struct inst_cover {
    struct adit_node node;
    struct adit_addr at;
    uint32_t protocol;
};

/* What the host knows an association by; lives as long as the association. */
struct inst_assoc {
    struct inst *inst;
    struct sad_assoc *a;        /* the handle */
    struct adit_security_info info;
    bool begun;                 /* by us */
    struct adit_node node;      /* in inst.unused, where no tunnel uses it any more */
    uint64_t unused_until, packets_in;
};

/* A begin() that is not answered yet. */
struct inst_call {
    struct adit_node node;
    struct inst *inst;
    adit_request req;
    struct adit_addr peer;
    uint64_t number;            /* of ike_call() */
    bool beginning, ended;      /* ike_call() has not returned; the answer was given in it */
};

/* What jobs on other threads may outlive the instance with. */
struct inst_keep {
    struct inst *inst;          /* NULL: gone */
    OSSL_LIB_CTX *lib;
    uint32_t refs;
};

#define INST_FILES 32u
struct inst_files {             /* key files as they were read */
    struct { struct timespec at; ino_t ino; off_t size; } was[INST_FILES];
    uint32_t count;
    uint64_t looked_ms;
};

struct inst {
    struct adit_self *self;
    const struct ipsec_conf *conf;      /* self->conf, or the one that a reload brings */
    struct inst_keep *keep;
    struct ike_auth *auth;
    struct sad *sad;
    struct ike *ike;
    struct ike_ops ops;
    struct adit_timer *ike_timer, *sad_timer;
    uint64_t sad_at_ms;         /* when sad_timer fires; 0: it does not */
    struct adit_node ports, covers, calls, unused;
    struct inst_files files;
    bool stopping;
};

/* ike_conf.c */
int32_t inst_settings(struct adit_self *self, const struct ipsec_conf *c, struct ike_conf *out);
struct ike_auth *inst_keys(struct adit_self *self, const struct ipsec_conf *c, OSSL_LIB_CTX *lib);
/* True when a key file is another one than when this was asked last. */
bool inst_files_changed(struct inst *in);
void inst_files_seen(struct inst *in);
const char *inst_str_at(const struct adit_array *a, uint32_t nth);

/* ike_say.c */
/* A line for who watches the peer. */
void inst_say_line(struct inst *in, const struct adit_addr *peer, uint32_t how, const char *line);
void inst_say(struct inst *in, enum ike_say what, const struct ike_sa *sa,
              const struct adit_addr *peer, const char *text);
void inst_say_keys(struct inst *in);
void inst_say_silent(struct inst *in, const struct sad_assoc *a);
void inst_say_moved(struct inst *in, const struct sad_assoc *a, const struct adit_addr *from);
void inst_say_call_failed(struct inst *in, const struct adit_addr *peer, const char *why);

/* ike_show.c */
void inst_status(struct inst *in, struct adit_report *r);
int32_t inst_verbs(struct adit_self *self);
/* The name of what protects an association: of the pair that sends, or of any. */
const char *inst_transform(const struct sad_assoc *a);

#endif
