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
};

#endif
