/* partition_name.c - see partition_name.h. */
#include "frontend/partition_name.h"

/* A decimal number above 0 that fits 63 bits, perhaps with a plus sign. */
static bool is_number(struct slice text)
{
    int64_t value = 0;
    size_t i = text.len > 0 && text.ptr[0] == '+' ? 1 : 0;

    for (; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, text.ptr[i] - '0', &value))
            return false;
    }
    return value > 0;
}

enum err partition_name_parse(struct slice name, struct slice *queue, bool *is_first,
                              struct err_detail *detail)
{
    const size_t prefix = sizeof PARTITION_NAME_PREFIX - 1;
    size_t end = name.len;

    *is_first = !slice_starts_with(name, SLICE_LIT(PARTITION_NAME_PREFIX));
    *queue = name;
    if (*is_first)
        return ERR_OK;
    while (name.ptr[end - 1] != '/') /* the prefix has one */
        end--;
    if (end <= prefix + 1 || !is_number(slice_of(name.ptr + end, name.len - end)))
        return err_fail(detail, ERR_INVALID, "invalid task queue partition name %.*s",
                        (int)name.len, (const char *)name.ptr);
    *queue = slice_of(name.ptr + prefix, end - 1 - prefix);
    if (slice_starts_with(*queue, SLICE_LIT(PARTITION_NAME_PREFIX)))
        return err_fail(detail, ERR_INVALID,
                        "task queue family name cannot have prefix " PARTITION_NAME_PREFIX " %.*s",
                        (int)queue->len, (const char *)queue->ptr);
    return ERR_OK;
}
