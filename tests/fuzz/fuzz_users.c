/* fuzz_users.c - any text as a file of accounts: read, looked up, written, read again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "config/conf.h"
#include "../../plugins/auth-local/users.h"

static char said[USERS_ERR];

static void tell(void *u, const char *sentence)
{
    (void)u;
    snprintf(said, sizeof said, "%s", sentence);
}

static struct users *parse(const char *text, size_t len)
{
    const struct conf_err err = { tell, NULL };
    struct users_file f;
    struct conf_mem *mem = NULL;
    struct users *us = NULL;
    struct conf_doc *d = conf_read_text("users.yaml", text, len, &err);
    if (d && conf_fill(conf_root(d), users_opts, sizeof users_opts[0], NULL, sizeof f, &f, &mem, &err) == 0 &&
        users_of_file(&f, &us, said) != 0)
        us = NULL;
    conf_mem_free(mem);
    conf_free(d);
    return us;
}

static void must(bool yes, const char *what)
{
    if (!yes) {
        fprintf(stderr, "fuzz_users: %s: %s\n", what, said);
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    size_t n, m;
    struct users *us = parse((const char *)data, len);
    if (!us)
        return 0;
    for (uint32_t i = 0; i < users_count(us); i++) {
        const struct user *u = users_at(us, i);
        must(users_find_exact(us, u->name) == u && users_find(us, u->name) == u, "an account is not found");
    }
    /* what was taken once is written so that it is taken again, and is the same */
    char *text = users_text(us, &n);
    must(text != NULL, "no text");
    struct users *again = parse(text, n);
    must(again != NULL, "the own text is refused");
    char *same = users_text(again, &m);
    must(same && n == m && memcmp(text, same, n) == 0, "the text changes");
    users_text_free(text, n);
    users_text_free(same, m);
    users_free(again);
    while (users_count(us))
        users_del(us, users_at(us, users_count(us) / 2));
    users_free(us);
    return 0;
}
