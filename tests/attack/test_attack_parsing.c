/* SPDX-License-Identifier: MIT */
/* Attacks 39 to 47 of the catalogue: what a parser may stumble over. */
#include "support/trial.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the two above first. */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char good[] = TRIAL_CLAIMS("");
static const char header[] = TRIAL_HEADER("RS256", "");

static void refuse_payload_bytes(trial *t, const void *payload, size_t len, int code)
{
    trial_refuse(t, mint_sign_bytes(t->key, "RS256", header, strlen(header), payload, len), code);
}

static void refuse_header_bytes(trial *t, const void *bytes, size_t len)
{
    trial_refuse(t, mint_sign_bytes(t->key, "RS256", bytes, len, good, strlen(good)), ASSAY_E_HEADER);
}

static void attack_39_nul(void **state)
{
    (void)state;
    static const char *const payloads[] = {
        TRIAL_CLAIMS(",\"role\":\"admin\\u0000.evil\""),
        TRIAL_CLAIMS(",\"a\\u0000b\":1"),
        TRIAL_CLAIMS(",\"x\":[\"\\u0000\"]"),
        "{\"iss\":\"" TRIAL_ISSUER "\\u0000.evil\",\"aud\":\"" TRIAL_AUDIENCE "\",\"exp\":1700003600}",
        "{\"iss\":\"" TRIAL_ISSUER "\",\"aud\":\"" TRIAL_AUDIENCE "\\u0000\",\"exp\":1700003600}",
        "{\"iss\":\"" TRIAL_ISSUER "\",\"aud\":[\"" TRIAL_AUDIENCE "\",\"\\u0000\"],\"exp\":1700003600}",
    };
    trial t;
    trial_open(&t, "RS256");
    for (size_t i = 0; i < sizeof payloads / sizeof payloads[0]; i++)
        trial_refuse_payload(&t, payloads[i], ASSAY_E_PAYLOAD);
    /* A byte 0 at each place of header and payload. */
    char changed[512];
    for (size_t at = 0; at <= strlen(good); at += at < 8 ? 1 : 9) {
        memcpy(changed, good, at);
        changed[at] = '\0';
        memcpy(changed + at + 1, good + at, strlen(good) - at);
        refuse_payload_bytes(&t, changed, strlen(good) + 1, ASSAY_E_PAYLOAD);
    }
    for (size_t at = 0; at <= strlen(header); at += at < 8 ? 1 : 5) {
        memcpy(changed, header, at);
        changed[at] = '\0';
        memcpy(changed + at + 1, header + at, strlen(header) - at);
        refuse_header_bytes(&t, changed, strlen(header) + 1);
    }
    trial_close(&t);
}

static void attack_40_invalid_utf8(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "\xff",
        "\xfe",
        "\x80",
        "\xc0\x80",
        "\xc0\xaf",
        "\xe0\x80\xaf",
        "\xf0\x80\x80\xaf",
        "\xed\xa0\x80",
        "\xed\xbf\xbf",
        "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80",
        "\xc3",
        "\xe2\x82",
        "\xf0\x9f\x98",
        "\xc3\x28",
        "\\ud800",
        "\\udc00",
        "\\ud800\\u0041",
        "\\ud800\\ud800",
        "\\udc00\\ud800",
        "\x01",
        "\x1f",
        "\n",
        "\t",
        "\\x41",
        "\\u12",
        "\\u12g4",
        "\\U0041",
        "\\",
        "\\'",
    };
    trial t;
    trial_open(&t, "RS256");
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char *payload = trial_format(TRIAL_CLAIMS(",\"x\":\"%s\""), texts[i]);
        char *name = trial_format(TRIAL_CLAIMS(",\"%s\":1"), texts[i]);
        char *head = trial_format(TRIAL_HEADER("RS256", ",\"x\":\"%s\""), texts[i]);
        trial_refuse_payload(&t, payload, ASSAY_E_PAYLOAD);
        trial_refuse_payload(&t, name, ASSAY_E_PAYLOAD);
        trial_refuse(&t, trial_token(&t, head, good), ASSAY_E_HEADER);
        free(payload);
        free(name);
        free(head);
    }
    /* A byte order mark; UTF-16 and UTF-32 in both orders. */
    uint8_t wide[1024] = {0xef, 0xbb, 0xbf};
    memcpy(wide + 3, good, strlen(good));
    refuse_payload_bytes(&t, wide, strlen(good) + 3, ASSAY_E_PAYLOAD);
    for (size_t width = 2; width <= 4; width += 2) {
        for (size_t order = 0; order < 2; order++) {
            memset(wide, 0, sizeof wide);
            for (size_t i = 0; i < strlen(header); i++)
                wide[i * width + (order == 0 ? 0 : width - 1)] = (uint8_t)header[i];
            refuse_header_bytes(&t, wide, strlen(header) * width);
            refuse_payload_bytes(&t, wide, strlen(header) * width, ASSAY_E_PAYLOAD);
        }
    }
    trial_accept_payload(&t, TRIAL_CLAIMS(",\"x\":\"\xf0\x9f\x98\x80 \\ud83d\\ude00 \xef\xbf\xbf\""));
    trial_close(&t);
}

/* A time that is present and can't be read is never taken as absent. */
static void attack_41_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int code;
    } rows[] = {
        {"1e400", ASSAY_E_PAYLOAD},
        {"-1e400", ASSAY_E_PAYLOAD},
        {"9223372036854775808", ASSAY_E_PAYLOAD},
        {"18446744073709551616", ASSAY_E_PAYLOAD},
        {"NaN", ASSAY_E_PAYLOAD},
        {"Infinity", ASSAY_E_PAYLOAD},
        {"-Infinity", ASSAY_E_PAYLOAD},
        {"0x7fffffff", ASSAY_E_PAYLOAD},
        {"01700003600", ASSAY_E_PAYLOAD},
        {"+1700003600", ASSAY_E_PAYLOAD},
        {"1700003600.", ASSAY_E_PAYLOAD},
        {".5", ASSAY_E_PAYLOAD},
        {"1e", ASSAY_E_PAYLOAD},
        {"--1", ASSAY_E_PAYLOAD},
        {"1_700_003_600", ASSAY_E_PAYLOAD},
        {"1700003600L", ASSAY_E_PAYLOAD},
        {"", ASSAY_E_PAYLOAD},
        {"-1", ASSAY_E_TIME},
        {"-0.5", ASSAY_E_TIME},
        {"9e99", ASSAY_E_TIME},
        {"253402300800", ASSAY_E_TIME},
        {"9223372036854775807", ASSAY_E_TIME},
        {"-9223372036854775808", ASSAY_E_TIME},
        {"1700003600000", ASSAY_E_TIME},
        {"\"1700003600\"", ASSAY_E_TIME},
        {"\"\"", ASSAY_E_TIME},
        {"null", ASSAY_E_TIME},
        {"true", ASSAY_E_TIME},
        {"[1700003600]", ASSAY_E_TIME},
        {"{}", ASSAY_E_TIME},
        {"1e12", ASSAY_E_TIME},
    };
    trial t;
    trial_open(&t, "RS256");
    static const char *const names[] = {"exp", "nbf", "iat"};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (size_t n = 0; n < 3; n++) {
            char *payload = trial_format("{\"iss\":\"%s\",\"aud\":\"%s\"%s,\"%s\":%s}", TRIAL_ISSUER, TRIAL_AUDIENCE,
                                         n == 0 ? "" : ",\"exp\":1700003600", names[n], rows[i].text);
            trial_refuse_payload(&t, payload, rows[i].code);
            free(payload);
        }
    }
    static const char *const readable[] = {
        "0", "-0", "0.0", "1.7e9", "1700000000.5", "17E8", "1700000000.000000000000000000001", "1e-5"};
    for (size_t i = 0; i < sizeof readable / sizeof readable[0]; i++) {
        char *payload = trial_format("{" TRIAL_BARE ",\"nbf\":%s,\"iat\":%s}", readable[i], readable[i]);
        trial_accept_payload(&t, payload);
        free(payload);
    }
    trial_close(&t);
}

static void attack_42_base64url(void **state)
{
    (void)state;
    static const char *const inserted[] = {"=",   "==",   "+",        "/", " ", "\n", "\r\n", "\t",
                                           "%3D", "\x80", "\xc3\xa9", "*", ",", "~",  "\x01"};
    trial t;
    trial_open(&t, "RS256");
    char *token = trial_sign(&t, good);
    const char *first = strchr(token, '.'), *second = strrchr(token, '.');
    const char *const places[] = {
        token, token + 5, first, first + 1, first + 9, second, second + 1, second + 9, token + strlen(token)};
    for (size_t i = 0; i < sizeof inserted / sizeof inserted[0]; i++) {
        for (size_t p = 0; p < sizeof places / sizeof places[0]; p++)
            trial_refuse(&t, trial_format("%.*s%s%s", (int)(places[p] - token), token, inserted[i], places[p]),
                         ASSAY_E_BASE64URL);
    }
    /* A segment of 4n+1 characters is none. */
    for (size_t p = 0; p < sizeof places / sizeof places[0]; p++) {
        for (const char *more = "AAAA"; *more != '\0'; more++) {
            char *changed = trial_format("%.*s%s%s", (int)(places[p] - token), token, more, places[p]);
            assay_error *error = trial_error(&t, changed);
            assert_int_not_equal(assay_error_code(error), ASSAY_OK);
            assay_error_free(error);
        }
    }
    /* The unused bits of the last character: 256 bytes leave four, and only one of 16 characters has them zero. */
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    size_t last = strlen(token) - 1, noncanonical = 0;
    char was = token[last];
    for (const char *c = alphabet; *c != '\0'; c++) {
        token[last] = *c;
        if (*c == was)
            continue;
        int canonical = (c - alphabet) % 16 == 0;
        noncanonical += !canonical;
        trial_refuse(&t, strdup(token), canonical ? ASSAY_E_SIGNATURE : ASSAY_E_BASE64URL);
    }
    assert_int_equal(noncanonical, 60);
    token[last] = was;
    trial_accept(&t, token);
    trial_close(&t);
}

static double seconds_now(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void attack_43_many_dots(void **state)
{
    (void)state;
    trial t;
    trial_open(&t, "RS256");
    static const size_t sizes[] = {65537, 1 << 20, 10 << 20};
    double start = seconds_now();
    for (size_t i = 0; i < 3; i++) {
        char *dots = trial_repeat(".", sizes[i]), *letters = trial_repeat("A", sizes[i]);
        trial_refuse_bytes(&t, dots, sizes[i], ASSAY_E_TOKEN_SIZE);
        trial_refuse_bytes(&t, letters, sizes[i], ASSAY_E_TOKEN_SIZE);
        free(dots);
        free(letters);
    }
    trial_refuse(&t, trial_repeat(".", 65536), ASSAY_E_MALFORMED);
    trial_refuse(&t, trial_repeat("A", 65536), ASSAY_E_MALFORMED);
    trial_refuse(&t, trial_repeat("A.", 32768), ASSAY_E_MALFORMED);
    assert_true(seconds_now() - start < 10); /* generous: valgrind */
    /* Few dots. */
    static const char *const rows[] = {".",   "..",  "...",  ".....", "a",       "a.",          ".a",
                                       "a.b", "a..", ".b.c", "..c",   "a.b.c.d", "a.b.c.d.e.f", "a.b.c."};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assay_error *error = trial_error(&t, strdup(rows[i]));
        assert_true(assay_error_code(error) == ASSAY_E_MALFORMED || strcmp(rows[i], "a..") == 0);
        assay_error_free(error);
    }
    trial_refuse(&t, strdup("...."), ASSAY_E_ENCRYPTED);
    trial_refuse(&t, strdup(""), ASSAY_E_TOKEN_SIZE);
    trial_close(&t);
}

static void refuse_nested(trial *t, const char *open, const char *close, size_t depth, int code)
{
    char *left = trial_repeat(open, depth), *right = trial_repeat(close, depth);
    char *value = trial_format("%s1%s", left, right), *payload = trial_format("{" TRIAL_BARE ",\"x\":%s}", value);
    char *head = trial_format(TRIAL_HEADER("RS256", ",\"x\":%s"), value);
    if (code == ASSAY_OK) {
        trial_accept_payload(t, payload);
        trial_accept(t, trial_token(t, head, good));
    } else {
        trial_refuse_payload(t, payload, code);
        trial_refuse(t, trial_token(t, head, good), code == ASSAY_E_PAYLOAD ? ASSAY_E_HEADER : code);
    }
    free(left);
    free(right);
    free(value);
    free(payload);
    free(head);
}

static void attack_44_deep_nesting(void **state)
{
    (void)state;
    trial t;
    trial_open(&t, "RS256");
    refuse_nested(&t, "[", "]", 31, ASSAY_OK); /* the object is a level too */
    refuse_nested(&t, "[", "]", 32, ASSAY_E_PAYLOAD);
    refuse_nested(&t, "{\"a\":", "}", 31, ASSAY_OK);
    refuse_nested(&t, "{\"a\":", "}", 32, ASSAY_E_PAYLOAD);
    refuse_nested(&t, "[", "]", 5000, ASSAY_E_PAYLOAD);
    refuse_nested(&t, "[", "]", 20000, ASSAY_E_PAYLOAD);
    refuse_nested(&t, "[", "", 20000, ASSAY_E_PAYLOAD);
    refuse_nested(&t, "{\"a\":", "", 5000, ASSAY_E_PAYLOAD);
    refuse_nested(&t, "[", "]", 100000, ASSAY_E_TOKEN_SIZE);
    trial_close(&t);
}

/* Names that collide under the common hashes, and as many members as fit: bounded by the limit of members, so the time is too. */
static void attack_45_colliding_names(void **state)
{
    (void)state;
    trial t;
    trial_open(&t, "RS256");
    char *names = malloc(60000);
    assert_non_null(names);
    double start = seconds_now();
    for (int kind = 0; kind < 2; kind++) {
        size_t used = 0;
        for (unsigned i = 0; used < 45000; i++) {
            char name[16];
            for (unsigned bit = 0; bit < 6;
                 bit++) /* "Aa" and "BB" are one under 31-based hashes, any run of them too */
                memcpy(name + 2 * bit, i >> bit & 1 ? "Aa" : "BB", 2);
            name[12] = '\0';
            used += (size_t)sprintf(names + used, ",\"%s%s%u\":0", name, kind == 0 ? "" : "x", i);
        }
        char *payload = trial_format("{" TRIAL_BARE "%s}", names);
        trial_refuse_payload(&t, payload, ASSAY_E_PAYLOAD);
        free(payload);
    }
    assert_true(seconds_now() - start < 5);
    free(names);
    trial_close(&t);
}

/* Every cut of a good token, and one byte changed at every place: never accepted, never a crash. */
static void attack_46_mutations(void **state)
{
    (void)state;
    trial t;
    trial_open(&t, "ES256");
    char *token = trial_sign(&t, good);
    size_t len = strlen(token);
    for (size_t cut = 0; cut < len; cut++) {
        assay_error *error = trial_error(&t, strndup(token, cut));
        assert_int_equal(assay_error_category(error), ASSAY_CATEGORY_TOKEN);
        assay_error_free(error);
    }
    static const char changes[] = {'\0', '.', '=', 'A', '_', '\n', '\xff', '{'};
    for (size_t at = 0; at < len; at++) {
        for (size_t c = 0; c < sizeof changes; c++) {
            if (token[at] == changes[c])
                continue;
            char *changed = malloc(len);
            assert_non_null(changed);
            memcpy(changed, token, len);
            changed[at] = changes[c];
            trial_start(&t);
            assay_claims *claims = NULL;
            int code = assay_validator_check(t.validator, changed, len, NULL, &claims, NULL);
            assert_int_equal(assay_code_category(code), ASSAY_CATEGORY_TOKEN);
            assert_null(claims);
            free(changed);
        }
    }
    trial_accept(&t, token);
    trial_close(&t);
}

/* No accessor gives claims before every check succeeded: a refusal for the last reason of all still gives none. */
static void attack_47_claims_before_the_verdict(void **state)
{
    (void)state;
    trial t;
    trial_open(&t, "ES256");
    must_ok(assay_issuer_require_claim(t.issuer, "/absent", NULL));
    trial_refuse_payload(&t, good, ASSAY_E_CLAIM_MISSING);
    must_ok(assay_request_new(&t.request, NULL));
    must_ok(assay_request_add_acr(t.request, "high", NULL));
    trial_refuse_payload(&t, TRIAL_CLAIMS(",\"absent\":1,\"acr\":\"low\""), ASSAY_E_ACR);
    trial_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attack_39_nul),
        cmocka_unit_test(attack_40_invalid_utf8),
        cmocka_unit_test(attack_41_numbers),
        cmocka_unit_test(attack_42_base64url),
        cmocka_unit_test(attack_43_many_dots),
        cmocka_unit_test(attack_44_deep_nesting),
        cmocka_unit_test(attack_45_colliding_names),
        cmocka_unit_test(attack_46_mutations),
        cmocka_unit_test(attack_47_claims_before_the_verdict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
