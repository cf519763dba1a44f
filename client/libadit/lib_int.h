/* lib_int.h - between the files of libadit. */
#ifndef LIB_INT_H
#define LIB_INT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>
#include "libadit.h"

#define LIB_REQUEST_MAX (255u * 1024)           /* the daemon reads lines of 256 KB */
#define LIB_LINE_MAX    (4u * 1024 * 1024)      /* of an answer */
#define LIB_LIST_MAX    65536u                  /* rows of an answer */
#define LIB_STRINGS_MAX 64u                     /* of a list inside a row */

/* ---- lib_error.c ---- */
uint32_t lib_state_of(const char *text);        /* enum adit_state */
int lib_code_error(const char *code, int not_found);    /* of "ADIT_EBUSY" */

/* ---- lib_buf.c: text that holds secrets on its way out ----
 *
 * The first trouble makes it bad; all of it is wiped at its end. */
struct lib_buf {
    char *p;
    size_t len, cap;
    int error;                  /* enum adit_ras; 0: good */
};
void lib_buf_text(struct lib_buf *b, const char *text);
void lib_buf_string(struct lib_buf *b, const char *s);          /* as a JSON string */
void lib_buf_json(struct lib_buf *b, const json_t *o);
void lib_buf_free(struct lib_buf *b);

/* ---- lib_chan.c: one connection to the daemon, lines in and out ---- */
struct lib_chan {
    struct lib_chan *next;
    int fd;
    char *buf;
    size_t len, cap, seen;      /* seen: so far there is no newline */
    bool dead;                  /* goes when no callback is under way */
    bool watch;                 /* of a connection; else of an attempt */
    uint64_t handle, deadline;  /* deadline: of an attempt */
    adit_progress_fn fn;
    void *u;
};
/* Milliseconds of a clock that never goes back. */
uint64_t lib_now(void);
/* NULL: *error and errno say why. deadline: of lib_now(), UINT64_MAX: none. */
struct lib_chan *lib_chan_new(const char *path, uint64_t deadline, int *error);
void lib_chan_free(struct lib_chan *ch);
int lib_chan_send(struct lib_chan *ch, const struct lib_buf *b, uint64_t deadline);
/* The next line, without its newline, until lib_chan_next(). 0 and NULL in *line: none
 * yet (with deadline 0 only). ADIT_RAS_NO_SERVICE: the daemon closed it. */
int lib_chan_line(struct lib_chan *ch, uint64_t deadline, char **line, size_t *len);
void lib_chan_next(struct lib_chan *ch);

/* ---- lib_read.c: answers to structs; the daemon is not believed ---- */

/* Memory of one answer: what is handed out is its first piece, and frees it all. */
struct lib_arena {
    struct lib_chunk *first, *last;
    bool bad;
};
void lib_arena_free(struct lib_arena *a);

json_t *lib_parse(const char *line, size_t len);        /* an object, or NULL */
/* 0, or ADIT_RAS_INVALID_DATA, ADIT_RAS_NOT_ENOUGH_MEMORY and nothing in *out. */
int lib_read_entries(const json_t *list, struct adit_entry ***out);
int lib_read_interfaces(const json_t *list, struct adit_interface ***out);
int lib_read_connections(const json_t *list, struct adit_connection ***out);
int lib_read_connection(const json_t *o, struct adit_connection **out);
int lib_read_progress(const json_t *o, struct adit_progress **out);

#endif
