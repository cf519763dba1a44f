/* user_cmd.h - `adit user`: the accounts of auth-local. */
#ifndef USER_CMD_H
#define USER_CMD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* list, show, add, passwd, set, del; argv[0] is "user". Returns the exit
 * status: 0, 1 (refused, a sentence was printed), 2 (misuse). */
int user_cmd(int argc, char **argv);
/* The caller took --json out of the arguments. */
extern bool user_cmd_json;
/* The configuration that is meant without --config; NULL: the usual one. */
extern const char *user_cmd_config;
/* The last sentence that told of a failure; "": none. */
#define USER_CMD_ERROR 1024
extern char user_cmd_error[USER_CMD_ERROR];

/* Makes a file of accounts that may connect, each "NAME:PASSWORD"; `clear`
 * keeps the passwords in clear too, for CHAP-MD5. 0, or 1 after a sentence. */
int setup_users(const char *file, const char *const *users, uint32_t count, bool clear);

/* One line of a terminal without echo; signals end it and the terminal is as it
 * was. False: none, or one that is too long, which was told. */
bool user_secret_read(int fd, const char *prompt, char *out, size_t size);

#endif
