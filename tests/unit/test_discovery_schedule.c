/* SPDX-License-Identifier: MIT */
#include "base/limits.h"
#include "discovery/schedule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const int64_t max_ages[] = {INT64_MIN, -2, -1, 0, 1, 299, 300, 301, 3599, 3600, 3601, 86400, INT64_MAX};
static const uint64_t randoms[] = {0, 1, 359999, 360000, 360001, UINT64_MAX, UINT64_C(1) << 63};
enum { MAX_AGES = sizeof max_ages / sizeof max_ages[0], RANDOMS = sizeof randoms / sizeof randoms[0] };

static void test_refresh_stays_in_range(void **state)
{
    (void)state;
    for (size_t i = 0; i < MAX_AGES; i++)
        for (size_t j = 0; j < RANDOMS; j++) {
            int64_t after = assay_schedule_refresh(max_ages[i], randoms[j]);
            assert_in_range(after, ASSAY_LIMIT_REFRESH_MIN * 1000, ASSAY_LIMIT_REFRESH_MAX * 1000);
        }
    assert_int_equal(assay_schedule_refresh(-1, 0), 3600000);
    assert_int_equal(assay_schedule_refresh(-1, 360000), 3240000); /* 10 % less, and no more */
    assert_int_equal(assay_schedule_refresh(-1, 360001), 3600000);
    assert_int_equal(assay_schedule_refresh(320, 32000), 300000); /* the floor counts after the jitter */
}

static void test_metadata_stays_in_range(void **state)
{
    (void)state;
    for (size_t i = 0; i < MAX_AGES; i++)
        assert_in_range(assay_schedule_metadata(max_ages[i]), 3600000, ASSAY_LIMIT_METADATA_MAX * 1000);
    assert_int_equal(assay_schedule_metadata(-1), 86400000);
    assert_int_equal(assay_schedule_metadata(0), 3600000);
}

static void test_back_off_stays_in_range(void **state)
{
    (void)state;
    static const uint32_t failures[] = {0, 1, 2, 6, 7, 8, 16, 17, 18, 31, 32, 33, 64, UINT32_MAX};
    for (size_t f = 0; f < sizeof failures / sizeof failures[0]; f++) {
        for (size_t i = 0; i < MAX_AGES; i++)
            for (size_t j = 0; j < RANDOMS; j++)
                assert_in_range(assay_schedule_backoff(failures[f], max_ages[i], randoms[j]), 2500, 300000);
        assert_in_range(assay_schedule_unknown_kid(failures[f]), 30000, 300000);
    }
    assert_int_equal(assay_schedule_backoff(1, -1, 0), 5000);
    assert_int_equal(assay_schedule_backoff(7, -1, 0), 300000);
    assert_int_equal(assay_schedule_backoff(UINT32_MAX, -1, 0), 300000);
    assert_int_equal(assay_schedule_backoff(1, 100, 0), 100000);
    assert_int_equal(assay_schedule_backoff(1, INT64_MAX, 0), 300000);
    assert_int_equal(assay_schedule_unknown_kid(0), 30000);
    assert_int_equal(assay_schedule_unknown_kid(4), 300000);
}

static void test_add_saturates(void **state)
{
    (void)state;
    assert_true(assay_schedule_add(1, 2) == 3);
    assert_true(assay_schedule_add(INT64_MAX, -5) == INT64_MAX);
    assert_true(assay_schedule_add(INT64_MIN, 5) == INT64_MIN);
    assert_true(assay_schedule_add(INT64_MAX - 1, 5) == INT64_MAX);
    assert_true(assay_schedule_add(INT64_MIN + 1, -5) == INT64_MIN);
    assert_true(assay_schedule_add(5, INT64_MAX) == INT64_MAX);
    assert_true(assay_schedule_add(-5, INT64_MIN) == INT64_MIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refresh_stays_in_range),
        cmocka_unit_test(test_metadata_stays_in_range),
        cmocka_unit_test(test_back_off_stays_in_range),
        cmocka_unit_test(test_add_saturates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
