/* SPDX-License-Identifier: MIT */
#include "base/failure.h"

#include "base/memory.h"

#include <assay/diagnosis.h>
#include <stdarg.h>
#include <stdio.h>

/* Seconds that a 503 asks for where nobody knows better. */
#define DEFAULT_RETRY_AFTER 5

#define ROW(name, category, status, oauth, check, summary, hint)                                                       \
    {ASSAY_E_##name, "ASSAY_E_" #name, ASSAY_CATEGORY_##category, status, oauth, check, summary, hint},
static const assay_code_row rows[] = {
#include "base/errors.def"
};
#undef ROW

struct assay_error {
    const assay_code_row *row;
    const char *check;
    const char *hint;
    const char *message;
    const char *expected;
    const char *found;
    const char *www_authenticate;
    const char *server_code, *trace_id, *correlation_id, *claims;
    int diagnosis;
    bool found_is_verified;
    int64_t retry_after, clock_skew;
    char text[]; /* what the pointers above point into */
};

static const assay_code_row *find_row(int code)
{
    for (size_t i = 0; i < ASSAY_COUNT_OF(rows); i++) {
        if (rows[i].code == code)
            return &rows[i];
    }
    return NULL;
}

const assay_code_row *assay_code_row_of(int code)
{
    const assay_code_row *row = find_row(code);
    return row != NULL ? row : find_row(ASSAY_E_INTERNAL);
}

const char *assay_code_name(int code)
{
    const assay_code_row *row = find_row(code);
    return code == ASSAY_OK ? "ASSAY_OK" : row != NULL ? row->name : "unknown";
}

int assay_code_category(int code)
{
    const assay_code_row *row = find_row(code);
    return row != NULL ? row->category : ASSAY_CATEGORY_NONE;
}

int assay_code_http_status(int code)
{
    return code == ASSAY_OK ? 200 : assay_code_row_of(code)->http_status;
}

const char *assay_code_summary(int code)
{
    return code == ASSAY_OK ? "acceptable" : assay_code_row_of(code)->summary;
}

const char *assay_code_hint(int code)
{
    return code == ASSAY_OK ? "" : assay_code_row_of(code)->hint;
}

size_t assay_code_count(void)
{
    return ASSAY_COUNT_OF(rows);
}

int assay_code_at(size_t index)
{
    return index < ASSAY_COUNT_OF(rows) ? rows[index].code : ASSAY_OK;
}

void assay_failure_clear(assay_failure *failure)
{
    if (failure == NULL)
        return;
    failure->note[0] = failure->expected[0] = failure->found[0] = '\0';
    failure->check = failure->hint = failure->challenge = failure->scheme = NULL;
    failure->found_is_verified = false;
    failure->retry_after = 0;
    failure->detail = NULL;
}

int assay_fail(assay_failure *failure, int code)
{
    assay_failure_clear(failure);
    return code;
}

int assay_fail_note(assay_failure *failure, int code, const char *format, ...)
{
    if (failure == NULL)
        return code;
    assay_failure_clear(failure);
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(failure->note, sizeof failure->note, format, arguments);
    va_end(arguments);
    return code;
}

int assay_fail_found(assay_failure *failure, int code, const char *expected, const char *found, size_t found_len)
{
    if (failure == NULL)
        return code;
    assay_failure_clear(failure);
    if (expected != NULL)
        assay_text_escape(expected, strlen(expected), failure->expected, sizeof failure->expected);
    if (found != NULL)
        assay_text_escape(found, found_len, failure->found, sizeof failure->found);
    return code;
}

void assay_fail_add(assay_failure *failure, const char *more)
{
    static const char cut[] = "...", between[] = "; ";
    char *note = failure->note;
    size_t len = strlen(note), needed = strlen(more) + strlen(between);
    if (len + needed >= sizeof failure->note) {
        len = sizeof failure->note - needed - sizeof cut;
        while (len > 0 && ((unsigned char)note[len] & 0xc0) == 0x80) /* not within a character (RFC 3629, section 3) */
            len--;
        memcpy(note + len, cut, sizeof cut);
        len += sizeof cut - 1;
    }
    (void)snprintf(note + len, sizeof failure->note - len, "%s%s", len == 0 ? "" : between, more);
}

/* Answered where there is no memory for a real one; never released. */
static assay_error out_of_memory = {.row = NULL,
                                    .message = "out of memory",
                                    .check = "memory",
                                    .hint = "",
                                    .expected = "",
                                    .found = "",
                                    .www_authenticate = "",
                                    .server_code = "",
                                    .trace_id = "",
                                    .correlation_id = "",
                                    .claims = ""};

static const assay_code_row *row_of(const assay_error *error)
{
    return error->row != NULL ? error->row : assay_code_row_of(ASSAY_E_MEMORY);
}

/*
 * The challenge (RFC 6750, section 3). Bare where no credentials of ours came (section 3.1); of the summary only fixed
 * text of the registry, so that nothing of the token or the configuration leaves.
 */
static void write_challenge(const assay_code_row *row, const char *scheme, char *out, size_t size)
{
    out[0] = '\0';
    if (row->http_status == 401 && row->oauth_error == NULL)
        (void)snprintf(out, size, "%s", scheme);
    else if (row->oauth_error != NULL)
        (void)snprintf(out, size, "%s error=\"%s\", error_description=\"%s\"", scheme, row->oauth_error, row->summary);
}

/* Copy a text to the cursor and move it on. */
static const char *put(char **cursor, const char *text)
{
    char *start = *cursor;
    size_t size = strlen(text) + 1;
    memcpy(start, text, size);
    *cursor += size;
    return start;
}

assay_error *assay_error_make(int code, const assay_failure *failure)
{
    static const assay_failure nothing;
    static const assay_failure_detail no_detail;
    const assay_failure *from = failure != NULL ? failure : &nothing;
    const assay_failure_detail *detail = from->detail != NULL ? from->detail : &no_detail;
    const assay_code_row *row = assay_code_row_of(code);
    if (row->code == ASSAY_E_MEMORY)
        return &out_of_memory;

    char message[512];
    char common_challenge[512];
    const char *challenge = from->challenge;
    if (challenge == NULL && detail->challenge[0] != '\0')
        challenge = detail->challenge;
    if (from->note[0] != '\0')
        (void)snprintf(message, sizeof message, "%s: %s", row->summary, from->note);
    else
        (void)snprintf(message, sizeof message, "%s", row->summary);
    if (challenge == NULL) {
        write_challenge(row, from->scheme != NULL ? from->scheme : "Bearer", common_challenge, sizeof common_challenge);
        challenge = common_challenge;
    }

    size_t size = strlen(message) + strlen(challenge) + strlen(from->expected) + strlen(from->found) +
                  strlen(detail->server_code) + strlen(detail->trace_id) + strlen(detail->correlation_id) +
                  strlen(detail->claims) + strlen(detail->fix) + 9;
    assay_error *error = assay_zalloc(sizeof *error + size);
    if (error == NULL)
        return &out_of_memory;
    char *cursor = error->text;
    error->row = row;
    error->check = from->check != NULL ? from->check : row->check;
    error->hint = from->hint != NULL ? from->hint : row->hint;
    if (detail->fix[0] != '\0')
        error->hint = put(&cursor, detail->fix);
    error->message = put(&cursor, message);
    error->www_authenticate = put(&cursor, challenge);
    error->expected = put(&cursor, from->expected);
    error->found = put(&cursor, from->found);
    error->server_code = put(&cursor, detail->server_code);
    error->trace_id = put(&cursor, detail->trace_id);
    error->correlation_id = put(&cursor, detail->correlation_id);
    error->claims = put(&cursor, detail->claims);
    error->diagnosis = detail->row;
    error->clock_skew = detail->clock_skew;
    error->found_is_verified = from->found_is_verified;
    if (row->http_status == 503)
        error->retry_after = from->retry_after > 0 ? from->retry_after : DEFAULT_RETRY_AFTER;
    return error;
}

int assay_error_code(const assay_error *error)
{
    return error == NULL ? ASSAY_OK : row_of(error)->code;
}

int assay_error_category(const assay_error *error)
{
    return error == NULL ? ASSAY_CATEGORY_NONE : row_of(error)->category;
}

const char *assay_error_check(const assay_error *error)
{
    return error == NULL ? "" : error->check;
}

const char *assay_error_message(const assay_error *error)
{
    return error == NULL ? "" : error->message;
}

const char *assay_error_expected(const assay_error *error)
{
    return error == NULL ? "" : error->expected;
}

const char *assay_error_found(const assay_error *error)
{
    return error == NULL ? "" : error->found;
}

int assay_error_found_is_verified(const assay_error *error)
{
    return error != NULL && error->found_is_verified;
}

const char *assay_error_hint(const assay_error *error)
{
    return error == NULL ? "" : error->hint;
}

int assay_error_http_status(const assay_error *error)
{
    return error == NULL ? 200 : row_of(error)->http_status;
}

const char *assay_error_www_authenticate(const assay_error *error)
{
    return error == NULL ? "" : error->www_authenticate;
}

int64_t assay_error_retry_after(const assay_error *error)
{
    return error == NULL ? 0 : error->retry_after;
}

int assay_error_diagnosis(const assay_error *error)
{
    return error == NULL ? 0 : error->diagnosis;
}

const char *assay_error_server_code(const assay_error *error)
{
    return error == NULL ? "" : error->server_code;
}

const char *assay_error_trace_id(const assay_error *error)
{
    return error == NULL ? "" : error->trace_id;
}

const char *assay_error_correlation_id(const assay_error *error)
{
    return error == NULL ? "" : error->correlation_id;
}

const char *assay_error_claims(const assay_error *error)
{
    return error == NULL ? "" : error->claims;
}

int64_t assay_error_clock_skew(const assay_error *error)
{
    return error == NULL ? 0 : error->clock_skew;
}

void assay_error_free(assay_error *error)
{
    if (error != &out_of_memory)
        assay_release(error);
}
