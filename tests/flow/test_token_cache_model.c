/* SPDX-License-Identifier: MIT */
/* The fuzz target of the token cache on inputs made here: the same in each run, and enough of them that each kind of move meets each other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
uint64_t fuzz_cache_hits(void);

enum { RUNS = 500, MOVES = 200 };

static uint64_t random_state = 1;

static uint8_t draw(void)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint8_t)(random_state >> 56);
}

/* In half of the runs most moves are validations of few tokens, so that many are hits when something changes. */
static void with_and_without_a_cache_all_answers_are_the_same(void **state)
{
    (void)state;
    for (size_t run = 0; run < RUNS; run++) {
        uint8_t input[MOVES];
        for (size_t i = 0; i < MOVES; i++) {
            input[i] = draw();
            if (run % 2 == 0 && i > 0 && i % 4 != 0)
                input[i] = (uint8_t)((input[i] & 0x30) | 8);
        }
        (void)LLVMFuzzerTestOneInput(input, sizeof input);
    }
    print_message("%d moves, %d hits\n", RUNS * MOVES, (int)fuzz_cache_hits());
    assert_true(fuzz_cache_hits() > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(with_and_without_a_cache_all_answers_are_the_same)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
