/* SPDX-License-Identifier: MIT */
#include "acquire/response_parts.h"

#include "base/limits.h"

/* Expiry as agents write it: five forms were seen (exchange.md 2.7 of the notes; MSAL.NET issue 4963 has the last). */

typedef struct reader {
    const char *at, *end;
} reader;

/* A number of @p min to @p max digits; the reader moves past it. */
static bool read_digits(reader *r, size_t min, size_t max, int *number)
{
    size_t count = 0;
    for (*number = 0; count < max && r->at < r->end && *r->at >= '0' && *r->at <= '9'; count++)
        *number = *number * 10 + (*r->at++ - '0');
    return count >= min;
}

static bool read_char(reader *r, char c)
{
    if (r->at == r->end || *r->at != c)
        return false;
    r->at++;
    return true;
}

typedef struct moment {
    int year, month, day, hour, minute, second, offset; /* minutes that the clock is ahead of UTC */
} moment;

static int64_t days_from_date(int64_t year, int64_t month, int64_t day)
{
    /* Years from March on, so that the leap day is the last of its year. */
    int64_t shifted = year - (month <= 2);
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return shifted * 365 + shifted / 4 - shifted / 100 + shifted / 400 + day_of_year - 719468;
}

static bool is_date(const moment *m)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (m->year < 1970 || m->month < 1 || m->month > 12)
        return false;
    bool leap = (m->year % 4 == 0 && m->year % 100 != 0) || m->year % 400 == 0;
    int last = days[m->month - 1] + (m->month == 2 && leap);
    return m->day >= 1 && m->day <= last && m->hour <= 23 && m->minute <= 59 && m->second <= 60;
}

/* Seconds since 1970; 0: no such time. */
static int64_t seconds_of(const moment *m)
{
    if (!is_date(m))
        return 0;
    int64_t days = days_from_date(m->year, m->month, m->day);
    int64_t seconds = ((days * 24 + m->hour) * 60 + m->minute - m->offset) * 60 + m->second;
    return seconds > 0 ? seconds : 0;
}

/* "+00:00" and its like, or "Z" where @p zulu; it must be the end of the text. */
static bool read_offset(reader *r, bool zulu, moment *m)
{
    int hours, minutes;
    if (zulu && read_char(r, 'Z'))
        return r->at == r->end;
    bool behind = r->at < r->end && *r->at == '-';
    if (!(behind ? read_char(r, '-') : read_char(r, '+')))
        return false;
    if (!read_digits(r, 2, 2, &hours) || !read_char(r, ':') || !read_digits(r, 2, 2, &minutes) || hours > 14 ||
        minutes > 59)
        return false;
    m->offset = (hours * 60 + minutes) * (behind ? -1 : 1);
    return r->at == r->end;
}

static bool read_clock(reader *r, size_t min_digits, moment *m)
{
    return read_digits(r, min_digits, 2, &m->hour) && read_char(r, ':') && read_digits(r, 2, 2, &m->minute) &&
           read_char(r, ':') && read_digits(r, 2, 2, &m->second);
}

/* "AM" or "PM" and a blank make a clock of twelve hours one of twenty-four. */
static bool read_half(reader *r, moment *m)
{
    bool afternoon = r->at < r->end && *r->at == 'P';
    if (!read_char(r, afternoon ? 'P' : 'A') || !read_char(r, 'M') || !read_char(r, ' '))
        return false;
    if (m->hour < 1 || m->hour > 12)
        return false;
    m->hour = m->hour % 12 + (afternoon ? 12 : 0);
    return true;
}

/* "MM/dd/yyyy HH:mm:ss +00:00" and "M/d/yyyy h:mm:ss tt +00:00" (App Service, as .NET writes times by the culture of the United States). */
static int64_t read_american(reader r)
{
    moment m = {0, 0, 0, 0, 0, 0, 0};
    bool date = read_digits(&r, 1, 2, &m.month) && read_char(&r, '/') && read_digits(&r, 1, 2, &m.day) &&
                read_char(&r, '/') && read_digits(&r, 4, 4, &m.year) && read_char(&r, ' ');
    if (!date || !read_clock(&r, 1, &m) || !read_char(&r, ' '))
        return 0;
    bool half = r.at < r.end && (*r.at == 'A' || *r.at == 'P');
    if (half && !read_half(&r, &m))
        return 0;
    return read_offset(&r, false, &m) ? seconds_of(&m) : 0;
}

/* RFC 3339, section 5.6; what is a fraction of a second is cut. */
static int64_t read_iso(reader r)
{
    moment m = {0, 0, 0, 0, 0, 0, 0};
    int fraction;
    bool date = read_digits(&r, 4, 4, &m.year) && read_char(&r, '-') && read_digits(&r, 2, 2, &m.month) &&
                read_char(&r, '-') && read_digits(&r, 2, 2, &m.day) && (read_char(&r, 'T') || read_char(&r, ' '));
    if (!date || !read_clock(&r, 2, &m))
        return 0;
    if (read_char(&r, '.') && !read_digits(&r, 1, 9, &fraction))
        return 0;
    return read_offset(&r, true, &m) ? seconds_of(&m) : 0;
}

/* Whole seconds, a fraction cut; what is longer than the latest time that is believed is that. -1: not such a text. */
int64_t assay_response_number(const char *text, size_t len)
{
    int64_t number = 0;
    size_t at = 0;
    for (; at < len && text[at] >= '0' && text[at] <= '9'; at++) {
        number = number * 10 + (text[at] - '0');
        number = number < ASSAY_LIMIT_LATEST_TIME ? number : ASSAY_LIMIT_LATEST_TIME;
    }
    if (at == 0)
        return -1;
    size_t point = at;
    if (at < len && text[at] == '.')
        for (at++; at < len && text[at] >= '0' && text[at] <= '9';)
            at++;
    return at == len && at != point + 1 ? number : -1;
}

int64_t assay_token_response_expires_on(const char *text, size_t len)
{
    int64_t number = assay_response_number(text, len);
    if (number >= 0)
        return number;
    reader r = {text, text + len};
    int64_t seconds = read_american(r);
    return seconds > 0 ? seconds : read_iso(r);
}
