/* SPDX-License-Identifier: MIT */

/* Numbers, decided by their decimal digits: neither rounding nor the locale's decimal point has a say. */

#include "json/internal.h"

#include "base/limits.h"

/* Exponents beyond this stay there. No text is long enough for its digits to bring such a number back into any range. */
#define EXPONENT_BOUND 1000000000000

/* Digits of a well-formed number: the value is digit k times 10^(top - k), summed over all k. */
typedef struct decimal {
    const char *whole;
    const char *fraction;
    int64_t whole_len;
    int64_t fraction_len;
    int64_t top; /* power of ten of the first digit, zero or not */
    bool negative;
} decimal;

static const char *digits_end(const char *at, const char *end)
{
    while (at < end && assay_json_is_digit(*at))
        at++;
    return at;
}

/* Read what stands behind the e. */
static int64_t read_exponent(const char *at, const char *end)
{
    bool negative = *at == '-';
    if (*at == '-' || *at == '+')
        at++;
    int64_t exponent = 0;
    for (; at < end && exponent < EXPONENT_BOUND; at++)
        exponent = exponent * 10 + (*at - '0');
    return negative ? -exponent : exponent;
}

static decimal read_decimal(const char *text, size_t len)
{
    const char *at = text;
    const char *end = text + len;
    decimal number = {.negative = *at == '-'};
    if (number.negative)
        at++;
    number.whole = at;
    at = digits_end(at, end);
    number.whole_len = at - number.whole;
    number.fraction = at;
    if (at < end && *at == '.') {
        number.fraction = at + 1;
        at = digits_end(at + 1, end);
        number.fraction_len = at - number.fraction;
    }
    number.top = number.whole_len - 1;
    if (at < end)
        number.top += read_exponent(at + 1, end);
    return number;
}

/* Digit @p k; 0 outside the written ones. */
static int digit_at(const decimal *number, int64_t k)
{
    if (k < 0)
        return 0;
    if (k < number->whole_len)
        return number->whole[k] - '0';
    k -= number->whole_len;
    return k < number->fraction_len ? number->fraction[k] - '0' : 0;
}

/* Index of the first digit that is not zero; -1 where all are. */
static int64_t first_digit(const decimal *number)
{
    for (int64_t k = 0; k < number->whole_len + number->fraction_len; k++)
        if (digit_at(number, k) != 0)
            return k;
    return -1;
}

bool assay_json_integer_fits(const char *text, size_t len)
{
    static const char largest[] = "9223372036854775807";
    static const char smallest[] = "9223372036854775808";
    bool negative = text[0] == '-';
    const char *digits = negative ? text + 1 : text;
    size_t count = negative ? len - 1 : len;
    if (count != sizeof largest - 1)
        return count < sizeof largest - 1; /* there are no leading zeros */
    return memcmp(digits, negative ? smallest : largest, count) <= 0;
}

bool assay_json_real_fits(const char *text, size_t len)
{
    /* 2^1024 - 2^970: halfway between the largest double and the next one, so the least that rounds to infinity. */
    static const char bound[] =
        "179769313486231580793728971405303415079934132710037826936173778980444968292764750946649017"
        "977587207096330286416692887910946555547851940402630657488671505820681908902000708383676273"
        "854845817711531764475730270069855571366959622842914819860834936475292719074168444365510704"
        "342711559699508093042880177904174497792";
    const int64_t bound_len = sizeof bound - 1;
    decimal number = read_decimal(text, len);
    int64_t first = first_digit(&number);
    if (first < 0)
        return true;
    if (number.top - first != bound_len - 1)
        return number.top - first < bound_len - 1;
    for (int64_t i = 0; i < bound_len; i++) {
        int digit = digit_at(&number, first + i);
        if (digit != bound[i] - '0')
            return digit < bound[i] - '0';
    }
    return false;
}

int64_t assay_json_integer(const assay_json_value *value)
{
    const char *at = value->ptr;
    const char *end = value->ptr + value->len;
    bool negative = *at == '-';
    if (negative)
        at++;
    /* Collected below zero, where the range is larger by one. */
    int64_t number = 0;
    for (; at < end; at++)
        number = number * 10 - (*at - '0');
    return negative ? number : -number;
}

bool assay_json_time(const assay_json_value *value, int64_t *seconds, int32_t *nanoseconds)
{
    *seconds = 0;
    *nanoseconds = 0;
    if (value->type != ASSAY_JSON_INTEGER && value->type != ASSAY_JSON_REAL)
        return false;
    /* ASSAY_LIMIT_LATEST_TIME has twelve digits. */
    const int most = 11;
    /* What nearly every token writes: whole seconds, no longer than that. */
    if (value->type == ASSAY_JSON_INTEGER && value->len <= (size_t)most + 1 && value->ptr[0] != '-') {
        int64_t whole = assay_json_integer(value);
        bool in_range = whole <= ASSAY_LIMIT_LATEST_TIME;
        *seconds = in_range ? whole : 0;
        return in_range;
    }
    decimal number = read_decimal(value->ptr, value->len);
    int64_t first = first_digit(&number);
    if (first < 0)
        return true;
    if (number.negative || number.top - first > most)
        return false;
    int64_t whole = 0;
    for (int64_t power = most; power >= 0; power--)
        whole = whole * 10 + digit_at(&number, number.top - power);
    if (whole > ASSAY_LIMIT_LATEST_TIME)
        return false;
    int32_t fraction = 0;
    for (int64_t power = -1; power >= -9; power--)
        fraction = fraction * 10 + digit_at(&number, number.top - power);
    *seconds = whole;
    *nanoseconds = fraction;
    return true;
}
