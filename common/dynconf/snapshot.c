/* snapshot.c - from the tree of a file to typed entries by key, and which entry counts. */
#include "common/dynconf/dynconf_int.h"

#include <math.h>

const struct dynconf_retry dynconf_retry_default = {
    .initial_interval_ns = NS_PER_S,
    .maximum_interval_coefficient = 100,
    .backoff_coefficient = 2,
};

/* ---- which entry ---- */

static bool same_constraints(const struct dynconf_entry *entry, const struct dynconf_where *where)
{
    const struct dynconf_where *only = &entry->only;

    return only->task_type == where->task_type && only->shard_id == where->shard_id &&
           slice_eq(only->namespace_name, where->namespace_name) &&
           slice_eq(only->namespace_id, where->namespace_id) &&
           slice_eq(only->task_queue, where->task_queue) &&
           slice_eq(only->destination, where->destination) && entry->history_task_type.len == 0 &&
           entry->chasm_task_type.len == 0;
}

bool dynconf_entry_is_plain(const struct dynconf_entry *entry)
{
    return same_constraints(entry, &(struct dynconf_where){0});
}

/* The sets of constraints to look for, best first, without the empty one; gives their count. */
static size_t precedence(enum dynconf_scope scope, const struct dynconf_where *w,
                         struct dynconf_where out[4])
{
    switch (scope) {
    case DYNCONF_GLOBAL:
        return 0;
    case DYNCONF_NAMESPACE:
        out[0] = (struct dynconf_where){.namespace_name = w->namespace_name};
        return 1;
    case DYNCONF_NAMESPACE_ID:
        out[0] = (struct dynconf_where){.namespace_id = w->namespace_id};
        return 1;
    case DYNCONF_SHARD_ID:
        out[0] = (struct dynconf_where){.shard_id = w->shard_id};
        return 1;
    case DYNCONF_TASK_QUEUE:
        out[0] = (struct dynconf_where){.namespace_name = w->namespace_name,
                                        .task_queue = w->task_queue,
                                        .task_type = w->task_type};
        out[1] = (struct dynconf_where){.namespace_name = w->namespace_name,
                                        .task_queue = w->task_queue};
        out[2] = (struct dynconf_where){.task_queue = w->task_queue};
        out[3] = (struct dynconf_where){.namespace_name = w->namespace_name};
        return 4;
    case DYNCONF_DESTINATION:
        out[0] = (struct dynconf_where){.namespace_name = w->namespace_name,
                                        .destination = w->destination};
        out[1] = (struct dynconf_where){.destination = w->destination};
        out[2] = (struct dynconf_where){.namespace_name = w->namespace_name};
        return 3;
    }
    return 0;
}

const struct dynconf_entry *dynconf_snapshot_find(const struct dynconf_snapshot *snapshot,
                                                  enum dynconf_key key,
                                                  const struct dynconf_where *where)
{
    static const struct dynconf_where nowhere;
    struct dynconf_where sets[5];
    const struct dynconf_entry *entries = snapshot->keys[key].entries;
    const size_t count = snapshot->keys[key].count;
    size_t n = precedence(dynconf_settings[key].scope, where ? where : &nowhere, sets);

    sets[n++] = nowhere;
    for (size_t s = 0; s < n; s++)
        for (size_t i = 0; i < count; i++)
            if (same_constraints(&entries[i], &sets[s]))
                return &entries[i];
    return NULL;
}

/* ---- values ---- */

/* The interval is named in seconds but may be any duration; fields that are not there keep their
 * defaults. */
static bool convert_retry(const struct dynval *value, struct dynconf_retry *out)
{
    const struct dynval *field;
    int64_t attempts;

    *out = dynconf_retry_default;
    if (value->kind != DYNVAL_MAP)
        return false;
    if ((field = dynval_get(value, "InitialIntervalInSeconds")) &&
        !dynval_to_duration(field, &out->initial_interval_ns))
        return false;
    if ((field = dynval_get(value, "MaximumIntervalCoefficient")) &&
        !dynval_to_float(field, &out->maximum_interval_coefficient))
        return false;
    if ((field = dynval_get(value, "BackoffCoefficient")) &&
        !dynval_to_float(field, &out->backoff_coefficient))
        return false;
    if ((field = dynval_get(value, "MaximumAttempts"))) {
        if (!dynval_to_int(field, &attempts) || attempts < INT32_MIN || attempts > INT32_MAX)
            return false;
        out->maximum_attempts = (int32_t)attempts;
    }
    return true;
}

static bool convert(enum dynconf_type type, struct arena *arena, const struct dynval *value,
                    struct dynconf_entry *entry)
{
    bool yes = false;

    switch (type) {
    case DYNCONF_INT:
        return dynval_to_int(value, &entry->number);
    case DYNCONF_FLOAT:
        return dynval_to_float(value, &entry->real) && isfinite(entry->real);
    case DYNCONF_BOOL:
        if (!dynval_to_bool(value, &yes))
            return false;
        entry->number = yes;
        return true;
    case DYNCONF_DURATION:
        return dynval_to_duration(value, &entry->number);
    case DYNCONF_RETRY:
        return convert_retry(value, &entry->retry);
    case DYNCONF_STRING:
        entry->tree = dynval_copy(arena, value);
        return value->kind == DYNVAL_STRING;
    case DYNCONF_TREE:
        entry->tree = dynval_copy(arena, value);
        return true;
    }
    return false;
}

static const char *type_text(enum dynconf_type type)
{
    switch (type) {
    case DYNCONF_INT:
        return "a whole number";
    case DYNCONF_FLOAT:
        return "a number";
    case DYNCONF_BOOL:
        return "true or false";
    case DYNCONF_DURATION:
        return "a duration, as 10s or 1h30m";
    case DYNCONF_STRING:
        return "a text";
    case DYNCONF_RETRY:
        return "a map of InitialIntervalInSeconds, MaximumIntervalCoefficient, "
               "BackoffCoefficient, MaximumAttempts";
    case DYNCONF_TREE:
        break;
    }
    return "anything";
}

/* ---- constraints ---- */

struct loading {
    struct arena *arena; /* the snapshot's */
    struct buf *warnings;
    struct err_detail *detail;
    struct slice key;
    const struct dynconf_setting *setting; /* NULL: unknown */
};

static enum err set_text(struct loading *l, const char *name, const struct dynval *value,
                         struct slice *out)
{
    if (value->kind != DYNVAL_STRING)
        return err_fail(l->detail, ERR_INVALID, "line %u: %s constraint must be string",
                        value->line, name);
    *out = arena_copy(l->arena, value->text);
    return ERR_OK;
}

static enum err set_task_type(struct loading *l, const struct dynval *value, int32_t *out)
{
    static const char *const names[] = {"Workflow", "Activity", "Nexus"};

    if (value->kind == DYNVAL_INT && value->integer > 0 && value->integer <= INT32_MAX) {
        *out = (int32_t)value->integer;
        return ERR_OK;
    }
    for (int32_t i = 0; value->kind == DYNVAL_STRING && i < (int32_t)COUNT_OF(names); i++) {
        const char *full = arena_printf(l->arena, "TASK_QUEUE_TYPE_%s", names[i]);

        if (slice_eq(value->text, slice_str(names[i])) ||
            dynval_same_name(value->text, slice_str(full))) {
            *out = i + 1;
            return ERR_OK;
        }
    }
    return err_fail(l->detail, ERR_INVALID,
                    "line %u: taskType constraint must be Workflow/Activity", value->line);
}

static enum err set_shard(struct loading *l, const struct dynval *value, int32_t *out)
{
    if (value->kind != DYNVAL_INT || value->integer < 0 || value->integer > INT32_MAX)
        return err_fail(l->detail, ERR_INVALID, "line %u: shardID constraint must be integer",
                        value->line);
    *out = (int32_t)value->integer;
    return ERR_OK;
}

static enum err set_constraint(struct loading *l, const struct dynval_item *item,
                               struct dynconf_entry *entry)
{
    enum constraint {
        NAMESPACE,
        NAMESPACE_ID,
        QUEUE,
        TYPE,
        HISTORY_TYPE,
        SHARD,
        DEST,
        CHASM,
        NONE
    };
    static const char *const names[] = {"namespace",   "namespaceID",     "taskQueueName",
                                        "taskType",    "historyTaskType", "shardID",
                                        "destination", "chasmTaskType"};
    static const uint32_t allowed[] = {
        [DYNCONF_GLOBAL] = 0,
        [DYNCONF_NAMESPACE] = 1U << NAMESPACE,
        [DYNCONF_NAMESPACE_ID] = 1U << NAMESPACE_ID,
        [DYNCONF_TASK_QUEUE] = 1U << NAMESPACE | 1U << QUEUE | 1U << TYPE,
        [DYNCONF_SHARD_ID] = 1U << SHARD,
        [DYNCONF_DESTINATION] = 1U << NAMESPACE | 1U << DEST,
    };
    const struct dynval *value = &item->value;
    uint32_t which = 0;
    enum err err = ERR_OK;

    while (which < NONE && !dynval_same_name(item->key, slice_str(names[which])))
        which++;
    switch ((enum constraint)which) {
    case NAMESPACE:
        err = set_text(l, names[which], value, &entry->only.namespace_name);
        break;
    case NAMESPACE_ID:
        err = set_text(l, names[which], value, &entry->only.namespace_id);
        break;
    case QUEUE:
        err = set_text(l, names[which], value, &entry->only.task_queue);
        break;
    case TYPE:
        err = set_task_type(l, value, &entry->only.task_type);
        break;
    case HISTORY_TYPE:
        entry->history_task_type = arena_copy(l->arena, value->text);
        break;
    case SHARD:
        err = set_shard(l, value, &entry->only.shard_id);
        break;
    case DEST:
        err = set_text(l, names[which], value, &entry->only.destination);
        break;
    case CHASM:
        err = set_text(l, names[which], value, &entry->chasm_task_type);
        break;
    case NONE:
        return err_fail(l->detail, ERR_INVALID,
                        "line %u: unknown constraint type \"" SLICE_FMT "\"", value->line,
                        SLICE_ARG(item->key));
    }
    if (err == ERR_OK && l->setting && !(allowed[l->setting->scope] & 1U << which))
        buf_printf(l->warnings,
                   "line %u: constraint \"%s\" isn't valid for dynamic config key \"%s\"\n",
                   value->line, names[which], l->setting->name);
    return err;
}

/* ---- the file ---- */

static enum err load_entry(struct loading *l, const struct dynval *item,
                           struct dynconf_entry *entry)
{
    static const struct dynval null;
    const struct dynval *value = dynval_get(item, "value");
    const struct dynval *constraints = dynval_get(item, "constraints");

    if (item->kind != DYNVAL_MAP)
        return err_fail(l->detail, ERR_INVALID,
                        "line %u: " SLICE_FMT " must be a list of {value, constraints}", item->line,
                        SLICE_ARG(l->key));
    if (constraints && constraints->kind != DYNVAL_MAP && constraints->kind != DYNVAL_NULL)
        return err_fail(l->detail, ERR_INVALID, "line %u: constraints must be a map",
                        constraints->line);
    for (size_t i = 0; constraints && i < constraints->count; i++) {
        const enum err err = set_constraint(l, &constraints->items[i], entry);

        if (err != ERR_OK)
            return err;
    }
    if (!l->setting)
        return ERR_OK;
    entry->usable = convert(l->setting->type, l->arena, value ? value : &null, entry);
    if (!entry->usable)
        buf_printf(l->warnings,
                   "line %u: the value of %s must be %s; the default is used in its place\n",
                   value ? value->line : item->line, l->setting->name, type_text(l->setting->type));
    return ERR_OK;
}

static enum dynconf_key key_of(struct slice name)
{
    uint32_t key = 0;

    while (key < DYNCONF_KEY_COUNT &&
           !dynval_same_name(name, slice_str(dynconf_settings[key].name)))
        key++;
    return (enum dynconf_key)key;
}

static enum err load_key(struct loading *l, struct dynconf_snapshot *snapshot,
                         const struct dynval_item *item)
{
    const struct dynval *list = &item->value;
    const enum dynconf_key key = key_of(item->key);

    l->key = item->key;
    l->setting = key < DYNCONF_KEY_COUNT ? &dynconf_settings[key] : NULL;
    if (!l->setting)
        buf_printf(l->warnings, "unknown key \"" SLICE_FMT "\": this server does not read it\n",
                   SLICE_ARG(item->key));
    if (list->kind != DYNVAL_LIST && list->kind != DYNVAL_NULL)
        return err_fail(l->detail, ERR_INVALID,
                        "line %u: " SLICE_FMT " must be a list of {value, constraints}", list->line,
                        SLICE_ARG(item->key));
    struct dynconf_entry *entries = ARENA_ARRAY(l->arena, struct dynconf_entry, list->count + 1);

    for (size_t i = 0; i < list->count; i++) {
        const enum err err = load_entry(l, &list->items[i].value, &entries[i]);

        if (err != ERR_OK)
            return err;
    }
    if (l->setting) {
        snapshot->keys[key].entries = entries;
        snapshot->keys[key].count = list->count;
    }
    return ERR_OK;
}

enum err dynconf_snapshot_fill(struct dynconf_snapshot *snapshot, struct slice text,
                               struct buf *warnings, struct err_detail *detail)
{
    struct arena tree;
    struct dynval root;
    struct loading loading = {.arena = &snapshot->arena, .warnings = warnings, .detail = detail};

    arena_init(&tree);
    enum err err = dynval_parse(&tree, text, &root, detail);
    if (err == ERR_OK && root.kind != DYNVAL_MAP && root.kind != DYNVAL_NULL)
        err = err_fail(detail, ERR_INVALID, "line %u: there must be a map of keys", root.line);
    for (size_t i = 0; err == ERR_OK && i < root.count; i++)
        err = load_key(&loading, snapshot, &root.items[i]);
    arena_release(&tree);
    return err;
}
