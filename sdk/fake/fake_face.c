/* fake_face.c - the plugin that is linked into the test. A file of its own, so
 * that only tests that ask need one. */
#include "fake_in.h"

extern const struct adit_plugin *adit_plugin_1(void);

const struct adit_face *fake_face(const char *kind, const char *type)
{
    static const char *const kinds[] = { "", "tunnel", "security", "auth", "pool", "policy",
                                         "accounting", "datapath", "observer" };
    const struct adit_plugin *p = adit_plugin_1();
    for (uint32_t i = 0; i < p->face_count; i++)
        if (p->faces[i].kind < sizeof kinds / sizeof kinds[0] &&
            !strcmp(kinds[p->faces[i].kind], kind) && !strcmp(p->faces[i].name, type))
            return &p->faces[i];
    fake_trouble("the plugin %s has no face of kind %s, type %s", p->name, kind, type);
    return NULL;
}
