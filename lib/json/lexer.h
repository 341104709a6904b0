/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_JSON_LEXER_H
#define ASSAY_JSON_LEXER_H

/*
 * Strings, numbers and literals, as both readers take them: the scanner of the hot path and the builder of documents. Inline
 * for the sake of the first. Each function moves on on success; otherwise it says why, and stays near what it disliked.
 */

#include "json/internal.h"

typedef struct assay_json_lexer {
    const char *at;
    const char *end;
    assay_json_status status;
} assay_json_lexer;

static inline bool assay_json_refuse(assay_json_lexer *lexer, assay_json_status status)
{
    lexer->status = status;
    return false;
}

static inline bool assay_json_at(const assay_json_lexer *lexer, char c)
{
    return lexer->at < lexer->end && *lexer->at == c;
}

static inline void assay_json_lex_space(assay_json_lexer *lexer)
{
    lexer->at = assay_json_skip_space(lexer->at, lexer->end);
}

/* Refuse what stands at @p at. */
static inline bool assay_json_refuse_at(assay_json_lexer *lexer, const char *at, assay_json_status status)
{
    lexer->at = at;
    return assay_json_refuse(lexer, status);
}

/* From the byte after the opening quote to the byte after the closing one. */
static inline bool assay_json_lex_string(assay_json_lexer *lexer, bool *escaped)
{
    const char *at = lexer->at;
    const char *end = lexer->end;
    *escaped = false;
    for (;;) {
        at = assay_json_skip_plain(at, end);
        if (at == end)
            return assay_json_refuse_at(lexer, at, ASSAY_JSON_SYNTAX);
        if (*at == '"')
            break;
        size_t len;
        if (*at == '\\') {
            *escaped = true;
            if ((len = assay_json_escape_len(at, end)) == 0)
                return assay_json_refuse_at(lexer, at, ASSAY_JSON_STRING_CONTENT);
        } else if ((unsigned char)*at < 0x20) {
            return assay_json_refuse_at(lexer, at, ASSAY_JSON_STRING_CONTENT);
        } else if ((len = assay_json_utf8_len(at, end)) == 0) {
            return assay_json_refuse_at(lexer, at, ASSAY_JSON_UTF8);
        }
        at += len;
    }
    lexer->at = at + 1;
    return true;
}

static inline bool assay_json_lex_digits(assay_json_lexer *lexer)
{
    const char *start = lexer->at;
    while (lexer->at < lexer->end && assay_json_is_digit(*lexer->at))
        lexer->at++;
    return lexer->at > start;
}

/* RFC 8259, section 6: an integer part without leading zeros, then perhaps a fraction, then perhaps an exponent. */
static inline bool assay_json_lex_number(assay_json_lexer *lexer, uint8_t *type)
{
    const char *start = lexer->at;
    if (*lexer->at == '-')
        lexer->at++;
    const char *digits = lexer->at;
    if (!assay_json_lex_digits(lexer) || (*digits == '0' && lexer->at - digits > 1))
        return assay_json_refuse(lexer, ASSAY_JSON_SYNTAX);
    *type = ASSAY_JSON_INTEGER;
    /* Up to 18 digits always fit. */
    bool large = lexer->at - digits > 18;
    if (assay_json_at(lexer, '.')) {
        *type = ASSAY_JSON_REAL;
        lexer->at++;
        if (!assay_json_lex_digits(lexer))
            return assay_json_refuse(lexer, ASSAY_JSON_SYNTAX);
    }
    if (assay_json_at(lexer, 'e') || assay_json_at(lexer, 'E')) {
        *type = ASSAY_JSON_REAL;
        large = true;
        lexer->at++;
        if (assay_json_at(lexer, '+') || assay_json_at(lexer, '-'))
            lexer->at++;
        if (!assay_json_lex_digits(lexer))
            return assay_json_refuse(lexer, ASSAY_JSON_SYNTAX);
    }
    if (!large)
        return true;
    size_t len = (size_t)(lexer->at - start);
    bool fits = *type == ASSAY_JSON_INTEGER ? assay_json_integer_fits(start, len) : assay_json_real_fits(start, len);
    return fits || assay_json_refuse(lexer, ASSAY_JSON_NUMBER_RANGE);
}

static inline bool assay_json_lex_literal(assay_json_lexer *lexer, const char *literal, size_t len)
{
    if ((size_t)(lexer->end - lexer->at) < len || memcmp(lexer->at, literal, len) != 0)
        return assay_json_refuse(lexer, ASSAY_JSON_SYNTAX);
    lexer->at += len;
    return true;
}

#endif
