/* lexer.h - the text of a filter as tokens; for the parser alone. */
#ifndef GNOMON_VISIBILITY_LEXER_H
#define GNOMON_VISIBILITY_LEXER_H

#include "common/base/arena.h"

enum vis_token_kind {
    VIS_TOK_END,
    VIS_TOK_BAD,    /* no token begins like this, or it does not end; `text` is what was read */
    VIS_TOK_NAME,   /* an identifier that is no reserved word, or one in backticks */
    VIS_TOK_WORD,   /* a reserved word, `text` in lower case */
    VIS_TOK_STRING, /* `text` without quotes and escapes */
    VIS_TOK_INT,
    VIS_TOK_FLOAT,
    VIS_TOK_ODD_NUMBER, /* hexadecimal or binary: nothing that compares with an attribute */
    VIS_TOK_SIGN,       /* an operator or a bracket */
};

struct vis_token {
    enum vis_token_kind kind;
    struct slice text; /* in the query or the arena */
    size_t at, end;    /* bytes of the query */
};

/* The token at or after byte `at`; blanks and comments are skipped. */
struct vis_token vis_lex(struct arena *arena, struct slice query, size_t at);

#endif
