/* plug_in.h - what the files of this room share. */
#ifndef PLUG_IN_H
#define PLUG_IN_H

#include <pthread.h>
#include <stdint.h>
#include <adit/list.h>
#include "plugin/plug.h"

#define PLUG_ROOM "plugin"      /* who speaks, in the log */

/* Sizes that the structs had in 1.0, given by their last member then: what a
 * plugin must bring at least. tests/abi holds them to the frozen headers. */
#define PLUG_UPTO(type, member) \
    ((uint32_t)(offsetof(struct type, member) + sizeof(((struct type *)0)->member)))
#define PLUG_PLUGIN_1_0   PLUG_UPTO(adit_plugin, counter_size)
#define PLUG_FACE_1_0     PLUG_UPTO(adit_face, vtable)
#define PLUG_OPT_1_0      PLUG_UPTO(adit_opt, max)
#define PLUG_COUNTER_1_0  PLUG_UPTO(adit_counter, sentence)
#define PLUG_EVENT_1_0    PLUG_UPTO(adit_event, keys)
#define PLUG_LIFE_1_0     PLUG_UPTO(adit_life, status)

#define PLUG_STRIDE_MAX   4096u         /* of an element of an array; more is nonsense */
#define PLUG_NAME_MAX     31u
#define PLUG_CONF_MAX     (1u << 20)    /* bytes of a conf struct */

struct plug_face {
    struct plug_object *object;
    struct adit_face decl;      /* life, counters, vtable point into this struct */
    struct adit_life life;
    uint32_t opt_size;
    struct adit_counter *counters;
    union {
        uint32_t size;
        struct adit_tunnel tunnel;
        struct adit_security security;
        struct adit_auth auth;
        struct adit_pool pool;
        struct adit_policy policy;
        struct adit_accounting accounting;
        struct adit_observer observer;
    } vtable;
};

struct plug_object {
    struct adit_node node;
    char *file, *name, *version, *licence, *summary;
    uint32_t abi_minor;
    char *refused;              /* NULL: loaded */
    struct plug_face **faces;
    uint32_t face_count;
    uint64_t device, inode;     /* of the file: it is loaded once */
};

struct plug_verb {
    struct adit_node node;
    adit_verb_fn fn;            /* answers at once, or ... */
    adit_verb_begin_fn begin;   /* ... later */
    char *sentence;
    char name[PLUG_NAME_MAX + 1];
};

struct plug_inst {
    struct adit_self self;      /* first: the plugin's handle is ours */
    struct adit_node node;
    const struct plug_face *face;
    char name[PLUG_NAME_MAX + 1];
    char source[48];            /* "auth/local", in the log */
    enum { INST_CREATED, INST_RUNNING, INST_STOPPED, INST_FAILED } state;
    char last_error[512];
    void *conf;
    struct conf_mem *conf_mem;
    uint64_t *counters;
    struct adit_node verbs;
    struct plug_stat stat;
    struct adit_node overdue;   /* requests that ended without the plugin's answer, oldest first */
    uint32_t overdue_count;
    struct adit_node calls;     /* of verbs that answer later (verb.c) */
    uint32_t call_count;
};

#define PLUG_KIND_ROWS (ADIT_KIND_OBSERVER + 1)

/* The size today, the size of 1.0, and whether an instance can answer: by kind. */
struct plug_kind {
    const char *name;
    uint32_t size, size_1_0;            /* of the vtable */
    uint32_t answer, answer_1_0;        /* of the answer; 0: none */
};
extern const struct plug_kind plug_kinds[PLUG_KIND_ROWS];

/* Checks what a plugin declares and makes normalised copies of it. 0, or a code
 * and why in `text`. */
int32_t plug_face_new(struct plug_object *o, const struct adit_plugin *p, const struct adit_face *d,
                      struct plug_face **out, char *text, size_t size);
void plug_face_free(struct plug_face *f);
/* Writes why, and returns the code. */
int32_t plug_why(char *text, size_t size, int32_t code, const char *fmt, ...) ADIT_PRINTF(4, 5);
/* 0, or ADIT_EINVAL and why: no shared object, cut off, another processor's. */
int32_t plug_elf_check(int fd, uint64_t file_size, const char *path, char *text, size_t size);
bool plug_name_ok(const char *name);            /* a-z 0-9 hyphens, at most 31 */
/* Copies a struct that begins with its own size; the rest of `out` is zero. */
void plug_copy(void *out, uint32_t out_size, const void *from, uint32_t from_size);

void plug_observe(bool yes);                     /* observers hear the log */
void plug_requests_forget(struct plug_inst *i); /* all end with ADIT_ECANCELED */
void plug_requests_fini(void);                  /* no instance is left */
void plug_verbs_forget(struct plug_inst *i);    /* the same for calls of verbs */
void plug_verbs_free(struct plug_inst *i);
void plug_fault(struct plug_inst *i, const char *fmt, ...) ADIT_PRINTF(2, 3);
struct plug_inst *plug_inst_known(const struct adit_self *self);        /* NULL: not one of ours */
bool plug_on_main(void);

#endif
