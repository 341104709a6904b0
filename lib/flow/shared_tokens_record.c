/* SPDX-License-Identifier: MIT */
#include "flow/shared_tokens_private.h"

#include <inttypes.h>
#include <stdio.h>

/*
 * A line for each member, always in this order. No JSON: its reader would copy the token to memory that is not wiped. A file that was torn by a loss of power
 * lacks its last line, or has bytes that are no text.
 */
static const char first_line[] = "assay-token 1\n";
static const char last_line[] = "end\n";

enum { MOST_DIGITS = 15 }; /* of a time: no sum or product of it overflows */

/* RFC 6749, appendix A: tokens and scopes are visible ASCII and blanks. */
static bool is_line(assay_span text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] < ' ' || text.ptr[i] > '~')
            return false;
    return true;
}

static bool add_line(assay_secret *text, const char *member, assay_span value)
{
    assay_secret_put(text, member);
    assay_secret_put(text, " ");
    assay_secret_add(text, value.ptr, value.len);
    assay_secret_put(text, "\n");
    return is_line(value);
}

static bool add_time(assay_secret *text, const char *member, int64_t value)
{
    char digits[24];
    (void)snprintf(digits, sizeof digits, "%" PRId64, value);
    return add_line(text, member, assay_span_of(digits));
}

bool assay_shared_frame(const assay_shared_name *name, const assay_token_record *record, assay_secret *text)
{
    ASSAY_CLEANUP(assay_secret_clear) assay_secret made = {NULL, 0, 0, false};
    assay_secret_clear(text);
    assay_secret_put(&made, first_line);
    bool fits = add_line(&made, "for", assay_span_of(name->text)) && add_time(&made, "obtained", record->obtained_at) &&
                add_time(&made, "obtained_ms", record->obtained_ms) && add_time(&made, "renew", record->renew_at) &&
                add_time(&made, "until", record->until_at) && add_time(&made, "expires", record->expires_at) &&
                add_line(&made, "type", record->type) && add_line(&made, "issued_type", record->issued_type) &&
                add_line(&made, "scope", record->scope) && add_line(&made, "token", record->token);
    assay_secret_put(&made, last_line);
    if (!fits || made.failed || made.len > ASSAY_LIMIT_TOKEN_RESPONSE_BYTES)
        return false;
    assay_secret_move(text, &made);
    return true;
}

static bool skip(assay_span *rest, assay_span text)
{
    if (rest->len < text.len || memcmp(rest->ptr, text.ptr, text.len) != 0)
        return false;
    *rest = (assay_span){rest->ptr + text.len, rest->len - text.len};
    return true;
}

static bool take_line(assay_span *rest, const char *member, assay_span *value)
{
    if (!skip(rest, assay_span_of(member)) || !skip(rest, assay_span_of(" ")))
        return false;
    const char *end = rest->len == 0 ? NULL : memchr(rest->ptr, '\n', rest->len);
    if (end == NULL)
        return false;
    *value = (assay_span){rest->ptr, (size_t)(end - rest->ptr)};
    *rest = (assay_span){end + 1, rest->len - value->len - 1};
    return is_line(*value);
}

/* None is before 1970. */
static bool take_time(assay_span *rest, const char *member, int64_t *value)
{
    assay_span digits;
    *value = 0;
    if (!take_line(rest, member, &digits) || digits.len == 0 || digits.len > MOST_DIGITS)
        return false;
    for (size_t i = 0; i < digits.len; i++) {
        if (digits.ptr[i] < '0' || digits.ptr[i] > '9')
            return false;
        *value = *value * 10 + (digits.ptr[i] - '0');
    }
    return true;
}

bool assay_shared_unframe(const assay_shared_name *name, assay_span text, assay_token_record *record)
{
    assay_span rest = text, whose;
    return skip(&rest, assay_span_of(first_line)) && take_line(&rest, "for", &whose) &&
           assay_span_is(whose, name->text) && take_time(&rest, "obtained", &record->obtained_at) &&
           take_time(&rest, "obtained_ms", &record->obtained_ms) && take_time(&rest, "renew", &record->renew_at) &&
           take_time(&rest, "until", &record->until_at) && take_time(&rest, "expires", &record->expires_at) &&
           take_line(&rest, "type", &record->type) && take_line(&rest, "issued_type", &record->issued_type) &&
           take_line(&rest, "scope", &record->scope) && take_line(&rest, "token", &record->token) &&
           skip(&rest, assay_span_of(last_line)) && rest.len == 0;
}
