/* types.c - one function for each struct of the plugin interface, so that a
 * comparison of debugging information sees them all. */
#include <adit/plugin.h>

#define S(type, size) void use_##type(struct type *x); void use_##type(struct type *x) { (void)x; }
#define M(type, member, offset)
#include "layout.h"
