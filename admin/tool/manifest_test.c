/* manifest_test.c - manifests there and back, in a folder of its own; every damage is found. */
#include "admin/tool/manifest.h"

#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define DIR_TEMPLATE "/tmp/gnomon-manifest-test-XXXXXX"

static struct manifest *sample(void)
{
    struct manifest *m = calloc(1, sizeof *m);

    must(m != NULL);
    *m = (struct manifest){.cluster_id = "01a2063a-dcf5-7419-8739-253757307cda",
                           .shards = 256,
                           .taken_wall_ns = 1234567890123456789,
                           .file_count = 257};
    for (uint32_t i = 0; i < m->file_count; i++) {
        manifest_file_name(i, m->files[i].name);
        m->files[i].bytes = UINT64_C(1) << 40;
        m->files[i].digest = UINT64_MAX - i;
        m->files[i].seq = INT64_MAX - i;
        m->files[i].range_id = i;
    }
    return m;
}

static void file_put(const char *path, const char *text, size_t len)
{
    FILE *file = fopen(path, "w");

    must(file != NULL);
    check(fwrite(text, 1, len, file) == len);
    check(fclose(file) == 0);
}

TEST(test_manifest_comes_back_and_no_damage_passes)
{
    char dir[] = DIR_TEMPLATE, path[64], *text = malloc(65536);
    struct manifest *sent = sample(), *got = calloc(1, sizeof *got);
    struct err_detail detail = {0};

    must(text != NULL && got != NULL && mkdtemp(dir) != NULL);
    snprintf(path, sizeof path, "%s/" MANIFEST_NAME, dir);
    check_err(manifest_read(dir, got, &detail), ERR_NOT_FOUND);
    check_ok(manifest_write(sent, dir, &detail));
    check_ok(manifest_read(dir, got, &detail));
    check_str(got->cluster_id, sent->cluster_id);
    check_i64(got->shards, 256);
    check_i64(got->file_count, 257);
    check_i64(got->taken_wall_ns, sent->taken_wall_ns);
    for (uint32_t i = 0; i < sent->file_count; i++) {
        check_str(got->files[i].name, sent->files[i].name);
        check(got->files[i].bytes == sent->files[i].bytes &&
              got->files[i].digest == sent->files[i].digest &&
              got->files[i].seq == sent->files[i].seq &&
              got->files[i].range_id == sent->files[i].range_id);
    }

    FILE *file = fopen(path, "r");
    must(file != NULL);
    const size_t len = fread(text, 1, 65536, file);
    check(fclose(file) == 0 && len > 1000);
    for (size_t at = 0; at + 1 < len; at += 101) {
        text[at] ^= 1;
        file_put(path, text, len);
        check(manifest_read(dir, got, &detail) != ERR_OK);
        text[at] ^= 1;
        file_put(path, text, at);
        check(manifest_read(dir, got, &detail) != ERR_OK);
    }
    file_put(path, "gnomon-backup 2\nwhatever\n", 25);
    check_err(manifest_read(dir, got, &detail), ERR_PRECONDITION);
    check(unlink(path) == 0 && rmdir(dir) == 0);
    free(text);
    free(sent);
    free(got);
}

TEST(test_digest_is_that_of_the_copy_and_overwrites_nothing)
{
    char dir[] = DIR_TEMPLATE, from[64], to[64];
    struct manifest_file whole, copied, other;
    struct err_detail detail = {0};

    must(mkdtemp(dir) != NULL);
    snprintf(from, sizeof from, "%s/from", dir);
    snprintf(to, sizeof to, "%s/to", dir);
    file_put(from, "some bytes", 10);
    check_ok(manifest_digest(from, NULL, &whole, &detail));
    check_i64(whole.bytes, 10);
    check_ok(manifest_digest(from, to, &copied, &detail));
    check(copied.digest == whole.digest && copied.bytes == whole.bytes);
    check_err(manifest_digest(from, to, &copied, &detail), ERR_IO);
    file_put(to, "Some bytes", 10);
    check_ok(manifest_digest(to, NULL, &other, &detail));
    check(other.digest != whole.digest);
    check_err(manifest_digest("/no/such/file", NULL, &other, &detail), ERR_NOT_FOUND);
    check(unlink(from) == 0 && unlink(to) == 0 && rmdir(dir) == 0);
}
