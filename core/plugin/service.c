/* service.c - the tables of the host that this room answers: log, control, files.
 *
 * Knows:  which instance speaks.
 * Leaves: sinks to core/log, YAML to core/config.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <adit/bytes.h>
#include "log/log.h"
#include "plugin/plug_in.h"

/* ---- log ------------------------------------------------------------------------- */

static int32_t api_fail(struct adit_self *self, int32_t code, const char *fmt, ...)
{
    struct plug_inst *i = plug_of(self);
    char text[sizeof i->last_error];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    plug_set_error(i, text);
    return log_fail(i->source, code, "%s", text);
}

static void api_event(struct adit_self *self, const struct adit_event *ev, const struct adit_kv *kv,
                      uint32_t n)
{
    log_event(plug_of(self)->source, ev, kv, n);
}

static void api_debug(struct adit_self *self, const char *fmt, ...)
{
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    log_debug(plug_of(self)->source, "%s", text);
}

static uint32_t api_allow(struct adit_self *self, const struct adit_event *ev, uint32_t per_minute)
{
    (void)self;
    return log_allow(ev, per_minute);
}

const struct adit_log_api plug_log_api = {
    .size = sizeof(struct adit_log_api), .fail = api_fail, .event = api_event, .debug = api_debug,
    .allow = api_allow,
};

/* ---- verbs ------------------------------------------------------------------------- */

static int32_t api_verb(struct adit_self *self, const char *name, const char *sentence,
                        adit_verb_fn fn)
{
    struct plug_inst *i = plug_of(self);
    if (!plug_name_ok(name) || !sentence || !fn)
        return api_fail(self, ADIT_EINVAL, "the verb '%.40s' has no proper name, sentence or function",
                        name ? name : "");
    if (plug_verb(i, name))
        return api_fail(self, ADIT_EEXIST, "there is a verb %s already", name);
    struct plug_verb *v = calloc(1, sizeof *v);
    if (v)
        v->sentence = strdup(sentence);
    if (!v || !v->sentence) {
        free(v);
        return api_fail(self, ADIT_ENOMEM, "out of memory");
    }
    v->fn = fn;
    snprintf(v->name, sizeof v->name, "%s", name);
    adit_list_add(&i->verbs, &v->node);
    return 0;
}

const struct adit_control_api plug_control_api = {
    .size = sizeof(struct adit_control_api), .verb = api_verb,
};

/* ---- files of a plugin's own ------------------------------------------------------------ */

/* Stands before the struct that the plugin gets. */
struct loaded {
    struct conf_mem *mem;
    uint64_t reserved;
};

static void api_err(void *u, const char *sentence)
{
    api_fail(u, ADIT_ECONF, "%s", sentence);
}

#define FILE_MAX (256u << 20)

/* The file's text, to be freed; NULL after a sentence. */
static char *text_of(struct adit_self *self, const char *path, size_t *len)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char *text = NULL;
    if (fd < 0 || fstat(fd, &st))
        api_fail(self, errno == ENOENT ? ADIT_ENOENT : ADIT_EIO, "%s cannot be read: %m", path);
    else if (!S_ISREG(st.st_mode) || st.st_size > FILE_MAX)
        api_fail(self, ADIT_ECONF, "%s is not a regular file, or is above 256 MB", path);
    else if (!(text = malloc((size_t)st.st_size + 1)))
        api_fail(self, ADIT_ENOMEM, "%s: out of memory", path);
    *len = 0;
    while (text && *len < (size_t)st.st_size) {
        ssize_t n = read(fd, text + *len, (size_t)st.st_size - *len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        *len += (size_t)n;
    }
    if (fd >= 0)
        close(fd);
    return text;
}

static int32_t api_load(struct adit_self *self, const char *path, const struct adit_opt *opts,
                        uint32_t opt_size, uint32_t conf_size, void **out)
{
    struct conf_err err = { api_err, self };
    *out = NULL;
    if (!path || path[0] != '/')
        return api_fail(self, ADIT_EINVAL, "%s: the path must be absolute", path ? path : "");
    if (opt_size < PLUG_OPT_1_0 || opt_size > PLUG_STRIDE_MAX || conf_size > PLUG_CONF_MAX)
        return api_fail(self, ADIT_EINVAL, "%s: the size of its options is nonsense", path);
    if (access(path, F_OK))
        return api_fail(self, ADIT_ENOENT, "%s: no such file", path);
    size_t len;
    char *text = text_of(self, path, &len);
    /* as text: the drop-ins beside it are the daemon's, not this file's */
    struct conf_doc *doc = text ? conf_read_text(path, text, len, &err) : NULL;
    if (text)
        bytes_wipe(text, len);
    free(text);
    if (!doc)
        return ADIT_ECONF;
    struct loaded *l = calloc(1, sizeof *l + (conf_size ? conf_size : 1));
    int32_t r = l ? conf_fill(conf_root(doc), opts, opt_size, NULL, conf_size, l + 1, &l->mem, &err)
                  : api_fail(self, ADIT_ENOMEM, "%s: out of memory", path);
    conf_free(doc);
    if (r) {
        if (l)
            conf_mem_free(l->mem);
        free(l);
        return r;
    }
    *out = l + 1;
    return 0;
}

static void api_free(void *conf)
{
    if (!conf)
        return;
    struct loaded *l = (struct loaded *)conf - 1;
    conf_mem_free(l->mem);
    free(l);
}

const struct adit_config_api plug_config_api = {
    .size = sizeof(struct adit_config_api), .load = api_load, .free = api_free,
};
