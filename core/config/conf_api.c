/* conf_api.c - a plugin's own YAML files: adit_config_api over conf.h. */
#include "config/conf_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <adit/bytes.h>
#include <adit/host.h>
#include "config/conf_api.h"

/* In front of the struct that the plugin gets. */
struct loaded {
    struct conf_mem *mem;
    size_t size;
    _Alignas(max_align_t) uint8_t conf[];
};

static void tell(void *u, const char *sentence)
{
    struct adit_self *self = u;
    adit_fail(self, ADIT_ECONF, "%s", sentence);
}

static int32_t fill_free(struct conf_doc *d, const struct adit_opt *opts, uint32_t opt_size,
                         uint32_t conf_size, void **out, const struct conf_err *err)
{
    if (!d)
        return ADIT_ECONF;
    struct loaded *l = calloc(1, sizeof *l + conf_size);
    int32_t rc = l ? conf_fill(conf_root(d), opts, opt_size, NULL, conf_size, l->conf, &l->mem, err)
                   : ADIT_ENOMEM;
    conf_free(d);
    if (rc < 0) {
        free(l);
        return rc;
    }
    l->size = conf_size;
    *out = l->conf;
    return 0;
}

static int32_t api_load(struct adit_self *self, const char *path, const struct adit_opt *opts,
                        uint32_t opt_size, uint32_t conf_size, void **out)
{
    struct conf_err err = { tell, self };
    *out = NULL;
    return fill_free(conf_read_file(path, &err), opts, opt_size, conf_size, out, &err);
}

struct first {
    char *why;
    size_t size;
};

static void keep(void *u, const char *sentence)
{
    struct first *f = u;
    if (f->size && !f->why[0])
        snprintf(f->why, f->size, "%s", sentence);
}

static int32_t api_read(const char *path, const struct adit_opt *opts, uint32_t opt_size,
                        uint32_t conf_size, void **out, char *why, uint32_t why_size)
{
    struct first first = { why, why_size };
    struct conf_err err = { keep, &first };
    *out = NULL;
    if (why_size)
        why[0] = '\0';
    struct conf_doc *d = conf_read_file(path, &err);
    if (d)
        conf_hush(d);
    int32_t rc = fill_free(d, opts, opt_size, conf_size, out, &err);
    if (rc)
        keep(&first, "out of memory");
    return rc;
}

static void api_free(void *conf)
{
    if (!conf)
        return;
    struct loaded *l = (struct loaded *)(void *)((char *)conf - offsetof(struct loaded, conf));
    conf_mem_free(l->mem);
    bytes_wipe(l->conf, l->size);
    free(l);
}

const struct adit_config_api plug_config_api = {
    .size = sizeof plug_config_api,
    .load = api_load,
    .free = api_free,
    .read = api_read,
};
