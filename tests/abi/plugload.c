/* plugload.c - loads plugins as the daemon does and says what they are:
 *
 *     plugload /usr/lib/adit/plugins/auth-hello.so ...
 */
#include <stdio.h>
#include "log/log.h"
#include "loop/loop.h"
#include "plugin/plug.h"

int main(int argc, char **argv)
{
    int failed = 0;
    struct adit_host host = { .size = sizeof host, .version = "plugload", .log = &plug_log_api };
    loop_init();
    plug_host(&host);
    log_level(ADIT_LOG_ERROR);
    for (int i = 1; i < argc; i++)
        failed |= plug_load_file(argv[i]) != 0;
    for (struct plug_object *o = NULL; (o = plug_object_next(o));) {
        struct plug_object_info x;
        plug_object_info(o, &x);
        if (x.refused) {
            printf("refused: %s\n", x.refused);
            continue;
        }
        printf("%s %s (%s, interface %d.%u):", x.name, x.version, x.licence, ADIT_ABI_MAJOR,
               x.abi_minor);
        for (uint32_t f = 0; f < x.face_count; f++) {
            const struct adit_face *d = plug_face_decl(plug_object_face(o, f));
            printf(" %s/%s", plug_kind_name(d->kind), d->name);
        }
        printf("\n");
    }
    plug_unload_all();
    loop_fini();
    return failed;
}
