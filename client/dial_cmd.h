/* dial_cmd.h - what the commands that dial share. */
#ifndef DIAL_CMD_H
#define DIAL_CMD_H

#include "libadit.h"

/* A client of the daemon that was chosen; 1 after it was told that there is none. To be
 * closed in either case. */
int dial_client(struct adit_client **out);
/* The client's last failure, with its number; 1. */
int dial_complain(struct adit_client *c, int error);

#endif
