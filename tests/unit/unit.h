/* unit.h - the main of a test program of check: TAP on standard output.
 *
 *     static Suite *suite(void) { ... }
 *     UNIT_MAIN(suite)
 */
#ifndef UNIT_H
#define UNIT_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#undef fail     /* an old name of check, and a member of struct adit_log_api */

#define UNIT_MAIN(suite_)                                       \
    int main(void)                                               \
    {                                                            \
        SRunner *sr = srunner_create(suite_());                  \
        srunner_set_tap(sr, "-");                                \
        srunner_run_all(sr, CK_SILENT);                          \
        int failed = srunner_ntests_failed(sr);                  \
        srunner_free(sr);                                        \
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;             \
    }

/* A suite of one case from a NULL-terminated list of tests. */
static inline Suite *unit_suite(const char *name, const TTest *const tests[])
{
    Suite *s = suite_create(name);
    TCase *tc = tcase_create(name);
    tcase_set_timeout(tc, 30);
    for (size_t i = 0; tests[i]; i++)
        tcase_add_test(tc, tests[i]);
    suite_add_tcase(s, tc);
    return s;
}

#endif
