/* conf_int.h - between the files of this room. */
#ifndef CONF_INT_H
#define CONF_INT_H

#include <stdarg.h>
#include <sys/types.h>
#include "base/arena.h"
#include "config/conf.h"

enum conf_kind { CONF_EMPTY, CONF_SCALAR, CONF_SEQ, CONF_MAP };

struct conf_place {
    uint32_t file, line, col;   /* file: index in the document */
};

struct conf_entry {
    const char *key;            /* NULL in a sequence */
    struct conf_place at;       /* of the key */
    struct conf_node *node;
};

struct conf_node {
    struct conf_doc *doc;
    enum conf_kind kind;
    struct conf_place at;
    const char *text;           /* SCALAR */
    struct conf_entry *entries; /* SEQ, MAP */
    uint32_t count, room;
    uint32_t *index;            /* MAP: hash of entries + 1, once there are many */
    uint32_t index_size;
};

struct conf_file {
    const char *path;
    mode_t mode;                /* 0: text from memory */
    uid_t owner;
    bool told;                  /* that others can read it */
};

/* "FILE:LINE:COL: sentence" to err, or to the log. Returns ADIT_ECONF. */
int32_t conf_tell(const struct conf_err *err, const char *fmt, ...) ADIT_PRINTF(2, 3);
int32_t conf_tell_at(const struct conf_doc *d, struct conf_place at, const struct conf_err *err,
                     const char *fmt, ...) ADIT_PRINTF(4, 5);
const struct conf_entry *conf_entry(const struct conf_node *map, const char *key);
struct conf_file *conf_file(const struct conf_node *n);
const char *conf_file_name(const struct conf_doc *d, uint32_t file);
/* No event about this document, whose reader may not log. */
void conf_hush(struct conf_doc *d);

bool conf_parse_u64(const char *text, uint64_t *out);
bool conf_parse_size(const char *text, uint64_t *out);
bool conf_parse_bool(const char *text, uint32_t *out);

#endif
