/* SPDX-License-Identifier: MIT */
/*
 * Every allocation of asking for a token and of reading the answer fails in turn (case 97): the outcome is right, or it is ASSAY_E_MEMORY and nothing is half-made.
 */
#include "acquire/token_file.h"
#include "acquire/token_request.h"
#include "acquire/token_response.h"
#include "fault/failing_memory.h"

#include <string.h>

#define TOKEN "eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOlsieCIsInkiXSwiZXhwIjoxNzAwMDAwMDAwLjV9.c2ln"

static char path[] = "/tmp/assay-token-XXXXXX";

static void must(bool condition)
{
    if (!condition)
        abort();
}

static int normalise(void)
{
    char *scope = NULL;
    assay_failure failure;
    int code = assay_scope_normalise("sql", NULL, &scope, &failure);
    must((code == ASSAY_OK) == (scope != NULL) && (code == ASSAY_OK || code == ASSAY_E_MEMORY));
    char *resource = scope == NULL ? NULL : assay_scope_resource(scope);
    must(resource == NULL || strcmp(resource, "https://database.windows.net/") == 0);
    code = code == ASSAY_OK && resource == NULL ? ASSAY_E_MEMORY : code;
    assay_release(resource);
    assay_release(scope);
    return code;
}

static int make_request(void)
{
    static const char challenge[] = "Bearer error=\"insufficient_claims\", claims=\"eyJhIjpbMSwyLjUsInRleHQiXX0=\"";
    assay_token_request *request = NULL, *copy = NULL;
    assay_secret claims = {NULL, 0, 0, false};
    int code = assay_token_request_make("scope", &request, NULL);
    if (code == ASSAY_OK)
        code = assay_token_request_take_challenge(request, challenge, NULL);
    if (code == ASSAY_OK) {
        must(strcmp(request->claims, "{\"a\":[1,2.5,\"text\"]}") == 0);
        request->continuous = true;
        code = assay_token_request_copy(request, &copy);
        must((code == ASSAY_OK) == (copy != NULL));
    }
    if (code == ASSAY_OK && !assay_token_request_claims(copy, &claims))
        code = ASSAY_E_MEMORY;
    must(code == ASSAY_OK || code == ASSAY_E_MEMORY);
    must(code != ASSAY_OK ||
         strcmp(claims.text, "{\"a\":[1,2.5,\"text\"],\"access_token\":{\"xms_cc\":{\"values\":[\"cp1\"]}}}") == 0);
    assay_secret_clear(&claims);
    assay_token_request_drop(copy);
    assay_token_request_drop(request);
    return code;
}

/* @p wanted comes of it, or ASSAY_E_MEMORY. */
static int read_answer(assay_answer_form form, int status, const char *body, int wanted)
{
    assay_http_response response;
    assay_token_answer answer = {.token = {NULL, 0, 0, false}};
    assay_failure failure;
    assay_failure_detail detail = {.row = 0};
    assay_http_response_init(&response);
    response.status = status;
    int code = ASSAY_E_MEMORY;
    if (assay_http_response_add_body(&response, body, strlen(body)))
        code = assay_token_response_read(form, &response, 1700000000, &answer, &failure, &detail);
    must(code == wanted || code == ASSAY_E_MEMORY);
    must((code == ASSAY_OK) == (answer.token.text != NULL));
    must(code == ASSAY_OK || (answer.scope == NULL && answer.client_id == NULL));
    assay_token_answer_clear(&answer);
    assay_http_response_clear(&response);
    return code == wanted ? ASSAY_OK : code;
}

static int read_good_answer(void)
{
    return read_answer(ASSAY_ANSWER_AGENT, 200,
                       "{\"access_token\":\"" TOKEN "\",\"scope\":\"a\",\"expires_in\":3599.5,\"client_id\":\"c\","
                       "\"mi_res_id\":\"r\"}",
                       ASSAY_OK);
}

static int read_bad_answer(void)
{
    return read_answer(ASSAY_ANSWER_ENDPOINT, 400,
                       "{\"error\":\"interaction_required\",\"error_codes\":[50076],\"claims\":\"{\\\"a\\\":1}\"}",
                       ASSAY_E_INTERACTION_REQUIRED);
}

static int read_file(void)
{
    assay_secret token = {NULL, 0, 0, false};
    assay_failure failure;
    assay_failure_detail detail;
    int code = assay_token_file_read(path, "token", &token, &failure, &detail);
    must(code == ASSAY_OK || code == ASSAY_E_MEMORY);
    must((code == ASSAY_OK) == (token.text != NULL));
    if (code == ASSAY_OK) {
        /* A look into it says less where memory is short, never something else. */
        assay_peek peek;
        assay_peek_read(token.text, token.len, &peek);
        must(!peek.readable || (peek.expiry == 1700000000 && peek.audience_count == 2));
        code = peek.readable && assay_peek_has_audience(token.text, token.len, "y") ? ASSAY_OK : ASSAY_E_MEMORY;
    }
    assay_secret_clear(&token);
    return code;
}

static void test_case_97_every_allocation_of_a_scope(void **state)
{
    (void)state;
    sweep("a scope", normalise, 1);
}

static void test_case_97_every_allocation_of_a_request(void **state)
{
    (void)state;
    sweep("a request for a token", make_request, 1);
}

static void test_case_97_every_allocation_of_an_answer(void **state)
{
    (void)state;
    sweep("an answer with a token", read_good_answer, 1);
    sweep("an answer without one", read_bad_answer, 1);
}

static void test_case_97_every_allocation_of_a_token_file(void **state)
{
    (void)state;
    static const char text[] = "{\"token\":\"" TOKEN "\"}\n";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, sizeof text - 1), sizeof text - 1);
    assert_int_equal(close(fd), 0);
    sweep("a token file", read_file, 1);
    assert_int_equal(unlink(path), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_case_97_every_allocation_of_a_scope),
        cmocka_unit_test(test_case_97_every_allocation_of_a_request),
        cmocka_unit_test(test_case_97_every_allocation_of_an_answer),
        cmocka_unit_test(test_case_97_every_allocation_of_a_token_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
