/* backup.h - copies of a shard's tables at one sequence, shards made of copies, and the tables of a
 * shard that another process has open.
 *
 * A copy holds exactly what was staged up to its sequence: it is taken between two flushes, so that
 * no part of a later record is in it, and needs no log. Only for back ends on disk: the others give
 * ERR_UNIMPLEMENTED. */
#ifndef GNOMON_STORE_BACKUP_H
#define GNOMON_STORE_BACKUP_H

#include "common/store/store.h"

struct store_backup {
    int64_t seq;      /* the copy holds everything up to this one, and nothing beyond */
    int64_t range_id; /* the lease of the shard it was taken from */
    void *snapshot;   /* between begin and end; else NULL */
};

/* Flush, and hold the tables as they are then: that is the moment of the backup. Gives a backup
 * that is ended by store_backup_end() before the shard is closed; none when it fails, which is told
 * in `detail`. Blocks, on any thread but the shard's; the shard goes on meanwhile. ERR_CANCELED:
 * the shard closes; ERR_BUSY: flushes were always under way. */
MUST_USE enum err store_backup_begin(struct store_shard *shard, struct store_backup *out,
                                     struct err_detail *detail);
/* Copy the tables to `path`, an absolute name where nothing is. As above; a failure leaves no file.
 */
MUST_USE enum err store_backup_copy(struct store_shard *shard, const struct store_backup *backup,
                                    const char *path, struct err_detail *detail);
void store_backup_end(struct store_shard *shard, struct store_backup *backup);

/* The three at once. */
MUST_USE enum err store_shard_backup(struct store_shard *shard, const char *path,
                                     struct store_backup *out, struct err_detail *detail);

/* The copy lies in `options->dir` under the name of the shard's tables: make a shard of it, whose
 * positions and lease begin as `from` says, which must not be below those of the copy. */
MUST_USE enum err store_shard_restore(const struct store_options *options, uint32_t shard_id,
                                      const struct store_backup *from, struct err_detail *detail);

/* Reads the tables of a shard that another process may have open, as they are between two flushes:
 * what that process holds in memory only is not in it. Blocks. `seq` (may be NULL): up to which
 * sequence they are written. ERR_NOT_FOUND: there is no such file; ERR_BUSY as above. */
MUST_USE enum err store_tables_read(const struct store_options *options, uint32_t shard_id,
                                    enum err (*read)(struct store_snapshot *, void *), void *arg,
                                    int64_t *seq, struct err_detail *detail);

/* What a shard's owner knows of it. */
struct store_stats {
    int64_t range_id, staged_seq, durable_seq, applied_seq, truncated_seq;
    int64_t tail_bytes;                        /* of log that only memtables hold */
    uint32_t frozen;                           /* memtables that wait to be flushed */
    size_t memtable_bytes[STORE_FAMILY_COUNT]; /* of the active ones */
};
void store_shard_stats(struct store_shard *shard, struct store_stats *out);

#endif
