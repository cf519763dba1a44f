/* fuzz_elf.c - any bytes as the file of a plugin, up to the dynamic linker. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include "plugin/plug_in.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char text[512] = "";
    int fd = memfd_create("plugin", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, len) != (ssize_t)len)
        abort();
    int32_t r = plug_elf_check(fd, len, "/plugin.so", text, sizeof text);
    if ((r == 0) != (text[0] == 0))
        abort();
    close(fd);
    return 0;
}
