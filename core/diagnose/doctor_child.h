/* doctor_child.h - another program's word.
 *
 *     char *text;
 *     int rc = doctor_child(paths, argv, 3000, &text);     // free(text)
 */
#ifndef DOCTOR_CHILD_H
#define DOCTOR_CHILD_H

/* Runs the first of the paths that is there, with nothing on its standard input. What it
 * says on both outputs goes to `*text` (never NULL unless -1). Its exit status; -1: it
 * could not be run, errno says why; -2: it did not end in time. ANY THREAD. */
int doctor_child(const char *const *paths, const char *const *argv, int wait_ms, char **text);

#endif
