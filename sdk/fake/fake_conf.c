/* fake_conf.c - options from text: "name: value" lines of scalars, and defaults. */
#include "fake_in.h"

static uint64_t number(const char *text)
{
    char *end;
    uint64_t n = strtoull(text, &end, 10);
    static const struct { const char *unit; uint64_t by; } units[] = {
        { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 }, { "d", 86400000 },
        { "k", 1024 }, { "M", 1048576 }, { "G", 1073741824 },
    };
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (!strcmp(end, units[i].unit))
            return n * units[i].by;
    return n;
}

static void put(const struct adit_opt *o, uint8_t *at, const char *text)
{
    uint32_t u32 = 0;
    uint64_t u64 = number(text);
    struct adit_addr addr;
    char *s;
    switch (o->type) {
    case ADIT_OPT_BOOL:
        u32 = !strcmp(text, "yes") || !strcmp(text, "true") || !strcmp(text, "on");
        memcpy(at, &u32, sizeof u32);
        break;
    case ADIT_OPT_U32:
        u32 = (uint32_t)u64;
        memcpy(at, &u32, sizeof u32);
        break;
    case ADIT_OPT_U64: case ADIT_OPT_MSEC: case ADIT_OPT_SIZE:
        memcpy(at, &u64, sizeof u64);
        break;
    case ADIT_OPT_STR: case ADIT_OPT_FILE:
        s = fake_strdup(text);
        memcpy(at, &s, sizeof s);
        break;
    case ADIT_OPT_ADDR: case ADIT_OPT_PREFIX:
        addr = fake_addr(text);
        memcpy(at, &addr, sizeof addr);
        break;
    case ADIT_OPT_ENUM: case ADIT_OPT_FLAGS:
        for (const struct adit_word *w = o->words; w->word; w++)
            if (o->type == ADIT_OPT_ENUM ? !strcmp(w->word, text) : strstr(text, w->word) != NULL)
                u32 |= w->value;
        memcpy(at, &u32, sizeof u32);
        break;
    default:
        fake_trouble("the option %s needs fake_inst_conf()", o->name);
    }
}

void *fake_conf_new(const struct adit_face *face, const char *yaml, void **mem)
{
    uint8_t *conf = fake_alloc(face->conf_size);
    *mem = NULL;
    for (const struct adit_opt *o = face->opts; o && o->name; o++)
        if (o->dflt && !(o->flags & ADIT_OPT_ARRAY))
            put(o, conf + o->offset, o->dflt);
    char *text = fake_strdup(yaml ? yaml : ""), *save = NULL;
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        line += strspn(line, " ");
        char *colon = strchr(line, ':');
        const struct adit_opt *o = face->opts;
        if (!colon)
            continue;
        *colon++ = 0;
        colon += strspn(colon, " \"");
        colon[strcspn(colon, "\"")] = 0;
        while (o && o->name && strcmp(o->name, line))
            o++;
        if (!o || !o->name) {
            fake_set_error("unknown option");
            fake_set_code(ADIT_ECONF);
            free(conf);
            conf = NULL;
            break;
        }
        put(o, conf + o->offset, colon);
    }
    free(text);
    return conf;
}

void fake_conf_free(void *conf, void *mem)
{
    (void)mem;
    free(conf);
}

static int32_t config_load(struct adit_self *self, const char *path, const struct adit_opt *opts,
                           uint32_t opt_size, uint32_t conf_size, void **out)
{
    (void)path; (void)opts; (void)opt_size; (void)conf_size; (void)out;
    return fake_config_api.size ? fake_log_api.fail(self, ADIT_ENOSYS, "no files yet") : 0;
}

static void config_free(void *conf) { free(conf); }

const struct adit_config_api fake_config_api = {
    .size = sizeof(struct adit_config_api), .load = config_load, .free = config_free,
};
