/* fake_in.h - what the files of the fake host share. */
#ifndef FAKE_IN_H
#define FAKE_IN_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include "fake.h"

/* What belongs to an instance, for the reckoning at its end. */
enum fake_owned {
    OWN_TIMER, OWN_WORK, OWN_POST, OWN_LISTENER, OWN_STREAM, OWN_PORT, OWN_PATH, OWN_LINK,
    OWN_REQUEST, OWN_CALL, OWN_COUNT
};

struct fake_verb {
    char *name;
    adit_verb_fn fn;            /* answers at once, or ... */
    adit_verb_begin_fn begin;   /* ... later */
    struct fake_verb *next;
};

struct fake_self {
    struct adit_self self;      /* first: the plugin's handle is ours */
    struct adit_node node;
    const struct adit_face *face;
    char *name;
    void *conf;                 /* made from YAML; NULL: the test's own */
    void *conf_mem;
    uint64_t *counters;
    struct fake_verb *verbs;
    int32_t owned[OWN_COUNT];
    bool running;               /* start() succeeded */
    struct fake_self *security; /* who protects what it calls; NULL: the only one */
    bool dead;                  /* destroyed; kept so that late calls are seen */
};

void fake_trouble(const char *fmt, ...) ADIT_PRINTF(1, 2);
void *fake_alloc(size_t n);     /* zeroed; never NULL */
void *fake_dup(const void *p, size_t n);        /* exact size; n 0: one byte */
char *fake_strdup(const char *s);               /* NULL stays NULL */
/* The instance of a call; a trouble (and NULL) when it is none or is dead. */
struct fake_self *fake_self_of(struct adit_self *self, const char *call);
void fake_need(void);           /* begins the host when nobody did */
void fake_set_code(int32_t code);
void fake_set_error(const char *text);

extern const struct adit_loop_api fake_loop_api;
extern const struct adit_stream_api fake_stream_api;
extern const struct adit_path_api fake_path_api;
extern const struct adit_frame_api fake_frame_api;
extern const struct adit_security_api fake_security_api;
extern const struct adit_link_api fake_link_api;
extern const struct adit_request_api fake_request_api;
extern const struct adit_report_api fake_report_api;
extern const struct adit_control_api fake_control_api;
extern const struct adit_config_api plug_config_api;
extern const struct adit_log_api fake_log_api;
extern const struct adit_session_api fake_session_api;
extern const struct adit_lease_api fake_lease_api;
extern const struct adit_trace_api fake_trace_api;
extern const struct adit_attr_api plug_attr_api;

void fake_loop_begin(void);
void fake_loop_end(void);
void fake_net_begin(void);
void fake_net_end(void);
/* A security layer begins: it hears of the ports that are bound. */
void fake_net_cover(struct fake_self *security);
/* A request that a path asked may be answered. */
void fake_net_answered(adit_request req, int32_t status, const struct adit_security_info *info);
/* Every running instance of the kind security. */
void fake_each_security(void (*fn)(struct fake_self *s, void *u), void *u);
struct fake_self *fake_security_for(struct fake_self *s);      /* NULL: none */
void fake_link_begin(void);
void fake_link_end(void);
void fake_log_begin(void);
void fake_log_end(void);
void fake_ses_begin(void);
void fake_ses_end(void);
void fake_trace_begin(void);
void fake_trace_end(void);

/* The conf struct of a face from YAML; NULL, a code and a sentence when it is wrong. */
void *fake_conf_new(const struct adit_face *face, const char *yaml, void **mem);
void fake_conf_free(void *conf, void *mem);
int32_t fake_conf_diff(const struct adit_face *face, const void *a, const void *b);     /* 1: reload */

/* Frames of bytes for the plugin; `room` bytes free on both sides. */
struct fake_vector {
    struct adit_frame *v[ADIT_VECTOR];
    struct adit_frame f[ADIT_VECTOR];
    uint8_t *buf[ADIT_VECTOR];
    uint32_t n;
};
void fake_vector_init(struct fake_vector *x, const struct fake_bytes *v, uint32_t n, uint32_t room);
void fake_vector_fini(struct fake_vector *x);
/* True when the vector is well formed; else a trouble. */
bool fake_vector_ok(const char *call, struct adit_frame **v, uint32_t n);

#endif
