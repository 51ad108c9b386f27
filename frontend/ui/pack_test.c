/* pack_test.c - the packed files: what is found, and that damage is refused when it is opened. */
#include "frontend/ui/pack.h"

#include "common/base/buf.h"
#include "common/base/rng.h"
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void put64(struct buf *out, uint64_t value)
{
    for (int i = 0; i < 8; i++) {
        const uint8_t byte = (uint8_t)(value >> (8 * i));
        buf_append(out, &byte, 1);
    }
}

/* Two files, "/a" and "/b". */
static void make_pack(struct buf *out)
{
    static const char tail[] = "/atagA/btagBBB";
    const uint64_t at = 16 + 2 * 64;

    buf_append(out, "GNOMONU1", 8);
    put64(out, 2);
    const uint64_t entries[2][8] = {{at, 2, at + 5, 1, 1, 0, at + 2, 3},
                                    {at + 6, 2, at + 11, 3, 9, 1, at + 8, 3}};
    for (size_t i = 0; i < 16; i++)
        put64(out, entries[i / 8][i % 8]);
    buf_append(out, tail, sizeof tail - 1);
}

static enum err open_bytes(struct slice bytes, struct ui_pack **out, struct err_detail *detail)
{
    char path[] = "/tmp/gnomon-pack-XXXXXX";
    const int fd = mkstemp(path);

    must(fd >= 0 && write(fd, bytes.ptr, bytes.len) == (ssize_t)bytes.len);
    close(fd);
    const enum err err = ui_pack_open(path, out, detail);
    unlink(path);
    return err;
}

TEST(test_ui_pack_finds_its_files)
{
    struct err_detail detail = {0};
    struct ui_pack *pack;
    struct ui_file file;
    struct buf bytes;

    buf_init(&bytes, 0);
    make_pack(&bytes);
    check_ok(open_bytes(buf_slice(&bytes), &pack, &detail));
    check(ui_pack_find(pack, SLICE_LIT("/a"), &file));
    check_slice(file.data, SLICE_LIT("A"));
    check(!file.gzipped);
    check(ui_pack_find(pack, SLICE_LIT("/b"), &file));
    check_slice(file.data, SLICE_LIT("BBB"));
    check_slice(file.tag, SLICE_LIT("tag"));
    check(file.gzipped && file.raw_bytes == 9);
    check(!ui_pack_find(pack, SLICE_LIT("/c"), &file));
    check(!ui_pack_find(pack, SLICE_LIT(""), &file));
    ui_pack_close(pack);
    buf_release(&bytes);
}

TEST(test_ui_pack_refuses_damage)
{
    struct err_detail detail = {0};
    struct ui_pack *pack;
    struct ui_file file;
    struct buf bytes;
    struct rng rng;

    check_err(ui_pack_open("/nonexistent/ui.pack", &pack, &detail), ERR_NOT_FOUND);
    check_err(open_bytes(SLICE_LIT("GNOMON"), &pack, &detail), ERR_CORRUPT);
    rng_seed(&rng, 3);
    for (int round = 0; round < 300; round++) {
        buf_init(&bytes, 0);
        make_pack(&bytes);
        for (int i = 0; i < 2; i++)
            bytes.ptr[rng_below(&rng, bytes.len)] = (uint8_t)rng_u64(&rng);
        if (rng_below(&rng, 4) == 0)
            bytes.len = (size_t)rng_below(&rng, bytes.len);
        if (open_bytes(buf_slice(&bytes), &pack, &detail) == ERR_OK) {
            if (ui_pack_find(pack, SLICE_LIT("/b"), &file))
                check(file.data.len <= bytes.len);
            ui_pack_close(pack);
        }
        buf_release(&bytes);
    }
}
