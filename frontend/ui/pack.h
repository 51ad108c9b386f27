/* pack.h - the Web UI's files, packed into one by scripts/fetch_ui.py, mapped into memory. */
#ifndef GNOMON_FRONTEND_UI_PACK_H
#define GNOMON_FRONTEND_UI_PACK_H

#include "common/base/err.h"

struct ui_pack;

struct ui_file {
    struct slice data; /* lives as long as the pack */
    size_t raw_bytes;  /* without compression */
    bool gzipped;
    struct slice tag;
};

/* Gives *out, ended by ui_pack_close(). Errors: ERR_NOT_FOUND no such file; ERR_CORRUPT it is not
 * one of these; ERR_IO; with a text. */
MUST_USE enum err ui_pack_open(const char *path, struct ui_pack **out, struct err_detail *detail);
void ui_pack_close(struct ui_pack *pack);

/* By its path ("/index.html"). false: none. Any thread. */
bool ui_pack_find(const struct ui_pack *pack, struct slice path, struct ui_file *out);

#endif
