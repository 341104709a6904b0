/* SPDX-License-Identifier: MIT */
/* The table of diagnoses: complete, in order, fit to print; and what error numbers of Entra fall under (case 92). */
#include "acquire/diagnosis.h"
#include "base/memory.h"
#include "support/entra_numbers.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the two above first. */
#include <cmocka.h>
#include <ctype.h>
#include <stdio.h>

static void test_case_92_rows_are_complete(void **state)
{
    (void)state;
    static const char *const layers[] = {"environment", "token-file",       "network",  "exchange",
                                         "token-proxy", "managed-identity", "resource", "ci"};
    assert_int_equal(assay_diagnosis_rows(), 68);
    assert_int_equal(assay_diagnosis_count(), 68);
    for (size_t i = 0; i < assay_diagnosis_rows(); i++) {
        const assay_diagnosis_row *row = assay_diagnosis_at(i);
        assert_int_equal(row->number, i + 1);
        assert_ptr_equal(assay_diagnosis_find(row->number), row);
        bool known = false;
        for (size_t j = 0; j < ASSAY_COUNT_OF(layers); j++)
            known = known || strcmp(row->layer, layers[j]) == 0;
        assert_true(known);
        assert_true(strlen(row->id) >= 4 && strlen(row->id) < 40);
        for (const char *at = row->id; *at != '\0'; at++)
            assert_true(islower((unsigned char)*at) || *at == '-');
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(row->id, assay_diagnosis_at(j)->id);
        assert_true(strlen(row->symptom) > 5 && strlen(row->cause) > 20 && strlen(row->fix) > 20);
        assert_true(assay_text_is_utf8(row->fix, strlen(row->fix)));
        assert_null(strchr(row->fix, '\n'));
        /* Commands stand between two backquotes. */
        size_t quotes = 0;
        for (const char *at = row->fix; *at != '\0'; at++)
            quotes += *at == '`';
        assert_int_equal(quotes % 2, 0);
    }
    assert_null(assay_diagnosis_at(68));
    assert_null(assay_diagnosis_find(0));
    assert_null(assay_diagnosis_find(-1));
    assert_null(assay_diagnosis_find(69));
}

static void test_case_92_every_number_has_its_row(void **state)
{
    (void)state;
    for (size_t i = 0; i < ASSAY_COUNT_OF(entra_numbers); i++) {
        assert_int_equal(assay_diagnosis_of_entra(entra_numbers[i].number), entra_numbers[i].row);
        /* The row names the number, so that both are found by it. */
        char text[24];
        (void)snprintf(text, sizeof text, "AADSTS%lld", (long long)entra_numbers[i].number);
        assert_non_null(strstr(assay_diagnosis_find(entra_numbers[i].row)->symptom, text));
        assert_int_equal(assay_diagnosis_entra_number(text), entra_numbers[i].number);
    }
    static const int64_t none[] = {0, -1, 7002, 700, 999999, 7000250, 70021000};
    for (size_t i = 0; i < ASSAY_COUNT_OF(none); i++)
        assert_int_equal(assay_diagnosis_of_entra(none[i]), 0);
    static const char *const no_number[] = {"", "AADSTS", "AADSTS12x", "invalid_client", "AADSTS1234567890", "70021"};
    for (size_t i = 0; i < ASSAY_COUNT_OF(no_number); i++)
        assert_int_equal(assay_diagnosis_entra_number(no_number[i]), 0);
}

static void numbers_to_try_again(void **state)
{
    (void)state;
    static const int64_t transient[] = {50033, 90033, 90024, 90006, 90090};
    static const int64_t propagation[] = {70021, 700211, 700212, 700213, 70025, 700016};
    for (size_t i = 0; i < ASSAY_COUNT_OF(transient); i++) {
        assert_true(assay_diagnosis_is_transient(transient[i]));
        assert_false(assay_diagnosis_may_be_propagation(transient[i]));
    }
    for (size_t i = 0; i < ASSAY_COUNT_OF(propagation); i++) {
        assert_true(assay_diagnosis_may_be_propagation(propagation[i]));
        assert_false(assay_diagnosis_is_transient(propagation[i]));
    }
    assert_false(assay_diagnosis_is_transient(0));
    assert_false(assay_diagnosis_may_be_propagation(0));
    assert_false(assay_diagnosis_may_be_propagation(700024));
}

static void a_row_explains_a_failure(void **state)
{
    (void)state;
    assay_failure failure;
    assay_failure_detail detail = {.row = 0};
    (void)assay_fail_note(&failure, ASSAY_E_GRANT, "note");
    assay_diagnosis_apply(0, &failure, &detail);
    assert_true(failure.hint == NULL && failure.detail == NULL && detail.row == 0);
    assay_diagnosis_apply(8, &failure, &detail);
    assert_string_equal(failure.hint, assay_diagnosis_fix(8));
    assert_string_equal(failure.check, "exchange");
    assert_string_equal(failure.note, "note");
    assay_error *error = assay_error_make(ASSAY_E_GRANT, &failure);
    assert_int_equal(assay_error_diagnosis(error), 8);
    assert_string_equal(assay_error_hint(error), assay_diagnosis_fix(8));
    assay_error_free(error);
    assay_diagnosis_apply(9, NULL, &detail);
    assert_int_equal(detail.row, 9);
    assay_diagnosis_apply(10, &failure, NULL);
    assert_string_equal(failure.hint, assay_diagnosis_fix(10));
}

static void public_functions(void **state)
{
    (void)state;
    assert_int_equal(assay_diagnosis_number(0), 1);
    assert_int_equal(assay_diagnosis_number(67), 68);
    assert_int_equal(assay_diagnosis_number(68), 0);
    for (int row = 1; row <= 68; row++) {
        assert_ptr_equal(assay_diagnosis_name(row), assay_diagnosis_find(row)->id);
        assert_ptr_equal(assay_diagnosis_layer(row), assay_diagnosis_find(row)->layer);
        assert_ptr_equal(assay_diagnosis_symptom(row), assay_diagnosis_find(row)->symptom);
        assert_ptr_equal(assay_diagnosis_cause(row), assay_diagnosis_find(row)->cause);
        assert_ptr_equal(assay_diagnosis_fix(row), assay_diagnosis_find(row)->fix);
    }
    static const char *(*const getters[])(int) = {assay_diagnosis_name, assay_diagnosis_layer, assay_diagnosis_symptom,
                                                  assay_diagnosis_cause, assay_diagnosis_fix};
    for (size_t i = 0; i < ASSAY_COUNT_OF(getters); i++) {
        assert_string_equal(getters[i](0), "");
        assert_string_equal(getters[i](69), "");
        assert_string_equal(getters[i](-5), "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_case_92_rows_are_complete),
        cmocka_unit_test(test_case_92_every_number_has_its_row),
        cmocka_unit_test(numbers_to_try_again),
        cmocka_unit_test(a_row_explains_a_failure),
        cmocka_unit_test(public_functions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
