/* replay.c - runs the corpus of a fuzz target as an ordinary test.
 *
 *     fuzz_chap                 every file of corpus/chap, in TAP
 *     fuzz_chap FILE ...        these files
 *     fuzz_chap --seeds DIR     writes the corpus as bytes, for libFuzzer
 *
 * A file named *.hex is text: hexadecimal digits, white space, # comments.
 * Any other file is bytes. The name of the program, without fuzz_, names the corpus.
 */
#include <ctype.h>
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));

enum { MOST = 1 << 20 };

static size_t unhex(uint8_t *p, size_t len)
{
    size_t n = 0;
    int half = -1;
    for (size_t i = 0; i < len; i++) {
        if (p[i] == '#') {
            while (i < len && p[i] != '\n')
                i++;
            continue;
        }
        if (!isxdigit(p[i]))
            continue;
        int v = isdigit(p[i]) ? p[i] - '0' : tolower(p[i]) - 'a' + 10;
        if (half < 0) {
            half = v;
        } else {
            p[n++] = (uint8_t)(half << 4 | v);
            half = -1;
        }
    }
    return n;
}

/* The bytes of a corpus file in memory of exactly that size, so that a sanitizer
 * sees a read behind it. NULL: it cannot be read. */
static uint8_t *load(const char *path, size_t *len)
{
    static uint8_t buf[MOST];
    FILE *f = fopen(path, "rb");
    if (!f)
        return NULL;
    size_t n = fread(buf, 1, sizeof buf, f);
    fclose(f);
    size_t name = strlen(path);
    if (name > 4 && strcmp(path + name - 4, ".hex") == 0)
        n = unhex(buf, n);
    uint8_t *copy = malloc(n ? n : 1);
    if (copy)
        memcpy(copy, buf, n);
    *len = n;
    return copy;
}

static int visible(const struct dirent *d) { return d->d_name[0] != '.'; }

static int one(const char *path)
{
    size_t len;
    uint8_t *data = load(path, &len);
    if (!data)
        return -1;
    LLVMFuzzerTestOneInput(data, len);
    free(data);
    return 0;
}

static int seed(const char *path, const char *dir, const char *name)
{
    char to[4096];
    size_t len;
    uint8_t *data = load(path, &len);
    snprintf(to, sizeof to, "%s/%s.bin", dir, name);
    FILE *f = data ? fopen(to, "wb") : NULL;
    int ok = f && fwrite(data, 1, len, f) == len;
    if (f)
        ok = fclose(f) == 0 && ok;
    free(data);
    return ok ? 0 : -1;
}

int main(int argc, char **argv)
{
    const char *src = getenv("top_srcdir"), *name = strrchr(argv[0], '/');
    name = name ? name + 1 : argv[0];
    if (strncmp(name, "lt-", 3) == 0)
        name += 3;
    if (strncmp(name, "fuzz_", 5) == 0)
        name += 5;
    if (LLVMFuzzerInitialize)
        LLVMFuzzerInitialize(&argc, &argv);
    setvbuf(stdout, NULL, _IOLBF, 0);

    const char *seeds = argc == 3 && strcmp(argv[1], "--seeds") == 0 ? argv[2] : NULL;
    if (argc > 1 && !seeds) {
        for (int i = 1; i < argc; i++)
            printf("%sok %d - %s\n", one(argv[i]) ? "not " : "", i, argv[i]);
        printf("1..%d\n", argc - 1);
        return 0;
    }

    char dir[2048], path[4096];
    struct dirent **list;
    int bad = 0;
    snprintf(dir, sizeof dir, "%s/tests/fuzz/corpus/%s", src ? src : ".", name);
    int n = scandir(dir, &list, visible, alphasort);
    if (n <= 0) {
        printf("1..1\nnot ok 1 - no corpus in %s (is top_srcdir set?)\n", dir);
        return 1;
    }
    for (int i = 0; i < n; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, list[i]->d_name);
        int rc = seeds ? seed(path, seeds, list[i]->d_name) : one(path);
        bad += rc != 0;
        printf("%sok %d - %s\n", rc ? "not " : "", i + 1, list[i]->d_name);
        free(list[i]);
    }
    free(list);
    printf("1..%d\n", n);
    return bad != 0;
}
