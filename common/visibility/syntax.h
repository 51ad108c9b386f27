/* syntax.h - what a filter says before anybody knows what its names mean; between the parser and
 * the conversion.
 *
 *   filter     = [ expression ] [ GROUP BY list ] [ ORDER BY list ] [ LIMIT ... ] [ ";" ]
 *   expression = conjunction { ( OR | "||" ) conjunction }
 *   conjunction = negation { ( AND | "&&" ) negation }
 *   negation   = NOT negation | condition { IS [ NOT ] ( NULL | TRUE | FALSE ) }
 *   condition  = value [ comparison value
 *                      | [ NOT ] IN "(" list ")"
 *                      | [ NOT ] ( LIKE | REGEXP | STARTS_WITH ) value
 *                      | [ NOT ] BETWEEN value AND value ]
 *   comparison = "=" | "!=" | "<>" | "<" | "<=" | ">" | ">=" | "<=>"
 *   value      = term { ( "+" | "-" | "*" | ... ) term }
 *   term       = string | number | TRUE | FALSE | NULL | name [ "(" [ list ] ")" ]
 *              | "(" list ")" | ( "-" | "+" | "!" | "~" ) term
 *
 * Words without regard to case; names in backticks where they are reserved words. What parses and
 * has no meaning (LIKE, arithmetic, functions) is refused by the conversion, which says so. */
#ifndef GNOMON_VISIBILITY_SYNTAX_H
#define GNOMON_VISIBILITY_SYNTAX_H

#include "common/base/arena.h"

enum vis_syntax_kind {
    VIS_SYN_AND, /* parts: two or more; OR as well */
    VIS_SYN_OR,
    VIS_SYN_NOT,
    VIS_SYN_PAREN,
    VIS_SYN_COMPARE, /* left, text: the operator as SQL has it in lower case, right */
    VIS_SYN_RANGE,   /* parts: left, from, to; text */
    VIS_SYN_IS,      /* left; text: "is null" ... */
    VIS_SYN_NAME,
    VIS_SYN_STRING,
    VIS_SYN_INT, /* a sign included */
    VIS_SYN_FLOAT,
    VIS_SYN_ODD_NUMBER,
    VIS_SYN_BOOL,
    VIS_SYN_NULL,
    VIS_SYN_TUPLE,
    VIS_SYN_FUNCTION, /* text: its name; parts: arguments */
    VIS_SYN_UNARY,
    VIS_SYN_BINARY, /* text: the operator */
};

struct vis_syntax {
    enum vis_syntax_kind kind;
    struct slice text;
    struct vis_syntax **parts;
    uint32_t count, cap;
};

struct vis_statement {
    struct vis_syntax *where; /* NULL: none */
    struct vis_syntax **group_by;
    uint32_t group_count;
    bool has_order, has_limit;
};

enum {
    VIS_NESTING_MAX = 28
}; /* brackets and NOTs: a tree of it has at most VIS_DEPTH_MAX levels */

/* What does not parse: the token that does not fit, as bytes [at, end) of the text. */
struct vis_syntax_error {
    const char *what; /* "syntax error", or which bound */
    size_t at, end;
    struct slice near; /* what the token says; at == end: the text ended too early */
    bool sign;         /* it is an operator, a bracket, or a byte that begins no token */
};

/* False: *error says why. The statement and the error share `text`. */
MUST_USE bool vis_syntax_parse(struct arena *arena, struct slice text, struct vis_statement *out,
                               struct vis_syntax_error *error);

/* As SQL, to show people. */
const char *vis_syntax_text(struct arena *arena, const struct vis_syntax *syntax);

#endif
