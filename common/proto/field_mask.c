/* field_mask.c - see field_mask.h. */
#include "common/proto/field_mask.h"

#include "api.h"

#include <ctype.h>
#include <string.h>

char *proto_mask_json_path(struct arena *arena, const char *path)
{
    char *out = arena_alloc(arena, strlen(path) + 1), *to = out;
    bool part_begins = true, word_begins = false, first_word = true;

    for (; *path; path++) {
        const unsigned char c = (unsigned char)*path;

        if (c == '.') {
            *to++ = '.';
            part_begins = first_word = true;
            continue;
        }
        if (c == '_') {
            word_begins = true;
            first_word = part_begins = false;
            continue;
        }
        if (first_word)
            *to++ = (char)(part_begins ? tolower(c) : c);
        else
            *to++ = (char)(word_begins ? toupper(c) : tolower(c));
        part_begins = word_begins = false;
    }
    *to = '\0';
    return out;
}

bool proto_mask_names(struct arena *arena, const pb_field_mask *mask, const char *path)
{
    for (size_t i = 0; i < mask->n_paths; i++)
        if (strcmp(proto_mask_json_path(arena, mask->paths[i]), path) == 0)
            return true;
    return false;
}

bool proto_mask_names_part_of(struct arena *arena, const pb_field_mask *mask, const char *prefix)
{
    for (size_t i = 0; i < mask->n_paths; i++)
        if (strncmp(proto_mask_json_path(arena, mask->paths[i]), prefix, strlen(prefix)) == 0)
            return true;
    return false;
}
