/* SPDX-License-Identifier: MIT */
/*
 * Case 50: after the last reference is gone no block that was given back holds the token, the secret, an assertion or the body of a request. The answers come from here
 * and not from a socket: the buffers of curl, of the kernel and of a host's own HTTP client are out of the library's reach.
 */
#include "fault/watched_memory.h"
#include "support/mapping.h"

#include <assay/assay.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define TENANT "aaaabbbb-0000-cccc-1111-dddd2222eeee"
#define CLIENT "00001111-aaaa-2222-bbbb-3333cccc4444"
#define HEAD "eyJhbGciOiJSUzI1NiJ9.eyJleHAiOjQwMDAwMDAwMDB9."
/* Letters, digits, "-" and "_" alone: these stand in a form as they are. */
#define SECRET "0123456789-nobody-else-has-this-secret"
#define ASSERTION HEAD "this-is-the-signature-of-an-assertion-9876543210"
#define TOKEN HEAD "and-this-is-that-of-a-token-abcdefghijkl"
#define SIGNATURE(jwt) ((jwt) + sizeof HEAD - 1), (sizeof(jwt) - sizeof HEAD)

static char file[] = "/tmp/assay-wiped-XXXXXX";

static void must(int code)
{
    assert_int_equal(code, ASSAY_OK);
}

static assay_credential *make(const char *kind)
{
    assay_credential *credential = NULL;
    must(assay_credential_new(NULL, kind, &credential, NULL));
    must(assay_credential_set_tenant(credential, TENANT, NULL));
    must(assay_credential_set_client_id(credential, CLIENT, NULL));
    must(assay_credential_set_token_endpoint(credential, "https://127.0.0.1:1/token", NULL));
    return credential;
}

/* Get a token by steps with these answers in turn; the code. The last reference to all goes. */
static int run(assay_credential *credential, const char *user, const char *const *bodies, size_t count, int status)
{
    assay_token_request *request = NULL;
    assay_access_token *token = NULL;
    assay_error *error = NULL;
    assay_op *op = NULL;
    must(assay_token_request_new("https://vault.azure.net/.default", &request, NULL));
    if (user != NULL)
        must(assay_token_request_set_user_assertion(request, user, strlen(user), NULL));
    must(assay_op_new_acquire(credential, request, 600, &op, NULL));
    assay_token_request_free(request);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(assay_op_step(op), ASSAY_WANT_FETCH);
        must(assay_op_fetched(op, status, assay_op_fetch_url(op), (const uint8_t *)bodies[i], strlen(bodies[i])));
    }
    assert_int_equal(assay_op_step(op), ASSAY_WANT_NOTHING);
    int code = assay_op_token(op, &token, &error);
    assert_int_equal(code == ASSAY_OK, token != NULL);
    if (error != NULL) {
        assert_null(strstr(assay_error_message(error), "nobody-else"));
        assert_null(strstr(assay_error_message(error), "signature-of"));
    }
    assay_op_free(op);
    assay_credential_unref(credential);
    assay_error_free(error);
    assay_access_token_unref(token); /* it outlives its credential */
    return code;
}

static const char *const good[] = {"{\"access_token\":\"" TOKEN "\",\"token_type\":\"Bearer\",\"expires_in\":3600,"
                                   "\"issued_token_type\":\"t\"}"};
/* What a server may repeat. */
static const char *const bad[] = {"{\"error\":\"invalid_client\",\"error_description\":\"AADSTS7000215: " SECRET
                                  " is not " ASSERTION "\",\"error_codes\":[7000215]}"};

static void test_case_50_secret_and_token(void **state)
{
    (void)state;
    sees_what_is_left();
    mark(SECRET, sizeof SECRET - 1);
    mark(SIGNATURE(TOKEN));
    watch();
    assay_credential *credential = make("client-secret");
    must(assay_credential_set_secret(credential, SECRET, strlen(SECRET), NULL));
    must(assay_credential_set_secret(credential, SECRET, strlen(SECRET), NULL)); /* replaced */
    assert_int_equal(run(credential, NULL, good, 1, 200), ASSAY_OK);
    unwatch("a secret and its token");
}

static void test_case_50_refused_secret(void **state)
{
    (void)state;
    sees_what_is_left();
    mark(SECRET, sizeof SECRET - 1);
    mark(SIGNATURE(ASSERTION));
    watch();
    assay_credential *credential = make("client-secret");
    must(assay_credential_set_secret(credential, SECRET, strlen(SECRET), NULL));
    assert_int_equal(run(credential, NULL, bad, 1, 401), ASSAY_E_GRANT);
    unwatch("a refused secret");
}

/* Without the needle's text in a buffer of ours. */
static void write_file(void)
{
    int fd = open(file, O_WRONLY | O_TRUNC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, ASSERTION, sizeof ASSERTION - 1), (ssize_t)sizeof ASSERTION - 1);
    assert_int_equal(close(fd), 0);
}

static void test_case_50_assertion_of_a_file(void **state)
{
    static const char *const answers[] = {"{\"error\":\"invalid_client\",\"error_codes\":[700024]}"};
    (void)state;
    sees_what_is_left();
    mark(SIGNATURE(ASSERTION));
    mark(SIGNATURE(TOKEN));
    write_file();
    watch();
    assay_credential *credential = make("workload-identity");
    must(assay_credential_set_token_file(credential, file, NULL));
    assert_int_equal(run(credential, NULL, good, 1, 200), ASSAY_OK);
    credential = make("workload-identity"); /* read again, and found unchanged */
    must(assay_credential_set_token_file(credential, file, NULL));
    assert_int_equal(run(credential, NULL, answers, 1, 401), ASSAY_E_GRANT);
    unwatch("an assertion of a file");
}

static void test_case_50_token_of_a_user(void **state)
{
    (void)state;
    sees_what_is_left();
    mark(SIGNATURE(ASSERTION));
    mark(SIGNATURE(TOKEN));
    watch();
    assay_credential *credential = make("client-secret");
    must(assay_credential_set_secret(credential, "x", 1, NULL));
    assert_int_equal(run(credential, ASSERTION, good, 1, 200), ASSAY_OK);
    unwatch("a user's token");
}

static int give(void *user_data, char *assertion, size_t size, size_t *len)
{
    (void)user_data;
    assert_true(size >= sizeof ASSERTION);
    assert_int_not_equal(mapping_has_flag(assertion, " dd "), 0); /* left out of core files, from its first byte on */
    *len = sizeof ASSERTION - 1;
    memcpy(assertion, ASSERTION, *len);
    return 0;
}

/* What the host writes to is wiped by the library. */
static void test_case_50_assertion_of_the_host(void **state)
{
    (void)state;
    sees_what_is_left();
    mark(SIGNATURE(ASSERTION));
    mark(SIGNATURE(TOKEN));
    watch();
    assay_credential *credential = make("client-assertion");
    must(assay_credential_set_assertion_function(credential, give, NULL, NULL, NULL));
    assert_int_equal(run(credential, NULL, good, 1, 200), ASSAY_OK);
    unwatch("an assertion of the host");
}

/* Subject, actor and what the first hop gave, and the secret in the header in another alphabet. */
static void test_case_50_exchanges(void **state)
{
    static const char *const hops[] = {"{\"access_token\":\"" TOKEN
                                       "\",\"token_type\":\"Bearer\",\"issued_token_type\":"
                                       "\"t\"}",
                                       "{\"accessToken\":\"" TOKEN "\",\"expireTime\":\"2999-10-02T15:01:23Z\"}"};
    (void)state;
    sees_what_is_left();
    mark(SIGNATURE(ASSERTION));
    mark(SIGNATURE(TOKEN));
    write_file();
    watch();
    assay_credential *credential = make("token-exchange");
    must(assay_credential_set_token_file(credential, file, NULL));
    must(assay_credential_set_actor(credential, file, "t", NULL));
    must(assay_credential_set_secret(credential, ASSERTION, strlen(ASSERTION), NULL));
    assert_int_equal(run(credential, NULL, good, 1, 200), ASSAY_OK);
    credential = make("google");
    must(assay_credential_set_token_file(credential, file, NULL));
    must(assay_credential_add_audience(credential, "a", NULL));
    must(assay_credential_set_service_account(credential, "a@b.test", NULL));
    assert_int_equal(run(credential, NULL, hops, 2, 200), ASSAY_OK);
    unwatch("exchanges");
}

/* Basic is base64 of it. */
static void test_case_50_secret_in_a_header(void **state)
{
    static const char encoded[] = "MDEyMzQ1Njc4OS1ub2JvZHktZWxzZS1oYXMtdGhpcy1zZWNyZXQ=";
    (void)state;
    sees_what_is_left();
    mark(encoded + 8, sizeof encoded - 16);
    mark(SECRET, sizeof SECRET - 1);
    watch();
    assay_credential *credential = make("client-credentials");
    must(assay_credential_set_client_id(credential, "ab",
                                        NULL)); /* with ":" three bytes: the secret's base64 is its own */
    must(assay_credential_set_secret(credential, SECRET, strlen(SECRET), NULL));
    assert_int_equal(run(credential, NULL, good, 1, 200), ASSAY_OK);
    unwatch("a secret in a header");
}

static void test_case_50_assertion_of_another_credential(void **state)
{
    static const char *const hops[] = {"{\"access_token\":\"" ASSERTION "\",\"token_type\":\"Bearer\",\"expires_on\":"
                                       "\"4000000000\"}",
                                       "{\"access_token\":\"" TOKEN "\",\"token_type\":\"Bearer\",\"expires_in\":9}"};
    (void)state;
    sees_what_is_left();
    mark(SIGNATURE(ASSERTION));
    mark(SIGNATURE(TOKEN));
    watch();
    assay_credential *credential = make("federated"), *source = NULL;
    must(assay_credential_new(NULL, "managed-identity", &source, NULL));
    must(assay_credential_set_source(credential, source, NULL, NULL));
    assay_credential_unref(source);
    assert_int_equal(run(credential, NULL, hops, 2, 200), ASSAY_OK);
    unwatch("an assertion of another credential");
}

static int setup(void **state)
{
    (void)state;
    int fd = mkstemp(file);
    return fd < 0 ? 1 : close(fd);
}

static int teardown(void **state)
{
    (void)state;
    return unlink(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_case_50_secret_and_token, forget),
        cmocka_unit_test_setup(test_case_50_refused_secret, forget),
        cmocka_unit_test_setup(test_case_50_assertion_of_a_file, forget),
        cmocka_unit_test_setup(test_case_50_token_of_a_user, forget),
        cmocka_unit_test_setup(test_case_50_assertion_of_the_host, forget),
        cmocka_unit_test_setup(test_case_50_exchanges, forget),
        cmocka_unit_test_setup(test_case_50_secret_in_a_header, forget),
        cmocka_unit_test_setup(test_case_50_assertion_of_another_credential, forget),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
