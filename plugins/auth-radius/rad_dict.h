/* rad_dict.h - names, types and text of attributes: libradcli's dictionary, filled
 * with the rows of rad_types.h.
 *
 *     if (rad_dict_hold() != 0) ...                    // once an instance; rad_dict_drop()
 *     struct rad_pair p;
 *     if (!rad_dict_parse("Framed-MTU=1400", &p, why, sizeof why)) ...
 *     rad_dict_text(&attr, text, sizeof text);         // "Framed-MTU = 1400"
 *
 * Knows:  what people write and read.
 * Leaves: meaning to rad_attr.
 *
 * The library is given only what it can take: it reads no file, asks no name
 * server, and has no reason to write to the system's log. Main loop only.
 */
#ifndef RAD_DICT_H
#define RAD_DICT_H

#include "rad_msg.h"

#define RAD_NAME_TEXT 64u       /* bytes of "Attribute" or "26.9.1" */
#define RAD_PAIR_TEXT 640u      /* bytes of "Attribute = value" */

struct rad_pair {
    uint32_t vendor, type, len;
    uint8_t value[253];
};

int32_t rad_dict_hold(void);    /* 0, ADIT_ENOMEM */
void rad_dict_drop(void);
/* Its name, or its numbers when it has none. */
const char *rad_dict_name(uint32_t vendor, uint32_t type, char out[RAD_NAME_TEXT]);
bool rad_dict_known(uint32_t vendor, uint32_t type);
/* One line for people; secrets are not shown. */
const char *rad_dict_text(const struct rad_attr *a, char *out, size_t size);
/* "Attribute=value", as in nas.send: a number or the name of a value, an address, a
 * prefix, text (in quotes or not), octets as 0x... False: `why` says so. */
bool rad_dict_parse(const char *text, struct rad_pair *out, char *why, size_t why_size);
void rad_put_pair(struct rad_out *o, const struct rad_pair *p);

#endif
