/* conf.h - YAML into option structs, with errors that name file, line and column.
 *
 *     struct conf_doc *d = conf_read("/etc/adit/aditd.yaml", NULL);   // and conf.d/ beside it
 *     struct conf_node *n = conf_get(conf_root(d), "ppp");
 *     conf_fill(n, ppp_opts, sizeof(struct adit_opt), sizeof conf, &conf)
 *
 * A section is a mapping; `tunnels`, `auth`, `pools` ... are sequences of
 * mappings with a `type`. Drop-ins (conf.d/NAME.yaml beside the file, in name order): mappings
 * are merged key by key, the later wins; sequences are appended.
 */
#ifndef CONF_H
#define CONF_H

#include <stdbool.h>
#include <adit/abi.h>

struct conf_doc;
struct conf_node;

/* Errors are sentences "FILE:LINE:COL: ...". They go to `err` (one per call) or, when
 * NULL, to log_fail("config", ...). */
typedef void (*conf_err_fn)(void *u, const char *sentence);
struct conf_err { conf_err_fn fn; void *u; };

struct conf_doc *conf_read(const char *path, const struct conf_err *err);   /* NULL: errors told */
struct conf_doc *conf_read_file(const char *path, const struct conf_err *err);     /* without drop-ins */
struct conf_doc *conf_read_text(const char *name, const char *text, size_t len, const struct conf_err *err);
void conf_free(struct conf_doc *d);
const char *conf_path(const struct conf_doc *d);

const struct conf_node *conf_root(const struct conf_doc *d);
const struct conf_node *conf_get(const struct conf_node *n, const char *key);   /* NULL: absent */
uint32_t conf_count(const struct conf_node *n);                 /* items of a sequence or mapping */
const struct conf_node *conf_item(const struct conf_node *n, uint32_t i);
const char *conf_key(const struct conf_node *n, uint32_t i);    /* of a mapping */
const char *conf_str(const struct conf_node *n);                /* a scalar's text; NULL */
bool conf_is_map(const struct conf_node *n);
bool conf_is_seq(const struct conf_node *n);
bool conf_is_empty(const struct conf_node *n);                  /* absent, or "name:" with nothing behind */
/* "FILE:LINE:COL" of a node, in a buffer of its own document. */
const char *conf_where(const struct conf_node *n);
/* The same, as it is; both from 1. The path is the document's. */
const char *conf_line(const struct conf_node *n, uint32_t *line, uint32_t *col);
/* The same text and shape, wherever they stand; `but` (NULL: nothing) counts as
 * equal to whatever stands in its place. */
bool conf_equal(const struct conf_node *a, const struct conf_node *b, const struct conf_node *but);
int32_t conf_error(const struct conf_node *n, const struct conf_err *err, const char *fmt, ...) ADIT_PRINTF(3, 4);
/* The same of the nth key of a mapping, where the key stands. */
int32_t conf_error_key(const struct conf_node *map, uint32_t i, const struct conf_err *err, const char *fmt, ...) ADIT_PRINTF(4, 5);

/* A filled struct owns the memory its members point to. */
struct conf_mem;
/* Fills `out` (conf_size bytes, zeroed first) from a mapping (NULL: all
 * defaults). Keys in `skip` (NULL-terminated) are somebody else's. Unknown
 * keys, wrong types, missing required ones are errors, all of them told.
 * 0 or ADIT_ECONF. */
int32_t conf_fill(const struct conf_node *n, const struct adit_opt *opts, uint32_t opt_size,
                  const char *const *skip, uint32_t conf_size, void *out,
                  struct conf_mem **mem, const struct conf_err *err);
void conf_mem_free(struct conf_mem *m);
/* The options that differ, as a bit set of flags: 0 equal; CONF_RELOADABLE
 * only RELOAD options differ; CONF_RESTART others too (`*name`: the first). */
#define CONF_SAME 0
#define CONF_RELOADABLE 1
#define CONF_RESTART 2
int conf_diff(const struct adit_opt *opts, uint32_t opt_size, const void *a, const void *b,
              const char **name);
/* The nearest known word ("did you mean"); NULL when none is near. */
const char *conf_nearest(const char *word, const char *const *known);
/* The configuration that is in force, so that people can be told where a setting
 * stands; the one before is freed. NULL: none. */
void conf_in_force_take(struct conf_doc *d);
/* "FILE:LINE" of a setting of it: "tunnels[l2tp].ports", "policies[staff].profile.hours";
 * [NAME] is the entry of a list with that name. True: it stands there. False: it does
 * not, so its default holds: where the innermost thing around it stands ("FILE": nothing
 * of it; "": no configuration is in force). */
bool conf_place_of(const char *setting, char *out, size_t size);
/* Values of one kind from text, used for `adit` arguments too. 0 or ADIT_EINVAL. */
int32_t conf_parse_addr(const char *text, struct adit_addr *out);
int32_t conf_parse_prefix(const char *text, struct adit_addr *out);
/* A prefix is its hosts: without network and broadcast address (IPv4 up to /30).
 * Both ends carry its length then, so that who cares can tell. */
int32_t conf_parse_range(const char *text, struct adit_range *out);
int32_t conf_parse_msec(const char *text, uint64_t *out);
/* Puts text in a file's place: written beside it, synced, renamed; mode and owner
 * stay as they were, a symbolic link stays one. On failure the old file is
 * untouched. 0 or ADIT_EIO. */
int32_t conf_save(const char *path, const char *text, size_t len, const struct conf_err *err);
/* Text as a YAML scalar in double quotes, safe whatever it holds. Returns the
 * bytes it needs without NUL; `out` is "" when that does not fit in `size`. 0:
 * not UTF-8, which YAML cannot hold. */
size_t conf_quote(const char *in, char *out, size_t size);

#endif
