/* SPDX-License-Identifier: MIT */
#include "http/cache_control.h"

static const int64_t MOST = INT64_C(1) << 31; /* RFC 9111, section 1.2.2: delta-seconds */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static assay_span trim(assay_span text)
{
    while (text.len > 0 && is_blank(text.ptr[0]))
        text = (assay_span){text.ptr + 1, text.len - 1};
    while (text.len > 0 && is_blank(text.ptr[text.len - 1]))
        text.len--;
    return text;
}

static int64_t read_whole(assay_span text)
{
    int64_t number = 0;
    if (text.len == 0)
        return -1;
    for (size_t i = 0; i < text.len; i++) {
        if (!is_digit(text.ptr[i]))
            return -1;
        number = number * 10 + (text.ptr[i] - '0');
        if (number > MOST)
            number = MOST;
    }
    return number;
}

/* Bytes up to the next comma that is not inside a quoted string (RFC 9110, section 5.6.4). */
static size_t directive_len(assay_span text)
{
    bool quoted = false;
    for (size_t i = 0; i < text.len; i++) {
        if (quoted && text.ptr[i] == '\\')
            i++;
        else if (text.ptr[i] == '"')
            quoted = !quoted;
        else if (text.ptr[i] == ',' && !quoted)
            return i;
    }
    return text.len;
}

/* Seconds that one directive leaves; -1: it says nothing of the sort. */
static int64_t read_directive(assay_span directive)
{
    const char *equals = directive.len == 0 ? NULL : memchr(directive.ptr, '=', directive.len);
    size_t name_len = equals == NULL ? directive.len : (size_t)(equals - directive.ptr);
    assay_span name = {directive.ptr, name_len};
    if (assay_span_is_nocase(name, "no-cache") || assay_span_is_nocase(name, "no-store"))
        return 0;
    if (equals == NULL || !assay_span_is_nocase(name, "max-age"))
        return -1;
    assay_span value = {equals + 1, directive.len - name_len - 1};
    if (value.len >= 2 && value.ptr[0] == '"' && value.ptr[value.len - 1] == '"')
        value = (assay_span){value.ptr + 1, value.len - 2};
    return read_whole(value);
}

int64_t assay_cache_control_max_age(const char *value, size_t len)
{
    int64_t least = -1;
    assay_span rest = {value, len};
    while (rest.len > 0) {
        size_t used = directive_len(rest);
        int64_t seconds = read_directive(trim((assay_span){rest.ptr, used}));
        if (seconds >= 0 && (least < 0 || seconds < least))
            least = seconds;
        used += used < rest.len ? 1 : 0;
        rest = (assay_span){rest.ptr + used, rest.len - used};
    }
    return least;
}

int64_t assay_http_age(const char *value, size_t len)
{
    return read_whole(trim((assay_span){value, len}));
}

int64_t assay_http_milliseconds(const char *value, size_t len)
{
    return read_whole(trim((assay_span){value, len}));
}

/* Number at @p text of exactly @p digits digits. */
static bool read_number(const char *text, size_t digits, int *number)
{
    *number = 0;
    for (size_t i = 0; i < digits; i++) {
        if (!is_digit(text[i]))
            return false;
        *number = *number * 10 + (text[i] - '0');
    }
    return true;
}

/* Index of the three letters at @p text among @p names (case matters: RFC 9110, section 5.6.7), or -1. */
static int find_name(const char *text, const char *names)
{
    for (int i = 0; names[i * 3] != '\0'; i++)
        if (memcmp(names + i * 3, text, 3) == 0)
            return i;
    return -1;
}

/* Days from 1970-01-01 of a date of the Gregorian calendar; years from 1 March, so that the leap day comes last. */
static int64_t days_from_date(int year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t m = month <= 2 ? month + 9 : month - 3;
    return y * 365 + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

/* IMF-fixdate, the one form that is still to be sent: "Sun, 06 Nov 1994 08:49:37 GMT". -1: something else, or before 1970. */
static int64_t read_date(assay_span text)
{
    int day, year, hour, minute, second;
    if (text.len != 29 || memcmp(text.ptr + 25, " GMT", 4) != 0)
        return -1;
    const char *t = text.ptr;
    int month = find_name(t + 8, "JanFebMarAprMayJunJulAugSepOctNovDec") + 1;
    bool form = find_name(t, "MonTueWedThuFriSatSun") >= 0 && t[3] == ',' && t[4] == ' ' && t[7] == ' ' &&
                t[11] == ' ' && t[16] == ' ' && t[19] == ':' && t[22] == ':';
    if (!form || month == 0 || !read_number(t + 5, 2, &day) || !read_number(t + 12, 4, &year) ||
        !read_number(t + 17, 2, &hour) || !read_number(t + 20, 2, &minute) || !read_number(t + 23, 2, &second))
        return -1;
    if (year < 1970 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60)
        return -1;
    return ((days_from_date(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
}

int64_t assay_http_date(const char *value, size_t len)
{
    return read_date(trim((assay_span){value, len}));
}

int64_t assay_http_retry_after(const char *value, size_t len, int64_t now_wall)
{
    assay_span text = trim((assay_span){value, len});
    int64_t seconds = read_whole(text);
    if (seconds >= 0)
        return seconds;
    int64_t date = read_date(text);
    if (date < 0 || now_wall < 0) /* without a clock a date says nothing */
        return -1;
    if (date <= now_wall)
        return 0;
    return date - now_wall < MOST ? date - now_wall : MOST;
}
