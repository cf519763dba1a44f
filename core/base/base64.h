/* base64.h - bytes as text (RFC 4648 section 4), for JSON. */
#ifndef BASE64_H
#define BASE64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BASE64_LEN(n) (((n) + 2) / 3 * 4 + 1)   /* of n bytes as text, with the NUL */

void base64_write(const uint8_t *p, size_t len, char *out);    /* BASE64_LEN(len) bytes */
/* How many bytes; -1: it is no such text, or longer than size. */
long base64_read(const char *text, uint8_t *out, size_t size);

#endif
