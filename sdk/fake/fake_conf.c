/* fake_conf.c - options from YAML, read by the daemon's own reader. */
#include "config/conf.h"
#include "config/conf_api.h"
#include "fake_in.h"

static void tell(void *u, const char *sentence)
{
    (void)u;
    if (!fake_last_error()[0])          /* the first one is the one to read */
        fake_set_error(sentence);
}

void *fake_conf_new(const struct adit_face *face, const char *yaml, void **mem)
{
    static const struct adit_opt none[1];
    static const char *const skip[] = { "type", "name", NULL };
    struct conf_err err = { tell, NULL };
    struct conf_mem *m = NULL;
    const char *text = yaml && *yaml ? yaml : "{}";
    struct conf_doc *doc = conf_read_text("fake.yaml", text, strlen(text), &err);
    void *conf = fake_alloc(face->conf_size);
    *mem = NULL;
    if (!doc || conf_fill(conf_root(doc), face->opts ? face->opts : none, sizeof(struct adit_opt),
                          skip, face->conf_size, conf, &m, &err)) {
        conf_mem_free(m);
        free(conf);
        conf = NULL;
        fake_set_code(ADIT_ECONF);
    }
    conf_free(doc);
    *mem = conf ? m : NULL;
    return conf;
}

void fake_conf_free(void *conf, void *mem)
{
    conf_mem_free(mem);
    free(conf);
}

/* ADIT_ERESTART when an option differs that cannot change while it runs. */
int32_t fake_conf_diff(const struct adit_face *face, const void *a, const void *b)
{
    const char *name = NULL;
    int diff = face->opts ? conf_diff(face->opts, sizeof(struct adit_opt), a, b, &name) : CONF_SAME;
    if (diff == CONF_RESTART)
        fake_set_error(name ? name : "");
    return diff == CONF_RESTART ? ADIT_ERESTART : diff == CONF_SAME ? 0 : 1;
}
