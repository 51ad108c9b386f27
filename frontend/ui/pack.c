/* pack.c - see pack.h; the format is in scripts/fetch_ui.py. Everything is checked when it is
 * opened. */
#include "frontend/ui/pack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC "GNOMONU1"

enum { HEAD_BYTES = 16, ENTRY_BYTES = 64, RAW_BYTES_MAX = 64 * 1024 * 1024 };

struct ui_pack {
    const uint8_t *bytes;
    size_t len, count;
};

enum field { PATH_AT, PATH_LEN, DATA_AT, DATA_LEN, RAW_LEN, IS_PACKED, TAG_AT, TAG_LEN };

static uint64_t le64(const uint8_t *at)
{
    uint64_t value = 0;

    for (int i = 7; i >= 0; i--)
        value = value << 8 | at[i];
    return value;
}

static uint64_t field_of(const struct ui_pack *pack, size_t entry, enum field field)
{
    return le64(pack->bytes + HEAD_BYTES + entry * ENTRY_BYTES + (size_t)field * 8);
}

static struct slice part_of(const struct ui_pack *pack, size_t entry, enum field at)
{
    return slice_of(pack->bytes + field_of(pack, entry, at),
                    field_of(pack, entry, (enum field)(at + 1)));
}

static bool is_inside(const struct ui_pack *pack, size_t entry, enum field at)
{
    const uint64_t from = field_of(pack, entry, at);

    return from <= pack->len && field_of(pack, entry, (enum field)(at + 1)) <= pack->len - from;
}

static bool is_sound(struct ui_pack *pack)
{
    if (pack->len < HEAD_BYTES || memcmp(pack->bytes, MAGIC, sizeof MAGIC - 1) != 0)
        return false;
    const uint64_t count = le64(pack->bytes + 8);
    if (count > (pack->len - HEAD_BYTES) / ENTRY_BYTES)
        return false;
    pack->count = (size_t)count;
    for (size_t i = 0; i < pack->count; i++) {
        if (!is_inside(pack, i, PATH_AT) || !is_inside(pack, i, DATA_AT) ||
            !is_inside(pack, i, TAG_AT) || field_of(pack, i, RAW_LEN) > RAW_BYTES_MAX)
            return false;
        if (i > 0 && slice_cmp(part_of(pack, i - 1, PATH_AT), part_of(pack, i, PATH_AT)) >= 0)
            return false;
    }
    return true;
}

enum err ui_pack_open(const char *path, struct ui_pack **out, struct err_detail *detail)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;

    *out = NULL;
    if (fd < 0)
        return err_fail(detail, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s: %s", path,
                        strerror(errno));
    if (fstat(fd, &st) != 0 || st.st_size < HEAD_BYTES) {
        close(fd);
        return err_fail(detail, ERR_CORRUPT, "%s: not the Web UI's files", path);
    }
    void *bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    if (bytes == MAP_FAILED)
        return err_fail(detail, ERR_IO, "%s: %s", path, strerror(errno));
    struct ui_pack *pack = calloc(1, sizeof *pack);
    must(pack != NULL);
    pack->bytes = bytes;
    pack->len = (size_t)st.st_size;
    if (!is_sound(pack)) {
        ui_pack_close(pack);
        return err_fail(detail, ERR_CORRUPT, "%s: not the Web UI's files", path);
    }
    *out = pack;
    return ERR_OK;
}

void ui_pack_close(struct ui_pack *pack)
{
    union {
        const uint8_t *in;
        void *out;
    } cast;

    if (!pack)
        return;
    cast.in = pack->bytes;
    munmap(cast.out, pack->len);
    free(pack);
}

bool ui_pack_find(const struct ui_pack *pack, struct slice path, struct ui_file *out)
{
    size_t low = 0, high = pack->count;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order = slice_cmp(part_of(pack, middle, PATH_AT), path);

        if (order == 0) {
            *out = (struct ui_file){.data = part_of(pack, middle, DATA_AT),
                                    .raw_bytes = (size_t)field_of(pack, middle, RAW_LEN),
                                    .gzipped = field_of(pack, middle, IS_PACKED) != 0,
                                    .tag = part_of(pack, middle, TAG_AT)};
            return true;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}
