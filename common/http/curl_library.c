/* curl_library.c - see curl_library.h. */
#include "common/http/curl_library.h"

#include "common/base/base.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIBRARY "libcurl.so.4"

static struct curl_library loaded;

static _Noreturn void give_up(void)
{
    const char *why = dlerror();

    fprintf(stderr, "%s can't be loaded, which callbacks over HTTP need: %s\n", LIBRARY,
            why ? why : "unknown");
    fprintf(stderr, "install it (on Debian: apt-get install libcurl4) and start again\n");
    exit(1);
}

/* A function pointer is filled by its bytes: C has no cast from an object's address to it. */
static void find(void *library, const char *name, void *function)
{
    void *symbol = dlsym(library, name);

    if (!symbol)
        give_up();
    memcpy(function, &symbol, sizeof symbol);
}

static void load(void)
{
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);

    if (!library)
        give_up();
#define F(name) find(library, "curl_" #name, &loaded.name);
    CURL_LIBRARY_FUNCTIONS(F)
#undef F
    must(loaded.global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
}

const struct curl_library *curl_library_get(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    must(pthread_once(&once, load) == 0);
    return &loaded;
}
