/* undefined.c - a plugin that calls a function which nobody has. */
#include <adit/plugin.h>

int32_t nobody_has_this(struct adit_self *self);
static const struct adit_life life = { .size = sizeof life, .create = nobody_has_this };
static const struct adit_face faces[] = { { .kind = ADIT_KIND_AUTH, .name = "undefined", .life = &life } };
ADIT_PLUGIN("undefined", "1", "BSD-2-Clause", "Needs what is not there.", faces)
