/* user_cmd.h - `adit user`: the accounts of auth-local. */
#ifndef USER_CMD_H
#define USER_CMD_H

#include <stdbool.h>
#include <stdint.h>

/* list, show, add, passwd, set, del; argv[0] is "user". Returns the exit
 * status: 0, 1 (refused, a sentence was printed), 2 (misuse). */
int user_cmd(int argc, char **argv);
/* The caller took --json out of the arguments. */
extern bool user_cmd_json;

/* Makes a file of accounts that may connect, each "NAME:PASSWORD"; `clear`
 * keeps the passwords in clear too, for CHAP-MD5. 0, or 1 after a sentence. */
int setup_users(const char *file, const char *const *users, uint32_t count, bool clear);

#endif
