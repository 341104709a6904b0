/* SPDX-License-Identifier: MIT */
/* Faults of endpoints that give tokens: answers that servers of the world were seen to give, and some that only an attacker would. */

#include "dev_issuer_tokens.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define MIXED_NUMBER "AADSTS700025"

static void set_body(dev_call *call, unsigned status, const char *type, const char *text)
{
    call->reply->status = status;
    call->reply->content_type = type;
    cli_text_free(&call->reply->body);
    cli_text_put(&call->reply->body, text);
}

static unsigned status_of(const dev_fault *fault, unsigned otherwise)
{
    return fault->value >= 200 && fault->value <= 599 ? (unsigned)fault->value : otherwise;
}

/* RFC 9110, section 5.6.7. The names are not the locale's. */
static char *http_date(int64_t when)
{
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const time_t seconds = (time_t)when;
    struct tm utc = {0};
    if (gmtime_r(&seconds, &utc) == NULL)
        return cli_strdup("");
    return cli_format("%s, %02d %s %d %02d:%02d:%02d GMT", days[utc.tm_wday], utc.tm_mday, months[utc.tm_mon],
                      utc.tm_year + 1900, utc.tm_hour, utc.tm_min, utc.tm_sec);
}

/* --- too many requests --- */

static void throttle(dev_call *call, unsigned status, const char *header, const char *value)
{
    const char *text = status == 429
                           ? "{\"error\":\"temporarily_unavailable\",\"error_description\":\"Too many requests.\"}"
                           : "{\"error\":\"temporarily_unavailable\",\"error_description\":\"Try again.\"}";
    set_body(call, status, "application/json", text);
    if (header != NULL)
        dev_reply_header(call->reply, header, value);
}

static void throttle_by(dev_call *call, unsigned status, const char *header, int64_t number)
{
    CLI_AUTO_FREE char *value = cli_format("%" PRId64, number);
    throttle(call, status, header, value);
}

static void throttle_until(dev_call *call, int64_t when)
{
    CLI_AUTO_FREE char *value = http_date(when);
    throttle(call, 429, MHD_HTTP_HEADER_RETRY_AFTER, value);
}

static void put_date(dev_call *call, int64_t when)
{
    CLI_AUTO_FREE char *value = http_date(when);
    dev_reply_header(call->reply, MHD_HTTP_HEADER_DATE, value);
}

/* --- errors of Entra --- */

static void change_error(dev_call *call, const char *member, json_t *value)
{
    CLI_CLEANUP(json_decref_p) json_t *document = json_loadb(call->reply->body.ptr, call->reply->body.len, 0, NULL);
    if (value == NULL)
        (void)json_object_del(document, member);
    else
        (void)json_object_set_new(document, member, value);
    dev_reply_json(call->reply, call->reply->status, document);
}

static void answer_aadsts(dev_call *call)
{
    dev_reply_clear(call->reply);
    dev_entra_error(call, (long)call->fault.value, "(a fault of the development issuer)");
    if (call->fault.kind == DEV_FAULT_AADSTS_TEXT)
        change_error(call, "error_codes", NULL);
    if (call->fault.kind == DEV_FAULT_AADSTS_MISMATCH)
        change_error(call, "error_description", json_string(MIXED_NUMBER ": Client is public. Trace ID: 0"));
    if (call->fault.kind == DEV_FAULT_CONTROL_BYTES)
        change_error(call, "error_description",
                     json_string("AADSTS700016: not\r\nfound \x1b[31m\x07 \xe2\x80\xae here\nSet-Cookie: a=b"));
}

/* --- members of an answer that is good otherwise --- */

/* The text of a member's value, as JSON; NULL removes it. */
static void set_member(dev_call *call, const char *member, const char *value)
{
    CLI_CLEANUP(json_decref_p) json_t *document = json_loadb(call->reply->body.ptr, call->reply->body.len, 0, NULL);
    if (!json_is_object(document) || call->reply->status != MHD_HTTP_OK)
        return;
    (void)json_object_del(document, member);
    CLI_AUTO_FREE char *rest = json_dumps(document, JSON_COMPACT);
    CLI_AUTO_FREE char *text = value == NULL ? cli_strdup(rest)
                                             : cli_format("{\"%s\":%s%s%s", member, value,
                                                          json_object_size(document) > 0 ? "," : "", rest + 1);
    cli_text_free(&call->reply->body);
    cli_text_put(&call->reply->body, text);
}

/* Both members that tell the time, since a client takes one where the other is missing. */
static void set_expiry(dev_call *call, const char *value)
{
    set_member(call, "expires_in", value);
    set_member(call, "expires_on", NULL);
}

static void set_expiry_number(dev_call *call, int64_t seconds)
{
    CLI_AUTO_FREE char *text = cli_format("%" PRId64, seconds);
    set_expiry(call, text);
}

/* The same name twice, with the true value last. */
static void repeat_token(dev_call *call)
{
    if (call->reply->status != MHD_HTTP_OK || call->reply->body.len < 2)
        return;
    bool value = strncmp(call->reply->body.ptr, "{\"value\"", 8) == 0;
    CLI_AUTO_FREE char *text =
        cli_format("{\"%s\":\"first\",%s", value ? "value" : "access_token", call->reply->body.ptr + 1);
    cli_text_free(&call->reply->body);
    cli_text_put(&call->reply->body, text);
}

static bool change_members(dev_call *call)
{
    const dev_fault *fault = &call->fault;
    switch (fault->kind) {
    case DEV_FAULT_TOKEN_TYPE_MAC:
        set_member(call, "token_type", "\"mac\"");
        return true;
    case DEV_FAULT_TOKEN_TYPE_LOWERCASE:
        set_member(call, "token_type", "\"bearer\"");
        return true;
    case DEV_FAULT_TOKEN_TYPE_UPPERCASE:
        set_member(call, "token_type", "\"BEARER\"");
        return true;
    case DEV_FAULT_TOKEN_TYPE_ABSENT:
        set_member(call, "token_type", NULL);
        return true;
    case DEV_FAULT_EXPIRES_ABSENT:
        set_expiry(call, NULL);
        return true;
    case DEV_FAULT_EXPIRES_NEGATIVE:
        set_expiry_number(call, -fault->value);
        return true;
    case DEV_FAULT_EXPIRES_INFINITE:
        set_expiry(call, "1e300");
        return true;
    case DEV_FAULT_EXPIRES_FAR:
        set_expiry_number(call, fault->value);
        return true;
    case DEV_FAULT_EXPIRES_GARBAGE:
        set_expiry(call, "\"soon\"");
        return true;
    case DEV_FAULT_NO_ACCESS_TOKEN:
        set_member(call, "access_token", NULL);
        return true;
    case DEV_FAULT_EMPTY_ACCESS_TOKEN:
        set_member(call, "access_token", "\"\"");
        return true;
    case DEV_FAULT_ACCESS_TOKEN_CRLF:
        set_member(call, "access_token", "\"a.b.c\\r\\nX-Injected: yes\"");
        return true;
    case DEV_FAULT_DUPLICATE_KEY:
        repeat_token(call);
        return true;
    case DEV_FAULT_OK_WITH_ERROR:
        set_member(call, "error", "\"invalid_grant\"");
        return true;
    case DEV_FAULT_NO_ISSUED_TYPE:
        set_member(call, "issued_token_type", NULL);
        return true;
    case DEV_FAULT_NO_VALUE:
        set_member(call, "value", NULL);
        set_member(call, "oidcToken", NULL);
        return true;
    default:
        return false;
    }
}

void dev_token_fault_change(dev_call *call)
{
    const dev_fault *fault = &call->fault;
    const int64_t now = (int64_t)time(NULL);
    if (change_members(call))
        return;
    switch (fault->kind) {
    case DEV_FAULT_STATUS_HTML:
        set_body(call, status_of(fault, 502), "text/html",
                 "<html><head><title>502 Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>");
        break;
    case DEV_FAULT_STATUS_PLAIN:
        set_body(call, status_of(fault, 429), "text/plain", fault->value == 429 ? "Too Many Requests" : "Unavailable");
        break;
    case DEV_FAULT_STATUS_EMPTY:
        set_body(call, status_of(fault, 500), NULL, "");
        break;
    case DEV_FAULT_UNREACHABLE:
        set_body(call, status_of(fault, 403), "text/plain",
                 "connecting to 169.254.169.254:80: connecting to 169.254.169.254:80: dial tcp 169.254.169.254:80: "
                 "connectex: "
                 "A socket operation was attempted to an unreachable network.");
        break;
    case DEV_FAULT_AADSTS:
    case DEV_FAULT_AADSTS_TEXT:
    case DEV_FAULT_AADSTS_MISMATCH:
    case DEV_FAULT_CONTROL_BYTES:
        answer_aadsts(call);
        break;
    case DEV_FAULT_THROTTLED:
        throttle_by(call, 429, MHD_HTTP_HEADER_RETRY_AFTER, fault->value);
        break;
    case DEV_FAULT_UNAVAILABLE:
        throttle_by(call, 503, MHD_HTTP_HEADER_RETRY_AFTER, fault->value);
        break;
    case DEV_FAULT_THROTTLED_MS:
        throttle_by(call, 429, "x-ms-retry-after-ms", fault->value);
        break;
    case DEV_FAULT_RETRY_AFTER_NEGATIVE:
        throttle_by(call, 429, MHD_HTTP_HEADER_RETRY_AFTER, -fault->value);
        break;
    case DEV_FAULT_RETRY_AFTER_GARBAGE:
        throttle(call, 429, MHD_HTTP_HEADER_RETRY_AFTER, "in a while");
        break;
    case DEV_FAULT_THROTTLED_BARE:
        throttle(call, 429, NULL, NULL);
        break;
    case DEV_FAULT_THROTTLED_DATE:
        throttle_until(call, now + fault->value);
        break;
    case DEV_FAULT_THROTTLED_PAST:
        throttle_until(call, now - fault->value);
        break;
    case DEV_FAULT_SKEWED_DATE:
        put_date(call, now + fault->value);
        break;
    case DEV_FAULT_DATE_BEHIND:
        put_date(call, now - fault->value);
        break;
    default:
        break;
    }
}
