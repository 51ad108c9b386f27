/* manifest.h - what is in a backup: its files with sizes and digests, the sequence and lease of
 * each shard. Written last, in one step: a folder without one is no whole backup.
 *
 * Text, a line each: `gnomon-backup 1`, `cluster ID`, `shards N`, `taken WALL_NS`,
 * `file NAME BYTES DIGEST SEQ LEASE`, and `end DIGEST` over all lines before. */
#ifndef GNOMON_ADMIN_MANIFEST_H
#define GNOMON_ADMIN_MANIFEST_H

#include "common/base/err.h"
#include "common/base/rng.h"

enum { MANIFEST_FILES_MAX = 257, MANIFEST_NAME_MAX = 40 };

struct manifest_file {
    char name[MANIFEST_NAME_MAX];
    uint64_t bytes, digest;
    int64_t seq, range_id; /* of a shard's; 0 for the cluster store */
};

struct manifest {
    char cluster_id[UUID_TEXT_LEN + 1];
    uint32_t shards;
    int64_t taken_wall_ns;
    struct manifest_file files[MANIFEST_FILES_MAX]; /* the cluster store, then each shard's */
    uint32_t file_count;                            /* shards + 1 */
};

#define MANIFEST_NAME "manifest"

void manifest_file_name(uint32_t index, char out[MANIFEST_NAME_MAX]); /* of files[index] */
/* Size and digest of a file; `to` (may be NULL): it is copied there, where nothing is, and synced.
 */
MUST_USE enum err manifest_digest(const char *path, const char *to, struct manifest_file *out,
                                  struct err_detail *detail);
MUST_USE enum err manifest_write(const struct manifest *manifest, const char *dir,
                                 struct err_detail *detail);
/* ERR_NOT_FOUND: there is none; ERR_CORRUPT; ERR_PRECONDITION: of another version. */
MUST_USE enum err manifest_read(const char *dir, struct manifest *out, struct err_detail *detail);
MUST_USE enum err manifest_sync_dir(const char *dir, struct err_detail *detail);

#endif
