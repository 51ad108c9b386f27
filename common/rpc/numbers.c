/* numbers.c - see numbers.h. */
#include "common/rpc/numbers.h"

#include "common/pack/record.h"

enum { LIST = 1 };
enum { NAME = 1, VALUE = 2 };

void rpc_numbers_encode(const struct rpc_number *numbers, uint32_t count, struct buf *out)
{
    struct rec_writer w;

    must(count <= RPC_NUMBERS_MAX);
    rec_begin(&w, out);
    rec_list(&w, LIST, count);
    for (uint32_t i = 0; i < count; i++) {
        rec_item(&w);
        rec_put_str(&w, NAME, numbers[i].name);
        rec_put_i64(&w, VALUE, numbers[i].value);
        rec_end(&w);
    }
    rec_end(&w);
}

enum err rpc_numbers_decode(struct arena *arena, struct slice body, struct rpc_number **numbers,
                            uint32_t *count)
{
    struct rec r;

    *numbers = NULL;
    *count = 0;
    if (rec_decode(arena, body, &r) != ERR_OK)
        return ERR_CORRUPT;
    const uint32_t listed = rec_list_count(&r, LIST);
    if (listed > RPC_NUMBERS_MAX)
        return ERR_CORRUPT;
    struct rpc_number *list = ARENA_ARRAY(arena, struct rpc_number, listed + 1);
    for (uint32_t i = 0; i < listed; i++) {
        struct rec item = rec_list_item(&r, LIST, i);

        list[i].name = rec_str(&item, arena, NAME);
        list[i].value = rec_i64(&item, VALUE, 0);
        if (item.malformed || list[i].name[0] == '\0')
            return ERR_CORRUPT;
    }
    if (r.malformed)
        return ERR_CORRUPT;
    *numbers = list;
    *count = listed;
    return ERR_OK;
}

int64_t rpc_number(const struct rpc_number *numbers, uint32_t count, const char *name,
                   int64_t absent)
{
    for (uint32_t i = 0; i < count; i++)
        if (strcmp(numbers[i].name, name) == 0)
            return numbers[i].value;
    return absent;
}
