/* hist_schema.h - the schema of the database, and its versions. */
#ifndef HIST_SCHEMA_H
#define HIST_SCHEMA_H

#include <sqlite3.h>
#include <stdint.h>

#define HIST_APPLICATION 0x41444954     /* "ADIT": PRAGMA application_id */
#define HIST_VERSION 1                  /* PRAGMA user_version */

extern const char *const hist_schema[HIST_VERSION];

/* The number that a PRAGMA gives; a result code of SQLite. */
int hist_pragma(sqlite3 *db, const char *name, int64_t *out);
/* Brings a database from its user_version to version n by steps[0..n): each step
 * wholly or not at all, also when the power goes. A result code of SQLite. */
int hist_migrate(sqlite3 *db, const char *const *steps, int n);

#endif
