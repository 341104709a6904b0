/* SPDX-License-Identifier: MIT */
#include "http/lines.h"

#include <stdio.h>

/* Fields that say how the message is framed and whom it is for: curl writes them, and a second opinion is request smuggling (CWE-444). */
static const char *const framing[] = {
    "Connection", "Content-Length", "Expect", "Host", "Keep-Alive", "TE", "Trailer", "Transfer-Encoding", "Upgrade",
};

/* RFC 9110, section 5.6.2 */
static bool is_token(const char *name)
{
    for (const char *c = name; *c != '\0'; c++) {
        bool alphanumeric = (*c >= '0' && *c <= '9') || (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z');
        if (!alphanumeric && strchr("!#$%&'*+-.^_`|~", *c) == NULL)
            return false;
    }
    return name[0] != '\0';
}

/* RFC 9110, section 5.5; more than its CR, LF and NUL, since no field of ours needs another control byte. */
static bool is_value(const char *value)
{
    for (const char *c = value; *c != '\0'; c++)
        if (((unsigned char)*c < ' ' && *c != '\t') || *c == 0x7f)
            return false;
    return true;
}

static bool has(const struct curl_slist *lines, const char *name)
{
    for (; lines != NULL; lines = lines->next)
        if (assay_span_is_nocase((assay_span){lines->data, strcspn(lines->data, ":;")}, name))
            return true;
    return false;
}

static int append(struct curl_slist **lines, const char *line, assay_failure *failure)
{
    struct curl_slist *longer = curl_slist_append(*lines, line);
    if (longer == NULL)
        return assay_fail(failure, ASSAY_E_MEMORY);
    *lines = longer;
    return ASSAY_OK;
}

int assay_http_lines_add(struct curl_slist **lines, const char *name, const char *value, assay_failure *failure)
{
    if (value == NULL)
        return ASSAY_OK;
    if (!is_token(name))
        return assay_fail_note(failure, ASSAY_E_ARGUMENT, "the name of a header field is not a token");
    if (!is_value(value))
        return assay_fail_note(failure, ASSAY_E_ARGUMENT, "the value of the header field %.64s has a control byte",
                               name);
    if (has(*lines, name))
        return assay_fail_note(failure, ASSAY_E_ARGUMENT, "the header field %.64s is there twice", name);
    size_t size = strlen(name) + strlen(value) + sizeof ": ";
    char *line = assay_alloc(size);
    if (line == NULL)
        return assay_fail(failure, ASSAY_E_MEMORY);
    /* curl sends a field without a value only if it is asked for with a semicolon. */
    if (value[strspn(value, " \t")] == '\0')
        (void)snprintf(line, size, "%s;", name);
    else
        (void)snprintf(line, size, "%s: %s", name, value);
    int code = append(lines, line, failure);
    assay_release_wiped(line, size);
    return code;
}

static int add_further(struct curl_slist **lines, const assay_http_request *request, assay_failure *failure)
{
    for (size_t i = 0; i < request->field_count; i++) {
        const assay_http_field *field = &request->fields[i];
        if (field->name == NULL || field->value == NULL)
            return assay_fail_note(failure, ASSAY_E_ARGUMENT, "a header field has no name or no value");
        for (size_t k = 0; k < ASSAY_COUNT_OF(framing); k++)
            if (assay_span_is_nocase(assay_span_of(field->name), framing[k]))
                return assay_fail_note(failure, ASSAY_E_ARGUMENT, "the header field %s is not for callers to set",
                                       framing[k]);
        int code = assay_http_lines_add(lines, field->name, field->value, failure);
        if (code != ASSAY_OK)
            return code;
    }
    return ASSAY_OK;
}

int assay_http_lines_of(struct curl_slist **lines, const assay_http_request *request, assay_failure *failure)
{
    int code = assay_http_lines_add(lines, "Accept", request->accept, failure);
    if (code == ASSAY_OK)
        code = assay_http_lines_add(lines, "If-None-Match", request->if_none_match, failure);
    if (code == ASSAY_OK)
        code = assay_http_lines_add(lines, "Authorization", request->authorization, failure);
    if (code == ASSAY_OK)
        code = assay_http_lines_add(lines, "Content-Type", request->content_type, failure);
    if (code == ASSAY_OK)
        code = add_further(lines, request, failure);
    /* Without a value curl leaves a field out: the type that it takes a POST to have, and the wait for 100 before a long body. */
    if (code == ASSAY_OK && !has(*lines, "Content-Type"))
        code = append(lines, "Content-Type:", failure);
    if (code == ASSAY_OK)
        code = append(lines, "Expect:", failure);
    return code;
}

void assay_http_lines_clear(struct curl_slist **lines)
{
    for (struct curl_slist *line = *lines; line != NULL; line = line->next)
        assay_wipe(line->data, strlen(line->data)); /* one may be a secret */
    curl_slist_free_all(*lines);
    *lines = NULL;
}
