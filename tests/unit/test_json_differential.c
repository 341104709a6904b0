/* SPDX-License-Identifier: MIT */

/*
 * The fuzz target of the scanner on the same mutations every time, so that each run of the tests compares it with jansson.
 * Linked with tests/fuzz/fuzz_json_scan.c, which aborts where the two differ.
 */

#include "base/memory.h"
#include "support/pace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ROUNDS 300000

static const char *const seeds[] = {
    "{}",
    "{\"iss\":\"https://login.example/t/v2.0\",\"aud\":[\"api://"
    "a\",\"b\"],\"exp\":1700003600,\"nbf\":1.7e9,\"ver\":\"2.0\"}",
    "{\"n\":null,\"t\":true,\"f\":false,\"i\":-12,\"r\":1.5e3,\"s\":\"x\",\"a\":[],\"o\":{}}",
    "{ \"a\" : [ 1 , { \"b\" : [ ] } , \"c\" ] ,\n\"d\" : { \"a\" : { \"a\" : 0 } } }",
    "{\"\\u0061b\":1,\"ab\\u00e9\":2,\"\\ud83d\\ude00\":3,\"\\\"\\\\\\/\\b\\f\\n\\r\\t\":\"\\u0001\"}",
    "{\"\xC3\xA9\":\"\xE6\xBC\xA2\",\"\xF0\x9F\x98\x80\":\"\xEF\xBF\xBF\xF4\x8F\xBF\xBF\",\"1234567\xC3\xA9\":"
    "\"12345678\"}",
    "{\"a\":[9223372036854775807,-9223372036854775808,9223372036854775808]}",
    "{\"a\":[9223372036854775807,-9223372036854775808,0,-0,10]}",
    "{\"a\":[1.7976931348623158e308,1.7976931348623157E+308,-0.0,1e-400,0.1,179769313486231580e291]}",
    "{\"x\":{\"x\":[{\"x\":1},{\"x\":2},[{\"x\":3,\"y\":[{\"x\":4}]}]],\"y\":{\"x\":5}},\"y\":6}",
    "{\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}",
    "{\"a/b\":1,\"m~n\":2,\"~0\":3,\"~1\":4,\"\":{\"\":[{\"\":5}]}}",
};

static const char *const pieces[] = {
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\"",
    "\\",
    "\\u0000",
    "\\u0061",
    "\\ud83d",
    "\\ude00",
    "\\n",
    "\\x",
    "1",
    "0",
    "-",
    ".",
    "e",
    "E+308",
    "e309",
    "e-9",
    "99999999999999999999",
    "true",
    "false",
    "null",
    " ",
    "\t",
    "\v",
    "\x7F",
    "\x1F",
    "\"a\":",
    "\"x\":{}",
    "[[[[",
    "\xC3\xA9",
    "\xC0",
    "\xED\xA0\x80",
    "\xF4\x90\x80\x80",
    "\xEF\xBB\xBF",
    "{\"x\":1}",
    ",\"x\":2",
    "1.5",
};

static uint64_t random_state = 0x243F6A8885A308D3u;

/* xorshift64*: the same sequence on every machine. */
static size_t draw(size_t bound)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return (size_t)((random_state * 0x2545F4914F6CDD1Du) >> 33) % bound;
}

typedef struct input {
    char text[1024];
    size_t len;
} input;

static void insert(input *it, size_t at, const char *bytes, size_t count)
{
    if (it->len + count > sizeof it->text)
        return;
    memmove(it->text + at + count, it->text + at, it->len - at);
    memmove(it->text + at, bytes, count);
    it->len += count;
}

static void erase(input *it, size_t at, size_t count)
{
    if (count > it->len - at)
        count = it->len - at;
    memmove(it->text + at, it->text + at + count, it->len - at - count);
    it->len -= count;
}

static void mutate(input *it)
{
    size_t at = draw(it->len + 1);
    const char *piece = pieces[draw(ASSAY_COUNT_OF(pieces))];
    char copy[64];
    size_t count = 0;
    switch (draw(6)) {
    case 0:
        insert(it, at, piece, strlen(piece));
        break;
    case 1:
        erase(it, at, 1 + draw(4));
        break;
    case 2:
        if (at < it->len)
            it->text[at] = (char)(it->text[at] ^ (1 << draw(8)));
        break;
    case 3:
        if (at < it->len)
            it->text[at] = (char)draw(256);
        break;
    case 4:
        erase(it, at, strlen(piece));
        insert(it, at, piece, strlen(piece));
        break;
    default:
        count = draw(sizeof copy);
        count = count > it->len - at ? it->len - at : count;
        memcpy(copy, it->text + at, count);
        insert(it, draw(it->len + 1), copy, count);
        break;
    }
}

static void seeds_agree(void **state)
{
    (void)state;
    for (size_t i = 0; i < ASSAY_COUNT_OF(seeds); i++)
        assert_int_equal(LLVMFuzzerTestOneInput((const uint8_t *)seeds[i], strlen(seeds[i])), 0);
}

/* Every prefix of a text, and every text with one byte replaced by each value. */
static void every_single_byte_agrees(void **state)
{
    (void)state;
    int step = (int)pace_stride(37);
    for (size_t i = 0; i < ASSAY_COUNT_OF(seeds); i++) {
        input it = {.len = strlen(seeds[i])};
        memcpy(it.text, seeds[i], it.len);
        for (size_t at = 0; at < it.len; at++) {
            assert_int_equal(LLVMFuzzerTestOneInput((const uint8_t *)it.text, at), 0);
            char kept = it.text[at];
            for (int byte = 0; byte < 256; byte += step) {
                it.text[at] = (char)byte;
                assert_int_equal(LLVMFuzzerTestOneInput((const uint8_t *)it.text, it.len), 0);
            }
            it.text[at] = kept;
        }
    }
}

static void mutations_agree(void **state)
{
    (void)state;
    size_t rounds = pace_rounds(ROUNDS);
    for (size_t round = 0; round < rounds; round++) {
        const char *seed = seeds[draw(ASSAY_COUNT_OF(seeds))];
        input it = {.len = strlen(seed)};
        memcpy(it.text, seed, it.len);
        for (size_t left = 1 + draw(3); left > 0; left--)
            mutate(&it);
        assert_int_equal(LLVMFuzzerTestOneInput((const uint8_t *)it.text, it.len), 0);
    }
    print_message("json differential: %d mutations\n", (int)rounds);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seeds_agree),
        cmocka_unit_test(every_single_byte_agrees),
        cmocka_unit_test(mutations_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
