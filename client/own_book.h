/* own_book.h - a user's own phone book: ~/.config/adit/phonebook.yaml. */
#ifndef OWN_BOOK_H
#define OWN_BOOK_H

#include <stdbool.h>
#include <jansson.h>

/* The file's path, to be freed; NULL: there is no home. */
char *own_book_path(void);
/* Its entries as JSON objects, as they are dialled; files are named by their full paths.
 * An empty list when there is no book; NULL after something was told. */
json_t *own_book_take(void);
/* The one of that name, borrowed; NULL: there is none. */
json_t *own_book_find(json_t *book, const char *name);

#endif
