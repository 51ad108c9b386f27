/* err.c - the error table and the one way to fill an err_detail. */
#include "common/base/err.h"

#include <stdarg.h>
#include <stdio.h>

static const struct {
    const char *name;
    const char *text;
    enum grpc_status grpc;
    bool retry;
} table[ERR_COUNT] = {
#define ERR(name, grpc, retry, text) [ERR_##name] = {#name, text, GRPC_STATUS_##grpc, retry},
#include "common/base/err.def"
#undef ERR
};

const char *err_name(enum err err)
{
    must(err < ERR_COUNT);
    return table[err].name;
}

const char *err_text(enum err err)
{
    must(err < ERR_COUNT);
    return table[err].text;
}

enum grpc_status err_grpc_status(enum err err)
{
    must(err < ERR_COUNT);
    return table[err].grpc;
}

bool err_may_retry(enum err err)
{
    must(err < ERR_COUNT);
    return table[err].retry;
}

enum err err_fail(struct err_detail *detail, enum err err, const char *format, ...)
{
    if (detail) {
        va_list args;

        va_start(args, format);
        vsnprintf(detail->text, sizeof detail->text, format, args);
        va_end(args);
    }
    return err;
}
