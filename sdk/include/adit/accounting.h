/* adit/accounting.h - an accountant: hears of every session's begin, course
 * and end. Calls return at once; what must wait is the plugin's affair. */
#ifndef ADIT_ACCOUNTING_H
#define ADIT_ACCOUNTING_H

#include <adit/abi.h>

struct adit_attrs;

struct adit_accounting {
    uint32_t size;
    uint32_t reserved;
    void (*begin)(struct adit_self *self, const struct adit_attrs *attrs);
    void (*interim)(struct adit_self *self, const struct adit_attrs *attrs);
    void (*end)(struct adit_self *self, const struct adit_attrs *attrs);
    /* Since 1.1; may be NULL. The daemon stops and every session has ended: the
     * last thing is said now. How many records wait for somebody's answer; asked
     * again, for a few seconds, until there are none. */
    uint32_t (*drain)(struct adit_self *self);
    /* Since 1.1; may be NULL. A connection attempt failed: there was no begin(), and
     * no end() follows. What is known of it, with CAUSE and REASON; SESSION is
     * missing when the call was refused before PPP, USER when nobody logged in. */
    void (*refused)(struct adit_self *self, const struct adit_attrs *attrs);
};

#endif
