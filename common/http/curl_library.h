/* curl_library.h - libcurl, loaded when the first client is made: it brings some thirty libraries
 * and 4 MB with it, and a process that posts nothing needs none of them. */
#ifndef GNOMON_CURL_LIBRARY_H
#define GNOMON_CURL_LIBRARY_H

#include <curl/curl.h>

#define CURL_LIBRARY_FUNCTIONS(F)                                                                  \
    F(easy_cleanup)                                                                                \
    F(easy_getinfo)                                                                                \
    F(easy_init)                                                                                   \
    F(easy_setopt)                                                                                 \
    F(easy_strerror)                                                                               \
    F(global_init)                                                                                 \
    F(multi_add_handle)                                                                            \
    F(multi_assign)                                                                                \
    F(multi_cleanup)                                                                               \
    F(multi_info_read)                                                                             \
    F(multi_init)                                                                                  \
    F(multi_remove_handle)                                                                         \
    F(multi_setopt)                                                                                \
    F(multi_socket_action)                                                                         \
    F(slist_append)                                                                                \
    F(slist_free_all)

struct curl_library {
#define F(name) __typeof__(curl_##name) *name;
    CURL_LIBRARY_FUNCTIONS(F)
#undef F
};

/* Loaded and initialised once, for all threads, and never unloaded. Ends the process with a clear
 * text when it is not installed. */
const struct curl_library *curl_library_get(void);

#endif
