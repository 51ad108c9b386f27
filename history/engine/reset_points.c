/* reset_points.c - see reset_points.h. */
#include "history/engine/reset_points.h"

#include "common/proto/wire.h"
#include "history/engine/attributes.h"
#include "history/engine/engine_int.h"
#include "history/engine/problems.h"
#include "history/engine/versioning.h"

enum {
    SEARCH_VALUE_BYTES_MAX = 2048,
    SENTINEL_BYTES_MAX = 32 /* brackets, "unversioned" and a comma */
};

static api_reset_points *points_of(const struct run *run, struct arena *arena)
{
    api_reset_points *points =
        engine_decode(arena, &api_reset_points__desc, bytes_slice(run->reset_points));

    must(points != NULL);
    return points;
}

static char *build_id_of(const api_workflow_task_completed_event_attributes *completed)
{
    static char none[] = "";

    if (completed->deployment_version)
        return completed->deployment_version->build_id;
    return completed->worker_version ? completed->worker_version->build_id : none;
}

/* The search attribute's strings of the builds that worked on this run, with commas between them;
 * what does not fit into its value is left out. */
static bool note_build(struct run *run, const char *build_id)
{
    const struct slice noted = bytes_slice(run->used_builds);
    struct buf all;

    if (!build_id[0] || run_used_version(run, build_id))
        return false;
    buf_init(&all, 0);
    buf_append_slice(&all, noted);
    if (noted.len > 0)
        buf_append_slice(&all, SLICE_LIT(","));
    const size_t from = all.len;
    run_json_text(&all, "unversioned:", build_id);
    must(buf_ok(&all));
    const struct slice whole = buf_slice(&all);
    const struct slice one = slice_of(whole.ptr + from, whole.len - from);
    const bool fits = whole.len + SENTINEL_BYTES_MAX < SEARCH_VALUE_BYTES_MAX;
    const bool anew = fits && (noted.len == 0 || !memmem(noted.ptr, noted.len, one.ptr, one.len));
    if (anew) {
        bytes_set(&run->used_builds, whole);
        run->dirty = true;
    }
    buf_release(&all);
    return anew;
}

bool run_add_reset_point(struct run *run, struct arena *arena,
                         const api_workflow_task_completed_event_attributes *completed,
                         int64_t event_id, int64_t now_ns)
{
    api_reset_points *points = points_of(run, arena);
    char *build_id = build_id_of(completed);
    const bool noted = note_build(run, build_id);

    for (size_t i = 0; i < points->n_points; i++)
        if (strcmp(points->points[i]->binary_checksum, completed->binary_checksum) == 0 &&
            strcmp(points->points[i]->build_id, build_id) == 0)
            return noted;
    api_reset_point_info *point = engine_message(arena, &api_reset_point_info__desc);
    point->binary_checksum = completed->binary_checksum;
    point->build_id = build_id;
    point->run_id = arena_str(arena, slice_str(run->run_id));
    point->first_workflow_task_completed_id = event_id;
    point->create_time = proto_timestamp(arena, now_ns);
    /* Spec: what is pending would not be known to the run that a reset makes */
    point->resettable = run->children.count == 0 && run->externals.count == 0;

    const size_t skip = points->n_points >= RESET_POINTS_MAX ? 1 : 0;
    const size_t kept = points->n_points - skip;
    api_reset_point_info **list = ARENA_ARRAY(arena, api_reset_point_info *, kept + 1);
    for (size_t i = 0; i < kept; i++)
        list[i] = points->points[i + skip];
    list[kept] = point;
    points->points = list;
    points->n_points = kept + 1;
    bytes_set(&run->reset_points, proto_encode(arena, points));
    run->dirty = true;
    return true;
}

bool run_same_reset_points(struct slice a, struct slice b)
{
    struct arena arena;

    arena_init(&arena);
    api_reset_points *x = engine_decode(&arena, &api_reset_points__desc, a);
    api_reset_points *y = engine_decode(&arena, &api_reset_points__desc, b);
    bool same = x && y && x->n_points == y->n_points;
    for (size_t i = 0; same && i < x->n_points; i++)
        x->points[i]->resettable = y->points[i]->resettable;
    same = same && slice_eq(proto_encode(&arena, x), proto_encode(&arena, y));
    arena_release(&arena);
    return same;
}

struct slice run_shown_reset_points(const struct run *run, struct arena *arena)
{
    api_reset_points *points = points_of(run, arena);
    size_t kept = 0;

    for (size_t i = 0; i < points->n_points; i++) {
        api_reset_point_info *point = points->points[i];
        int64_t expires_ns;

        if (proto_timestamp_ns(point->expire_time, &expires_ns) == ERR_OK && expires_ns != 0 &&
            expires_ns < run->start_ns)
            continue;
        if (!point->expire_time && run->continued)
            point->expire_time = proto_timestamp(arena, run->close_ns + run->retention_ns);
        points->points[kept++] = point;
    }
    points->n_points = kept;
    return proto_encode(arena, points);
}

static const api_bad_binary_info *find_bad(const api_bad_binaries *bad, const char *checksum)
{
    for (size_t i = 0; i < bad->n_binaries; i++)
        if (bad->binaries[i]->value && strcmp(bad->binaries[i]->key, checksum) == 0)
            return bad->binaries[i]->value;
    return NULL;
}

bool run_bad_reset_point(const struct run *run, struct arena *arena, struct slice bad,
                         int64_t now_ns, struct reset_point *out)
{
    const api_reset_points *points = points_of(run, arena);
    const api_bad_binaries *binaries = engine_decode(arena, &api_bad_binaries__desc, bad);

    for (size_t i = 0; binaries && i < points->n_points; i++) {
        const api_reset_point_info *point = points->points[i];
        const api_bad_binary_info *info = find_bad(binaries, point->binary_checksum);
        int64_t expires_ns = 0;

        if (!info || !point->resettable || strlen(point->run_id) != UUID_TEXT_LEN ||
            proto_timestamp_ns(point->expire_time, &expires_ns) != ERR_OK ||
            (expires_ns != 0 && now_ns > expires_ns)) /* its history may be gone */
            continue;
        memcpy(out->run_id, point->run_id, sizeof out->run_id);
        out->event_id = point->first_workflow_task_completed_id;
        out->reason = info->reason;
        return true;
    }
    return false;
}

/* -- search attributes ----------------------------------------------------------------------- */

void run_json_text(struct buf *out, const char *prefix, const char *text)
{
    buf_append_slice(out, SLICE_LIT("\""));
    buf_append_slice(out, slice_str(prefix));
    for (const char *at = text; *at; at++) {
        if (*at == '"' || *at == '\\')
            buf_printf(out, "\\%c", *at);
        else if ((unsigned char)*at < 0x20)
            buf_printf(out, "\\u%04x", (unsigned)*at);
        else
            buf_append_slice(out, slice_of((const uint8_t *)at, 1));
    }
    buf_append_slice(out, SLICE_LIT("\""));
}

static void add_attribute(struct arena *arena, api_search_attributes *attributes, const char *name,
                          api_payload *value)
{
    api_search_attributes_indexed_fields_entry *entry =
        engine_message(arena, &api_search_attributes_indexed_fields_entry__desc);

    entry->key = arena_str(arena, slice_str(name));
    entry->value = value;
    attributes->indexed_fields[attributes->n_indexed_fields++] = entry;
}

static void add_keywords(struct arena *arena, api_search_attributes *attributes, const char *name,
                         struct slice list)
{
    add_attribute(arena, attributes, name, attribute_payload(arena, "KeywordList", list));
}

/* Newest last; what does not fit into a search attribute's value is left out. */
static void list_builds(const struct run *run, struct arena *arena, struct buf *builds,
                        struct buf *checksums)
{
    const api_reset_points *points = points_of(run, arena);
    bool own = false; /* Spec: they are told when one of them is this run's */

    buf_append_slice(builds, SLICE_LIT("["));
    run_list_deployment(run, arena, builds);
    if (builds->len > 1 && run->used_builds.len > 0)
        buf_append_slice(builds, SLICE_LIT(","));
    buf_append_slice(builds, bytes_slice(run->used_builds));
    buf_append_slice(checksums, SLICE_LIT("["));
    for (size_t i = 0; i < points->n_points; i++)
        own = own || (points->points[i]->binary_checksum[0] &&
                      strcmp(points->points[i]->run_id, run->run_id) == 0);
    for (size_t i = 0; own && i < points->n_points; i++) {
        const api_reset_point_info *point = points->points[i];

        if (point->binary_checksum[0] &&
            checksums->len + 2 * strlen(point->binary_checksum) + 32 < SEARCH_VALUE_BYTES_MAX) {
            if (checksums->len > 1)
                buf_append_slice(checksums, SLICE_LIT(","));
            run_json_text(checksums, "", point->binary_checksum);
        }
    }
    buf_append_slice(builds, SLICE_LIT("]"));
    buf_append_slice(checksums, SLICE_LIT("]"));
}

static api_search_attributes *merged(struct arena *arena, struct slice before,
                                     const api_search_attributes *added, bool drop_nil)
{
    typedef api_search_attributes_indexed_fields_entry entry;
    api_search_attributes *all = engine_decode(arena, &api_search_attributes__desc, before);

    must(all != NULL);
    if (!added || added->n_indexed_fields == 0)
        return all;
    entry **list = ARENA_ARRAY(arena, entry *, all->n_indexed_fields + added->n_indexed_fields);
    size_t count = 0;
    for (size_t i = 0; i < all->n_indexed_fields; i++) {
        bool replaced = false;
        for (size_t j = 0; j < added->n_indexed_fields; j++)
            replaced |= strcmp(all->indexed_fields[i]->key, added->indexed_fields[j]->key) == 0;
        for (size_t j = i + 1; j < all->n_indexed_fields; j++)
            replaced |= strcmp(all->indexed_fields[i]->key, all->indexed_fields[j]->key) == 0;
        if (!replaced)
            list[count++] = all->indexed_fields[i];
    }
    for (size_t j = 0; j < added->n_indexed_fields; j++)
        if (!drop_nil || !engine_payload_is_nil(added->indexed_fields[j]->value))
            list[count++] = added->indexed_fields[j];
    all->indexed_fields = list;
    all->n_indexed_fields = count;
    return all;
}

api_search_attributes *run_counted_search_attributes(const struct run *run, struct arena *arena,
                                                     const api_search_attributes *added)
{
    return merged(arena, run_shown_search_attributes(run, arena), added, false);
}

void run_merge_search_attributes(struct run *run, struct arena *arena,
                                 const api_search_attributes *added)
{
    if (!added || added->n_indexed_fields == 0)
        return;
    bytes_set(&run->search_attributes,
              proto_encode(arena, merged(arena, bytes_slice(run->search_attributes), added, true)));
    run->dirty = true;
}

/* Which builds worked on the run. */
static void add_builds(const struct run *run, struct arena *arena, api_search_attributes *shown)
{
    const api_reset_points *points = points_of(run, arena);
    struct buf builds, checksums;

    /* Spec: an override that is gone leaves "unversioned". */
    if ((points->n_points == 0 || run->last_completed_ns == 0) && !run->override_known)
        return;
    buf_init(&builds, 0);
    buf_init(&checksums, 0);
    list_builds(run, arena, &builds, &checksums);
    if (builds.len > 2)
        add_keywords(arena, shown, "BuildIds", buf_slice(&builds));
    if (checksums.len > 2)
        add_keywords(arena, shown, "BinaryChecksums", buf_slice(&checksums));
    buf_release(&builds);
    buf_release(&checksums);
}

struct slice run_shown_search_attributes(const struct run *run, struct arena *arena)
{
    enum { ADDED_MAX = 5 + DEPLOYMENT_ATTRIBUTES_MAX };
    api_search_attributes *shown = engine_message(arena, &api_search_attributes__desc);
    struct buf all;

    shown->indexed_fields =
        ARENA_ARRAY(arena, api_search_attributes_indexed_fields_entry *, ADDED_MAX);
    const bool overridden = run->versioning_override.len > 0;
    add_builds(run, arena, shown);
    run_add_deployment(run, arena, shown);
    if (overridden) /* of two entries of a map the last one counts */
        add_attribute(arena, shown, "TemporalWorkflowVersioningBehavior",
                      attribute_payload(arena, "Keyword", SLICE_LIT("\"AutoUpgrade\"")));
    api_payload *problems = run_reported_problems(run, arena);
    if (problems)
        add_attribute(arena, shown, "TemporalReportedProblems", problems);
    if (run->shown_pauses.len > 0)
        add_keywords(arena, shown, "TemporalPauseInfo", bytes_slice(run->shown_pauses));
    must(shown->n_indexed_fields <= ADDED_MAX);
    if (shown->n_indexed_fields == 0)
        return bytes_slice(run->search_attributes);

    /* Two encoded messages in a row are their union. */
    buf_init(&all, 0);
    buf_append_slice(&all, bytes_slice(run->search_attributes));
    buf_append_slice(&all, proto_encode(arena, shown));
    must(buf_ok(&all));
    const struct slice bytes = arena_copy(arena, buf_slice(&all));
    buf_release(&all);
    return bytes;
}
