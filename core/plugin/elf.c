/* elf.c - whether a file is a whole shared object for this processor.
 *
 * Knows:  headers of ELF files.
 * Leaves: everything behind them to the dynamic linker.
 *
 * dlopen() maps what the headers promise and dies of SIGBUS when the file is
 * shorter, so a plugin that was half copied would take the daemon with it.
 */
#include <fcntl.h>
#include <link.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>
#include "plugin/plug_in.h"

int32_t plug_why(char *text, size_t size, int32_t code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, size, fmt, ap);
    va_end(ap);
    return code;
}

static bool read_at(int fd, void *out, size_t len, uint64_t at)
{
    return at <= INT64_MAX && pread(fd, out, len, (off_t)at) == (ssize_t)len;
}

/* Whether n bytes from `at` lie inside `size` bytes from `from`. */
static bool inside(uint64_t at, uint64_t n, uint64_t from, uint64_t size)
{
    return at >= from && at - from <= size && n <= size - (at - from);
}

static bool header_of(int fd, uint32_t i, const ElfW(Ehdr) *e, ElfW(Phdr) *out)
{
    return e->e_phoff <= UINT32_MAX && read_at(fd, out, sizeof *out, e->e_phoff + i * sizeof *out);
}

static bool dynamic_ok(int fd, const ElfW(Ehdr) *e, const ElfW(Phdr) *dynamic)
{
    ElfW(Phdr) ph;
    for (uint32_t i = 0; i < e->e_phnum; i++)
        if (header_of(fd, i, e, &ph) && ph.p_type == PT_LOAD &&
            inside(dynamic->p_vaddr, dynamic->p_memsz, ph.p_vaddr, ph.p_filesz))
            return true;
    return false;
}

int32_t plug_elf_check(int fd, uint64_t file_size, const char *path, char *text, size_t size)
{
    ElfW(Ehdr) e, ours;
    ElfW(Phdr) ph;
    bool dynamic = false;
    int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    bool known = self >= 0 && read_at(self, &ours, sizeof ours, 0);
    if (self >= 0)
        close(self);
    if (!read_at(fd, &e, sizeof e, 0) || memcmp(e.e_ident, ELFMAG, SELFMAG) != 0)
        return plug_why(text, size, ADIT_EINVAL, "%s is not a shared object", path);
    if (known && (e.e_ident[EI_CLASS] != ours.e_ident[EI_CLASS] ||
                  e.e_ident[EI_DATA] != ours.e_ident[EI_DATA] || e.e_machine != ours.e_machine))
        return plug_why(text, size, ADIT_EINVAL,
                        "%s is built for another processor (ELF machine %u, this daemon has %u); "
                        "install the package for this architecture", path, e.e_machine,
                        ours.e_machine);
    if (e.e_type != ET_DYN || e.e_phentsize != sizeof ph || !e.e_phnum || e.e_phnum > 1024)
        return plug_why(text, size, ADIT_EINVAL, "%s is not a shared object", path);
    for (uint32_t i = 0; i < e.e_phnum; i++) {
        bool whole = header_of(fd, i, &e, &ph);
        if (whole && (ph.p_type == PT_LOAD || ph.p_type == PT_DYNAMIC))
            whole = inside(ph.p_offset, ph.p_filesz, 0, file_size) && ph.p_filesz <= ph.p_memsz;
        if (whole && ph.p_type == PT_DYNAMIC)
            dynamic = whole = dynamic_ok(fd, &e, &ph);
        if (!whole)
            return plug_why(text, size, ADIT_EINVAL,
                            "%s is damaged: it ends before its contents do; install it again", path);
    }
    if (!dynamic)
        return plug_why(text, size, ADIT_EINVAL, "%s is not a shared object", path);
    return 0;
}
