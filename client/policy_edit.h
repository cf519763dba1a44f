/* policy_edit.h - a list of policies in a file, as text that people wrote.
 *
 *     struct policy_edit e;
 *     if (!policy_edit_open(&e, "/etc/adit/aditd.yaml", NULL) && !policy_edit_add(&e, item, 0) &&
 *         !policy_edit_save(&e)) ...
 *     policy_edit_close(&e);
 *
 * Knows:  where in which file a policy begins and ends, and which comments are its own.
 * Leaves: what a policy says to the plugin's options, arguments to policy_cmd.c.
 *
 * The text is changed by lines; whatever is not the policy that is meant stays as
 * it was. The result is read and compared before it is written.
 */
#ifndef POLICY_EDIT_H
#define POLICY_EDIT_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include "config/conf.h"
#include "../plugins/policy-access/access.h"

struct policy_edit {
    char path[PATH_MAX];        /* the file that holds the list */
    char engine[64];            /* the instance's name */
    int lock;
    char *text;                 /* as it is, and as it becomes */
    size_t len;
    struct conf_doc *doc;       /* of text */
    const struct conf_node *holder, *list;      /* the mapping that has `policies`; NULL: none */
    struct conf_mem *mem;
    struct access_file conf;    /* what the list says */
    bool of_file;               /* the engine has a file of policies */
};

/* All return 0, or 1 after a sentence was printed. `config` is the daemon's file;
 * `engine` NULL: the only one. */
int policy_edit_open(struct policy_edit *e, const char *config, const char *engine);
void policy_edit_close(struct policy_edit *e);
uint32_t policy_edit_count(const struct policy_edit *e);
const struct pol_conf *policy_edit_at(const struct policy_edit *e, uint32_t i);
int policy_edit_find(const struct policy_edit *e, const char *name, uint32_t *at);
/* `item`: the lines of a mapping, not indented. In place `at`: before the policy that
 * has it now; count: at the end. */
int policy_edit_add(struct policy_edit *e, const char *item, uint32_t at);
int policy_edit_remove(struct policy_edit *e, uint32_t i);
int policy_edit_move(struct policy_edit *e, uint32_t i, uint32_t to);      /* to: place after the move */
int policy_edit_save(struct policy_edit *e);

#endif
