/* loop_int.h - between the files of this room. */
#ifndef LOOP_INT_H
#define LOOP_INT_H

#include <stdbool.h>
#include <uv.h>
#include "loop/loop.h"

uv_loop_t *loop_uv(void);
int32_t loop_code(int uv_error);        /* UV_E* (or -errno) as ADIT_E* */
void loop_child_fini(void);             /* child.c: kills and reports what still runs */
void loop_stream_fini(void);            /* stream.c: closes all, says nothing */

#endif
