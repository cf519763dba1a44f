/* secret.h - where `adit dial` has names and secrets from: never an argument, never
 * the environment, both of which other users or programs can read. */
#ifndef SECRET_H
#define SECRET_H

#include <stdbool.h>
#include <stddef.h>

/* Each puts one line into `out`; false: none, and the reason was told. */
bool secret_of_fd(int fd, const char *what, char *out, size_t size);
/* A file of ours or root's that nobody else may read or write. */
bool secret_of_file(const char *path, const char *what, char *out, size_t size);
/* A credential of systemd's: "ENTRY.password", else "password". False and nothing told: there
 * is none. */
bool secret_of_systemd(const char *entry, const char *what, char *out, size_t size);
/* On the terminal; `hidden` without echo. False: there is no terminal, or nothing was typed. */
bool secret_typed(const char *prompt, bool hidden, char *out, size_t size);

#endif
