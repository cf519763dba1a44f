/* object.c - shared objects: who may be loaded, and loading.
 *
 * Knows:  owners and modes of files, libltdl.
 * Leaves: whether a file is whole to elf.c, what a plugin declares to face.c.
 *
 * An object that was opened is never closed again, also when it was refused
 * afterwards: code of it may still be on some stack, and its constructors ran.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <ltdl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "log/log.h"
#include "plugin/plug_in.h"

ADIT_EVENT(ev_loaded, "plugin.object.loaded", ADIT_LOG_INFO, "A plugin was loaded.",
           "file name version abi faces");
ADIT_EVENT(ev_face, "plugin.face.unknown", ADIT_LOG_WARN,
           "A face of a plugin is of a kind that this daemon does not know; it is left out.",
           "file type kind");

static struct adit_node objects = { &objects, &objects };

/* ---- the file ------------------------------------------------------------------ */

/* Whoever can write the file, or put another one in its place, becomes root. */
static int32_t check_owner(const char *path, const struct stat *st, char *text, size_t size)
{
    if (st->st_uid != 0 && st->st_uid != geteuid())
        return plug_why(text, size, ADIT_EDENIED,
                   "%s belongs to uid %u, and only what belongs to root or to the daemon's own "
                   "user is trusted; run: chown root '%s'", path, (unsigned)st->st_uid, path);
    if (st->st_mode & (S_IWGRP | S_IWOTH))
        return plug_why(text, size, ADIT_EDENIED,
                   "%s can be written by others than its owner; run: chmod go-w '%s'", path, path);
    return 0;
}

static int32_t check_file(const char *path, struct plug_object *o, char *text, size_t size)
{
    struct stat st, dir;
    char real[4096], *slash;
    int32_t r;
    if (path[0] != '/')
        return plug_why(text, size, ADIT_EINVAL, "%s: the path of a plugin must be absolute", path);
    if (!realpath(path, real) || stat(real, &st))
        return plug_why(text, size, ADIT_ENOENT, "%s: no such file", path);
    if (!S_ISREG(st.st_mode))
        return plug_why(text, size, ADIT_EINVAL, "%s is not a regular file", path);
    if ((r = check_owner(real, &st, text, size)))
        return r;
    slash = strrchr(real, '/');
    *slash = 0;
    if (stat(real[0] ? real : "/", &dir) || (r = check_owner(real, &dir, text, size)))
        return r ? r : plug_why(text, size, ADIT_ENOENT, "%s: no such folder", real);
    *slash = '/';
    int fd = open(real, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return plug_why(text, size, ADIT_EIO, "%s cannot be read: %m", path);
    r = plug_elf_check(fd, (uint64_t)st.st_size, path, text, size);
    close(fd);
    o->device = st.st_dev;
    o->inode = st.st_ino;
    return r;
}

/* ---- loading ------------------------------------------------------------------------ */

static char *copy_of(const char *s)
{
    return strdup(s ? s : "");
}

typedef const struct adit_plugin *(*entry_fn)(void);

/* Opens and finds the declaration. dlopen() goes first: libltdl binds lazily
 * and keeps the reason of a failure to itself ("file not found" for all of them). */
static int32_t open_object(const char *path, entry_fn *out, char *text, size_t size)
{
    static bool ready;
    if (!ready && lt_dlinit())
        return plug_why(text, size, ADIT_EIO, "libltdl does not start: %s", lt_dlerror());
    ready = true;
    if (!dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE)) {
        const char *reason = dlerror();
        return plug_why(text, size, ADIT_EINVAL, "%s cannot be loaded: %s", path,
                   reason ? reason : "the reason is not known");
    }
    lt_dlhandle h = lt_dlopen(path);
    if (!h) {
        const char *reason = lt_dlerror();
        return plug_why(text, size, ADIT_EIO, "%s cannot be loaded: %s", path,
                   reason ? reason : "the reason is not known");
    }
    lt_dlmakeresident(h);
    void *entry = lt_dlsym(h, ADIT_PLUGIN_SYMBOL);
    if (!entry) {
        for (int major = 1; major < 10; major++) {
            char symbol[32];
            snprintf(symbol, sizeof symbol, "adit_plugin_%d", major);
            if (lt_dlsym(h, symbol))
                return plug_why(text, size, ADIT_EABI,
                           "%s is built for plugin interface %d, this daemon offers %d; install "
                           "the plugin's release for this version of Adit", path, major,
                           ADIT_ABI_MAJOR);
        }
        return plug_why(text, size, ADIT_EABI,
                   "%s is not a plugin of Adit: it does not export %s", path, ADIT_PLUGIN_SYMBOL);
    }
    memcpy(out, &entry, sizeof entry);
    return 0;
}

static bool stride_ok(uint32_t stride, uint32_t least)
{
    return stride >= least && stride <= PLUG_STRIDE_MAX && stride % _Alignof(void *) == 0;
}

static int32_t take_faces(struct plug_object *o, const struct adit_plugin *p, char *text, size_t size)
{
    if (!stride_ok(p->face_size, PLUG_FACE_1_0) || !stride_ok(p->opt_size, PLUG_OPT_1_0) ||
        !stride_ok(p->counter_size, PLUG_COUNTER_1_0))
        return plug_why(text, size, ADIT_EABI, "%s: the sizes that it declares are nonsense", o->file);
    if (!p->face_count || p->face_count > 64 || !p->faces)
        return plug_why(text, size, ADIT_EABI, "%s offers %u faces; 1 to 64 are possible", o->file,
                   p->faces ? p->face_count : 0);
    o->faces = calloc(p->face_count, sizeof(struct plug_face *));
    if (!o->faces)
        return plug_why(text, size, ADIT_ENOMEM, "%s: out of memory", o->file);
    for (uint32_t i = 0; i < p->face_count; i++) {
        struct adit_face d = { 0 };
        struct plug_face *f;
        memcpy(&d, (const uint8_t *)p->faces + (size_t)i * p->face_size,
               p->face_size < sizeof d ? p->face_size : sizeof d);
        if (d.kind >= PLUG_KIND_ROWS || !plug_kinds[d.kind].name) {
            /* a newer plugin in an older daemon: what is known still serves */
            LOG_EVENT(PLUG_ROOM, &ev_face, ADIT_KV_S("file", o->file),
                      ADIT_KV_S("type", plug_name_ok(d.name) ? d.name : "?"),
                      ADIT_KV_U("kind", d.kind));
            continue;
        }
        int32_t r = plug_face_new(o, p, &d, &f, text, size);
        if (r)
            return r;
        const struct plug_face *other = plug_face(d.kind, d.name);
        for (uint32_t j = 0; !other && j < o->face_count; j++)
            if (o->faces[j]->decl.kind == d.kind && !strcmp(o->faces[j]->decl.name, d.name))
                other = o->faces[j];
        o->faces[o->face_count++] = f;
        if (other)
            return plug_why(text, size, ADIT_EEXIST,
                       "%s offers the %s type '%s', which %s offers already; remove one of them",
                       o->file, plug_kind_name(d.kind), d.name,
                       other->object == o ? "it" : other->object->file);
    }
    if (!o->face_count)
        return plug_why(text, size, ADIT_EABI, "%s offers nothing that this daemon knows", o->file);
    return 0;
}

static int32_t take_plugin(struct plug_object *o, const struct adit_plugin *p, char *text, size_t size)
{
    struct adit_plugin d;
    if (!p || p->size < PLUG_PLUGIN_1_0 || p->size > PLUG_STRIDE_MAX)
        return plug_why(text, size, ADIT_EABI, "%s declares nothing that can be read", o->file);
    plug_copy(&d, sizeof d, p, p->size);
    if (!plug_name_ok(d.name))
        return plug_why(text, size, ADIT_EABI,
                   "%s: its name is '%.40s'; small letters, digits and hyphens are possible, "
                   "%u at most", o->file, d.name ? d.name : "", PLUG_NAME_MAX);
    free(o->name);
    o->name = copy_of(d.name);
    o->version = copy_of(d.version);
    o->licence = copy_of(d.licence);
    o->summary = copy_of(d.summary);
    o->abi_minor = d.abi_minor;
    if (!d.version || !d.licence || !d.summary)
        return plug_why(text, size, ADIT_EABI, "%s: version, licence or summary is missing", o->file);
    return take_faces(o, &d, text, size);
}

static void drop_faces(struct plug_object *o)
{
    for (uint32_t i = 0; i < o->face_count; i++)
        plug_face_free(o->faces[i]);
    free(o->faces);
    o->faces = NULL;
    o->face_count = 0;
}

static void object_free(struct plug_object *o)
{
    drop_faces(o);
    free(o->file);
    free(o->name);
    free(o->version);
    free(o->licence);
    free(o->summary);
    free(o->refused);
    free(o);
}

static int32_t load(struct plug_object *o, const char *path, char *text, size_t size)
{
    entry_fn entry = NULL;
    int32_t r = check_file(path, o, text, size);
    if (r)
        return r;
    for (struct plug_object *x = NULL; (x = plug_object_next(x));)
        if (!x->refused && x->device == o->device && x->inode == o->inode)
            return plug_why(text, size, ADIT_EEXIST, "%s is loaded already", path);
    if ((r = open_object(path, &entry, text, size)))
        return r;
    return take_plugin(o, entry(), text, size);
}

int plug_load_file(const char *path)
{
    char text[1024] = "";
    const char *slash = strrchr(path, '/');
    struct plug_object *o = calloc(1, sizeof *o);
    if (!o)
        return log_fail(PLUG_ROOM, ADIT_ENOMEM, "%s: out of memory", path);
    o->file = copy_of(path);
    o->name = copy_of(slash ? slash + 1 : path);
    int32_t r = load(o, path, text, sizeof text);
    if (r == ADIT_EEXIST && !o->version) {      /* the same file again changes nothing */
        object_free(o);
        return log_fail(PLUG_ROOM, r, "%s", text);
    }
    if (r) {
        drop_faces(o);
        o->refused = copy_of(text);
    }
    adit_list_add(&objects, &o->node);
    if (r)
        return log_fail(PLUG_ROOM, r, "%s", text);
    LOG_EVENT(PLUG_ROOM, &ev_loaded, ADIT_KV_S("file", o->file), ADIT_KV_S("name", o->name),
              ADIT_KV_S("version", o->version), ADIT_KV_U("abi", o->abi_minor),
              ADIT_KV_U("faces", o->face_count));
    return 0;
}

static int is_object(const struct dirent *d)
{
    size_t n = strlen(d->d_name);
    return n > 3 && d->d_name[0] != '.' && !strcmp(d->d_name + n - 3, ".so");
}

int plug_load_dir(const char *dir)
{
    struct dirent **list;
    int loaded = 0, n = scandir(dir, &list, is_object, alphasort);
    if (n < 0) {
        log_fail(PLUG_ROOM, ADIT_ENOENT, "%s: the folder of the plugins cannot be read: %m", dir);
        return 0;
    }
    for (int i = 0; i < n; i++) {
        char path[4096];
        if (snprintf(path, sizeof path, "%s/%s", dir, list[i]->d_name) < (int)sizeof path)
            loaded += plug_load_file(path) == 0;
        free(list[i]);
    }
    free(list);
    return loaded;
}

void plug_unload_all(void)
{
    plug_requests_fini();
    plug_observe(false);
    ADIT_LIST_EACH(n, &objects) {
        adit_list_del(n);
        object_free(ADIT_OF(n, struct plug_object, node));
    }
}

/* ---- what is loaded -------------------------------------------------------------------- */

struct plug_object *plug_object_next(struct plug_object *o)
{
    struct adit_node *n = o ? o->node.next : objects.next;
    return n == &objects ? NULL : ADIT_OF(n, struct plug_object, node);
}

void plug_object_info(const struct plug_object *o, struct plug_object_info *out)
{
    *out = (struct plug_object_info){
        .file = o->file, .name = o->name, .version = o->version ? o->version : "",
        .licence = o->licence ? o->licence : "", .summary = o->summary ? o->summary : "",
        .abi_minor = o->abi_minor, .refused = o->refused, .face_count = o->face_count,
    };
}

const struct plug_face *plug_object_face(const struct plug_object *o, uint32_t i)
{
    return i < o->face_count ? o->faces[i] : NULL;
}

const struct plug_face *plug_face(uint32_t kind, const char *type)
{
    for (struct plug_object *o = NULL; (o = plug_object_next(o));)
        for (uint32_t i = 0; !o->refused && i < o->face_count; i++)
            if (o->faces[i]->decl.kind == kind && !strcmp(o->faces[i]->decl.name, type))
                return o->faces[i];
    return NULL;
}
