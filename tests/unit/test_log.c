#include "log/log.h"
#include "unit.h"
static Suite *suite(void) { const TTest *const tests[] = { NULL }; return unit_suite("log", tests); }
UNIT_MAIN(suite)
