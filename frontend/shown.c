/* shown.c - see shown.h. Messages are scanned along the fields that lead to search attributes and
 * copied only where something is left out or changed. */
#include "frontend/shown.h"

#include "common/proto/search_attributes.h"
#include "common/visibility/names.h"

/* A field on the way: `next` are those within it, NULL where it holds the attributes themselves. */
struct way {
    uint32_t field; /* 0: the end of the list */
    const struct way *next;
};

enum {
    WAY_MAX = 7,    /* fields from the outermost message to the attributes */
    LONGER_MAX = 3, /* an attribute that says "Int" with its real type, "KeywordList" */
};

#define WAY(field, next)                                                                           \
    {                                                                                              \
        {field, next},                                                                             \
        {                                                                                          \
            0, NULL                                                                                \
        }                                                                                          \
    }
static const struct way of_started[] = WAY(23, NULL), of_continued[] = WAY(14, NULL),
                        of_child[] = WAY(17, NULL), of_upsert[] = WAY(2, NULL);
static const struct way of_event[] = {
    {6, of_started}, {33, of_continued}, {34, of_child}, {45, of_upsert}, {0, NULL}};
static const struct way of_history[] = WAY(1, of_event), of_blob[] = WAY(2, of_history);
static const struct way of_info[] = WAY(11, NULL), of_described[] = WAY(2, of_info);
static const struct way of_events[] = {{1, of_history}, {2, of_blob}, {0, NULL}};
static const struct way of_reversed[] = WAY(1, of_history), of_task[] = WAY(8, of_history);
static const struct way of_completed[] = WAY(1, of_task);
#undef WAY

static const struct way *const ways[] = {
    [FE_SHOWN_INFO] = of_info,     [FE_SHOWN_DESCRIBED] = of_described,
    [FE_SHOWN_EVENTS] = of_events, [FE_SHOWN_REVERSED] = of_reversed,
    [FE_SHOWN_TASK] = of_task,     [FE_SHOWN_COMPLETED] = of_completed,
};

struct filter {
    fe_type_of_fn type_of;
    void *arg;
    bool real_types; /* Spec: lists have them, whatever histories and descriptions say */
};

static bool is_type(const struct wire_field *field)
{
    return field->number == 1 && field->type == WIRE_BYTES &&
           slice_eq(wire_find_bytes(field->bytes, 1), SLICE_LIT("type"));
}

/* The type that a payload says it has; empty: it says none. */
static struct slice type_in(struct slice payload)
{
    struct wire_reader reader = wire_reader(payload);
    struct wire_field field;

    while (wire_next(&reader, &field))
        if (is_type(&field))
            return wire_find_bytes(field.bytes, 2);
    return SLICE_EMPTY;
}

enum verdict {
    SHOWN,
    HIDDEN,
    RETYPED, /* shown, with its real type in place of what the client said */
};

/* An entry of SearchAttributes.indexed_fields. */
static enum verdict verdict_on(const struct filter *filter, struct slice entry)
{
    const struct slice name = wire_find_bytes(entry, 1);

    if (vis_attribute_of(name))
        return SHOWN;
    const char *type = filter->type_of(filter->arg, name);
    const struct slice payload = wire_find_bytes(entry, 2);
    if (!type)
        return HIDDEN;
    const struct slice says = type_in(payload);
    if (!says.len || slice_eq(says, slice_str(type)))
        return SHOWN;
    if (!search_value_fits(type, wire_find_bytes(payload, 2)))
        return HIDDEN;
    return filter->real_types ? RETYPED : SHOWN;
}

static void put_retyped(struct buf *out, const struct filter *filter, struct slice entry)
{
    const struct slice name = wire_find_bytes(entry, 1);
    struct wire_reader reader = wire_reader(wire_find_bytes(entry, 2));
    struct wire_field field;
    struct buf type, payload, retyped;

    buf_init(&type, 0);
    buf_init(&payload, 0);
    buf_init(&retyped, 0);
    wire_put_bytes(&type, 1, SLICE_LIT("type"));
    wire_put_bytes(&type, 2, slice_str(filter->type_of(filter->arg, name)));
    while (wire_next(&reader, &field))
        if (is_type(&field))
            wire_put_bytes(&payload, 1, buf_slice(&type));
        else
            buf_append_slice(&payload, field.raw);
    wire_put_bytes(&retyped, 1, name);
    wire_put_bytes(&retyped, 2, buf_slice(&payload));
    wire_put_bytes(out, 1, buf_slice(&retyped));
    must(buf_ok(&type) && buf_ok(&payload) && buf_ok(&retyped));
    buf_release(&type);
    buf_release(&payload);
    buf_release(&retyped);
}

static const struct way *way_of(const struct way *ways_here, const struct wire_field *field)
{
    for (; field->type == WIRE_BYTES && ways_here->field; ways_here++)
        if (ways_here->field == field->number)
            return ways_here;
    return NULL;
}

/* Is anything in the message not to be shown as it is? As deep as the table goes. */
static bool has_changes(const struct filter *filter, const struct way *here, struct slice message)
{
    struct wire_reader reader = wire_reader(message);
    struct wire_field field;

    while (wire_next(&reader, &field)) {
        if (!here) {
            if (field.number == 1 && field.type == WIRE_BYTES &&
                verdict_on(filter, field.bytes) != SHOWN)
                return true;
            continue;
        }
        const struct way *way = way_of(here, &field);
        if (way && has_changes(filter, way->next, field.bytes))
            return true;
    }
    return false;
}

static void put_entry(struct buf *out, const struct filter *filter, const struct wire_field *field)
{
    const bool is_entry = field->number == 1 && field->type == WIRE_BYTES;
    const enum verdict verdict = is_entry ? verdict_on(filter, field->bytes) : SHOWN;

    if (verdict == SHOWN)
        buf_append_slice(out, field->raw);
    else if (verdict == RETYPED)
        put_retyped(out, filter, field->bytes);
}

static struct slice changed(struct arena *arena, const struct filter *filter,
                            const struct way *here, struct slice message)
{
    struct wire_reader reader = wire_reader(message);
    struct wire_field field;
    struct buf out;

    buf_init(&out, LONGER_MAX * message.len + WAY_MAX);
    while (wire_next(&reader, &field)) {
        if (!here) {
            put_entry(&out, filter, &field);
            continue;
        }
        const struct way *way = way_of(here, &field);
        if (way && has_changes(filter, way->next, field.bytes))
            wire_put_bytes(&out, field.number, changed(arena, filter, way->next, field.bytes));
        else
            buf_append_slice(&out, field.raw);
    }
    must(buf_ok(&out));
    const struct slice done = arena_copy(arena, buf_slice(&out));
    buf_release(&out);
    return done;
}

struct slice fe_shown_part(struct arena *arena, enum fe_shown what, struct slice message,
                           fe_type_of_fn type_of, void *arg)
{
    const struct filter filter = {type_of, arg, what == FE_SHOWN_INFO};

    if (what == FE_SHOWN_ALL || !has_changes(&filter, ways[what], message))
        return message;
    return changed(arena, &filter, ways[what], message);
}

/* -- of a call ------------------------------------------------------------------------------ */

static void look(struct fe_own_attributes *own)
{
    struct fe_call *fc = own->fc;
    const struct namespace_info *ns;

    own->looked = true;
    if (cluster_namespace_by_id(fc->fe->cluster, slice_str(fc->ns->id), &ns) != ERR_OK)
        return;
    if (proto_decode(fc->arena, &api_namespace_config__desc, arena_copy(fc->arena, ns->config),
                     &own->config, NULL) != ERR_OK)
        own->config = NULL;
    cluster_namespace_unref(ns);
}

static const char *type_now(void *arg, struct slice name)
{
    struct fe_own_attributes *own = arg;

    if (!own->looked)
        look(own);
    for (size_t i = 0; own->config && i < own->config->n_custom_search_attribute_aliases; i++)
        if (slice_eq(slice_str(own->config->custom_search_attribute_aliases[i]->value), name))
            return search_type_of_field(own->config->custom_search_attribute_aliases[i]->key);
    return NULL;
}

struct slice fe_shown(struct fe_own_attributes *own, enum fe_shown what, struct slice message)
{
    return fe_shown_part(own->fc->arena, what, message, type_now, own);
}
