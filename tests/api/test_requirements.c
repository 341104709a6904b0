/* SPDX-License-Identifier: MIT */
/* assay_issuer_require_claim(), _text() and _contains(): by JSON Pointer, nested, in arrays, with escapes. */
#include "support/trial.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the two above first. */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

enum { CLAIM, TEXT, CONTAINS };

typedef struct row {
    int kind;
    const char *pointer, *text, *member; /* member of the token, with its comma */
    int code;
} row;

static void one_requirement(void **state)
{
    (void)state;
    static const row rows[] = {
        {CLAIM, "/a", NULL, ",\"a\":1", ASSAY_OK},
        {CLAIM, "/a", NULL, ",\"a\":false", ASSAY_OK},
        {CLAIM, "/a", NULL, ",\"a\":\"\"", ASSAY_OK},
        {CLAIM, "/a", NULL, ",\"a\":[]", ASSAY_OK},
        {CLAIM, "/a", NULL, ",\"a\":null", ASSAY_E_CLAIM_MISSING},
        {CLAIM, "/a", NULL, "", ASSAY_E_CLAIM_MISSING},
        {CLAIM, "/a", NULL, ",\"A\":1", ASSAY_E_CLAIM_MISSING},
        {CLAIM, "/a", NULL, ",\"x\":{\"a\":1}", ASSAY_E_CLAIM_MISSING},
        {CLAIM, "/a", NULL, ",\"\\u0061\":1", ASSAY_OK},
        {CLAIM, "/a/b", NULL, ",\"a\":{\"b\":1}", ASSAY_OK},
        {CLAIM, "/a/b", NULL, ",\"a\":{\"b\":null}", ASSAY_E_CLAIM_MISSING},
        {CLAIM, "/a/b", NULL, ",\"a/b\":1", ASSAY_E_CLAIM_MISSING},
        {CLAIM, "/a~1b", NULL, ",\"a/b\":1", ASSAY_OK},
        {CLAIM, "/a~0b", NULL, ",\"a~b\":1", ASSAY_OK},
        {CLAIM, "/a~01b", NULL, ",\"a~1b\":1", ASSAY_OK},
        {CLAIM, "/a/1", NULL, ",\"a\":[0,1]", ASSAY_OK},
        {CLAIM, "/a/1", NULL, ",\"a\":[0]", ASSAY_E_CLAIM_MISSING},
        {CLAIM, "/a/1", NULL, ",\"a\":{\"1\":0}", ASSAY_OK},
        {CLAIM, "/a/b", NULL, ",\"a\":\"text\"", ASSAY_E_CLAIM_MISSING},
        {CLAIM, "/kubernetes.io/pod/name", NULL, ",\"kubernetes.io\":{\"pod\":{\"name\":\"p\"}}", ASSAY_OK},
        {TEXT, "/a", "x", ",\"a\":\"x\"", ASSAY_OK},
        {TEXT, "/a", "x", ",\"a\":\"\\u0078\"", ASSAY_OK},
        {TEXT, "/a", "x", ",\"a\":\"X\"", ASSAY_E_CLAIM_VALUE},
        {TEXT, "/a", "x", ",\"a\":\"xx\"", ASSAY_E_CLAIM_VALUE},
        {TEXT, "/a", "x", ",\"a\":\"x \"", ASSAY_E_CLAIM_VALUE},
        {TEXT, "/a", "x", ",\"a\":\"\"", ASSAY_E_CLAIM_VALUE},
        {TEXT, "/a", "x", ",\"a\":[\"x\"]", ASSAY_E_CLAIM_VALUE},
        {TEXT, "/a", "1", ",\"a\":1", ASSAY_E_CLAIM_VALUE},
        {TEXT, "/a", "true", ",\"a\":true", ASSAY_E_CLAIM_VALUE},
        {TEXT, "/a", "null", ",\"a\":null", ASSAY_E_CLAIM_MISSING},
        {TEXT, "/a", "x", "", ASSAY_E_CLAIM_MISSING},
        {TEXT, "/a/0", "x", ",\"a\":[\"x\"]", ASSAY_OK},
        {TEXT, "/a/b/c", "x", ",\"a\":{\"b\":{\"c\":\"x\"}}", ASSAY_OK},
        {TEXT, "/a", "\xc3\xa9", ",\"a\":\"\\u00e9\"", ASSAY_OK},
        {TEXT, "/a", "\xc3\xa9", ",\"a\":\"e\\u0301\"", ASSAY_E_CLAIM_VALUE},
        {TEXT, "/a", "a\"b\\c", ",\"a\":\"a\\\"b\\\\c\"", ASSAY_OK},
        {CONTAINS, "/g", "x", ",\"g\":[\"x\"]", ASSAY_OK},
        {CONTAINS, "/g", "x", ",\"g\":[\"a\",\"x\",\"b\"]", ASSAY_OK},
        {CONTAINS, "/g", "x", ",\"g\":\"x\"", ASSAY_OK},
        {CONTAINS, "/g", "x", ",\"g\":\"a x b\"", ASSAY_E_CLAIM_VALUE},
        {CONTAINS, "/g", "x", ",\"g\":[]", ASSAY_E_CLAIM_VALUE},
        {CONTAINS, "/g", "x", ",\"g\":[\"X\"]", ASSAY_E_CLAIM_VALUE},
        {CONTAINS, "/g", "x", ",\"g\":[\"xx\"]", ASSAY_E_CLAIM_VALUE},
        {CONTAINS, "/g", "x", ",\"g\":[[\"x\"]]", ASSAY_E_CLAIM_VALUE},
        {CONTAINS, "/g", "x", ",\"g\":{\"x\":1}", ASSAY_E_CLAIM_VALUE},
        {CONTAINS, "/g", "1", ",\"g\":[1]", ASSAY_E_CLAIM_VALUE},
        {CONTAINS, "/g", "x", ",\"g\":null", ASSAY_E_CLAIM_MISSING},
        {CONTAINS, "/g", "x", "", ASSAY_E_CLAIM_MISSING},
        {CONTAINS, "/g", "a,b", ",\"g\":[\"a\",\"b\"]", ASSAY_E_CLAIM_VALUE},
        {CONTAINS, "/g", "b\"", ",\"g\":[\"a\\\"\",\"b\\\"\"]", ASSAY_OK},
        {CONTAINS, "/r/c/roles", "x", ",\"r\":{\"c\":{\"roles\":[\"y\",\"\\u0078\"]}}", ASSAY_OK},
        {CONTAINS, "/g", "x", ",\"g\":[\"],[\\\"x\\\"\"]", ASSAY_E_CLAIM_VALUE},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        trial t;
        trial_open(&t, "ES256");
        must_ok(rows[i].kind == CLAIM  ? assay_issuer_require_claim(t.issuer, rows[i].pointer, NULL)
                : rows[i].kind == TEXT ? assay_issuer_require_text(t.issuer, rows[i].pointer, rows[i].text, NULL)
                                       : assay_issuer_require_contains(t.issuer, rows[i].pointer, rows[i].text, NULL));
        char *payload = trial_format(TRIAL_CLAIMS("%s"), rows[i].member);
        if (rows[i].code == ASSAY_OK)
            trial_accept_payload(&t, payload);
        else
            trial_refuse_payload(&t, payload, rows[i].code);
        free(payload);
        trial_close(&t);
    }
}

/* Any one text for _text(), all of them for _contains(), and every requirement at once. */
static void several_requirements(void **state)
{
    (void)state;
    trial t;
    trial_open(&t, "ES256");
    must_ok(assay_issuer_require_text(t.issuer, "/tid", "one", NULL));
    must_ok(assay_issuer_require_text(t.issuer, "/tid", "two", NULL));
    must_ok(assay_issuer_require_contains(t.issuer, "/g", "x", NULL));
    must_ok(assay_issuer_require_contains(t.issuer, "/g", "y", NULL));
    must_ok(assay_issuer_require_claim(t.issuer, "/tid", NULL));
    trial_accept_payload(&t, TRIAL_CLAIMS(",\"tid\":\"one\",\"g\":[\"y\",\"x\"]"));
    trial_accept_payload(&t, TRIAL_CLAIMS(",\"tid\":\"two\",\"g\":[\"x\",\"z\",\"y\"]"));
    trial_refuse_payload(&t, TRIAL_CLAIMS(",\"tid\":\"three\",\"g\":[\"x\",\"y\"]"), ASSAY_E_CLAIM_VALUE);
    trial_refuse_payload(&t, TRIAL_CLAIMS(",\"tid\":\"one\",\"g\":[\"x\"]"), ASSAY_E_CLAIM_VALUE);
    trial_refuse_payload(&t, TRIAL_CLAIMS(",\"tid\":\"one\",\"g\":\"x\""), ASSAY_E_CLAIM_VALUE);
    trial_refuse_payload(&t, TRIAL_CLAIMS(",\"g\":[\"x\",\"y\"]"), ASSAY_E_CLAIM_MISSING);
    trial_refuse_payload(&t, TRIAL_CLAIMS(",\"tid\":\"one\""), ASSAY_E_CLAIM_MISSING);
    trial_close(&t);
}

/* The error names the pointer, and not the value: it may be personal. */
static void error_names_the_pointer(void **state)
{
    (void)state;
    trial t;
    trial_open(&t, "ES256");
    must_ok(assay_issuer_require_text(t.issuer, "/a/\xc3\xa9", "demanded", NULL));
    assay_error *error = trial_error(&t, trial_sign(&t, TRIAL_CLAIMS(",\"a\":{\"\xc3\xa9\":\"personal\"}")));
    assert_int_equal(assay_error_code(error), ASSAY_E_CLAIM_VALUE);
    assert_true(trial_error_holds(error, "/a/\\xc3\\xa9"));
    assert_false(trial_error_holds(error, "personal"));
    assay_error_free(error);
    trial_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_requirement),
        cmocka_unit_test(several_requirements),
        cmocka_unit_test(error_names_the_pointer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
