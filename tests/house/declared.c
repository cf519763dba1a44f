/* declared.c - prints what the code declares: options, events, counters; one a line.
 * docs.sh holds the manual pages to it. */
#include <stdio.h>
#include <stdlib.h>
#include "dial/dial_io.h"
#include "log/log.h"
#include "plugin/plug.h"
#include "session/ses.h"

static void options(const char *page, const struct adit_opt *o, uint32_t stride)
{
    for (; o && o->name; o = (const void *)((const char *)o + stride)) {
        if (o->type != ADIT_OPT_LINE)   /* nobody writes it */
            printf("%s option %s\n", page, o->name);
        if (o->type == ADIT_OPT_TABLE)
            options(page, o->table, stride);
    }
}

int main(int argc, char **argv)
{
    static struct adit_host none = { .size = sizeof none };
    plug_host(&none);
    log_level(ADIT_LOG_ERROR);
    if (argc != 2 || plug_load_dir(argv[1]) < 1)
        return EXIT_FAILURE;
    options("aditd.yaml.5", ses_opts, sizeof(struct adit_opt));
    options("aditd.yaml.5", ses_tunnel_opts, sizeof(struct adit_opt));
    options("aditd.yaml.5", dial_opts, sizeof(struct adit_opt));
    options("adit-phonebook.5", book_opts, sizeof(struct adit_opt));
    for (struct plug_object *obj = NULL; (obj = plug_object_next(obj));) {
        struct plug_object_info i;
        plug_object_info(obj, &i);
        if (i.refused)
            continue;
        for (uint32_t n = 0; n < i.face_count; n++) {
            const struct plug_face *f = plug_object_face(obj, n);
            const struct adit_face *d = plug_face_decl(f);
            char page[80];
            snprintf(page, sizeof page, "adit-%s.7", i.name);
            options(page, d->opts, plug_face_opt_size(f));
            for (uint32_t c = 0; c < d->counter_count; c++)
                printf("%s counter %s\n", page, d->counters[c].name);
            for (uint32_t e = 0; d->events && d->events[e]; e++)
                printf("%s event %s\n", page, d->events[e]->name);
        }
    }
    return EXIT_SUCCESS;
}
