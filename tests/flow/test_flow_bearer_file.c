/* SPDX-License-Identifier: MIT */
/* An issuer that serves its documents to those with a token only: who gets the token of the bearer file, when it is read, and what a bad one costs. */
#include "support/canned.h"
#include "support/certificates.h"
#include "support/document_server.h"
#include "support/loop.h"
#include "support/raw_server.h"
#include "support/store_folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define WAIT 10000
#define SECRET "sesame-open-the-gate"

static document_server home, elsewhere;
static canned c; /* its clock, its log, and a runtime; its issuer is not asked unless a test says so */
static assay_issuer *issuer;
static assay_validator *made;
static char path[128];

static void write_token(const char *text)
{
    store_write_path(path, text, strlen(text));
}

/* A log line that holds the token must not be. */
static void no_secret(void *user_data, int level, const char *line, size_t len)
{
    (void)user_data;
    (void)level;
    (void)len;
    assert_null(strstr(line, "sesame"));
}

static int open_all(void **state)
{
    (void)store_folder_open(state);
    snprintf(path, sizeof path, "%s/token", store_folder);
    canned_open(&c);
    must_ok(assay_runtime_set_log(c.runtime, ASSAY_LOG_DEBUG, no_secret, NULL, NULL, NULL));
    document_server_start(&home);
    document_server_start(&elsewhere);
    must_ok(assay_issuer_new(home.url, &issuer, NULL));
    must_ok(assay_issuer_add_audience(issuer, "a", NULL));
    must_ok(assay_issuer_allow_loopback_http(issuer, NULL));
    must_ok(assay_issuer_set_bearer_file(issuer, path, NULL));
    write_token(SECRET "\n");
    return 0;
}

static int close_all(void **state)
{
    assay_validator_unref(made);
    made = NULL;
    assay_issuer_free(issuer);
    document_server_stop(&elsewhere);
    document_server_stop(&home);
    canned_close(&c);
    return store_folder_remove(state);
}

static int refresh(void)
{
    assay_error *error = NULL;
    if (made == NULL)
        must_ok(assay_validator_new(c.runtime, &issuer, 1, &made, NULL));
    int code = assay_validator_refresh(made, NULL, WAIT, &error);
    assert_int_equal(trial_error_holds(error, "sesame"), 0);
    assay_error_free(error);
    return code;
}

/* Whether the last request bore this token; NULL: none at all. */
static void expect_at(document_server *server, const char *token)
{
    char line[200];
    snprintf(line, sizeof line, "\r\nAuthorization: Bearer %s\r\n", token == NULL ? "" : token);
    (void)pthread_mutex_lock(&server->lock);
    bool as_wanted = token == NULL ? strstr(server->last, "Authorization") == NULL : strstr(server->last, line) != NULL;
    bool asked = server->last[0] != '\0';
    (void)pthread_mutex_unlock(&server->lock);
    if (!asked || !as_wanted)
        fail_msg("%s was asked: %s", server->url, server->last);
}

static void keys_lie_elsewhere(void)
{
    document_server_metadata(&home,
                             trial_format("{\"issuer\":\"%s\",\"jwks_uri\":\"%s/keys\"}", home.url, elsewhere.url));
}

static void it_goes_with_metadata_and_keys(void **state)
{
    (void)state;
    assert_int_equal(refresh(), ASSAY_OK);
    expect_at(&home, SECRET); /* the keys */
    assert_int_equal(home.keys_requests, 1);
    keys_lie_elsewhere();
    canned_advance(&c, 25 * 3600);
    assert_int_equal(refresh(), ASSAY_OK);
    expect_at(&home, SECRET); /* the metadata */
    assert_int_equal(home.metadata_requests, 2);
}

/* Who can write the metadata can't have the token sent to himself; the keys are fetched without. */
static void it_stays_away_from_other_servers(void **state)
{
    (void)state;
    keys_lie_elsewhere();
    assert_int_equal(refresh(), ASSAY_OK);
    expect_at(&home, SECRET);
    expect_at(&elsewhere, NULL);
    /* Where that one wants a token too, the error says what to do. */
    elsewhere.keys_head = "403 Forbidden";
    assay_error *error = NULL;
    assert_int_equal(assay_validator_refresh(made, NULL, WAIT, &error), ASSAY_E_HTTP_STATUS);
    assert_non_null(strstr(assay_error_hint(error), "jwks hosts"));
    assay_error_free(error);
}

static void it_goes_to_hosts_that_were_named(void **state)
{
    (void)state;
    keys_lie_elsewhere();
    must_ok(assay_issuer_add_jwks_host(issuer, "127.0.0.1", NULL));
    assert_int_equal(refresh(), ASSAY_OK);
    expect_at(&home, SECRET);
    expect_at(&elsewhere, SECRET);
}

static void it_goes_to_a_configured_jwks_uri(void **state)
{
    (void)state;
    char *url = trial_format("%s/keys", elsewhere.url);
    must_ok(assay_issuer_set_jwks_uri(issuer, url, NULL));
    assert_int_equal(refresh(), ASSAY_OK);
    expect_at(&elsewhere, SECRET);
    assert_int_equal(home.metadata_requests, 0);
    free(url);
}

/* As the kubelet does it: a link to a folder is replaced. */
static void it_is_read_for_each_fetch(void **state)
{
    (void)state;
    char one[128], two[128], next[128];
    snprintf(one, sizeof one, "%s/one", store_folder);
    snprintf(two, sizeof two, "%s/two", store_folder);
    snprintf(next, sizeof next, "%s/next", store_folder);
    store_write_path(one, "first", 5);
    store_write_path(two, "second", 6);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("one", path), 0);
    assert_int_equal(refresh(), ASSAY_OK);
    expect_at(&home, "first");
    assert_int_equal(symlink("two", next), 0);
    assert_int_equal(rename(next, path), 0);
    assert_int_equal(refresh(), ASSAY_OK);
    expect_at(&home, "second");
}

static void expect_bad(const char *text)
{
    if (text == NULL)
        (void)unlink(path);
    else
        write_token(text);
    int before = home.keys_requests + home.metadata_requests + home.other_requests;
    assert_int_equal(refresh(), ASSAY_E_BEARER_FILE);
    assert_int_equal(home.keys_requests + home.metadata_requests + home.other_requests, before);
}

static void a_bad_file_is_a_failed_fetch(void **state)
{
    (void)state;
    uint64_t failures = 0;
    char *too_long = trial_repeat("sesame", 16384 / 6 + 1);
    assert_int_equal(refresh(), ASSAY_OK);
    expect_bad(NULL);
    expect_bad("");
    expect_bad("\n");
    expect_bad(SECRET "\nX-More: sesame");
    expect_bad(SECRET " " SECRET);
    expect_bad(too_long);
    free(too_long);
    must_ok(assay_validator_get_stat(made, home.url, ASSAY_STAT_FETCH_FAILURES, &failures));
    assert_true(failures >=
                6); /* each of a document: the metadata are asked for again where the keys could not be had */
    must_ok(assay_validator_ready(made, NULL)); /* the old keys stay */
    write_token("again");
    assert_int_equal(refresh(), ASSAY_OK);
    expect_at(&home, "again");
}

/* Scheduled fetches pause after it, as after any other failure, and the sentence says what to do. */
static void a_bad_file_makes_the_next_fetch_wait(void **state)
{
    (void)state;
    assay_error *error = NULL;
    assert_int_equal(unlink(path), 0);
    must_ok(assay_validator_new(c.runtime, &issuer, 1, &made, NULL));
    assert_int_equal(assay_validator_warm_up(made, WAIT, &error), ASSAY_E_BEARER_FILE);
    assert_int_equal(assay_error_http_status(error), 503);
    assert_true(trial_error_holds(error, "No such file"));
    assay_error_free(error);
    write_token(SECRET);
    error = NULL;
    assert_int_equal(assay_validator_warm_up(made, WAIT, &error), ASSAY_E_KEYS_UNAVAILABLE);
    assert_true(trial_error_holds(error, "No such file"));
    assert_string_equal(assay_error_hint(error), assay_code_hint(ASSAY_E_BEARER_FILE));
    assert_true(assay_error_retry_after(error) > 0);
    assay_error_free(error);
    assert_int_equal(home.metadata_requests, 0);
    canned_advance(&c, 10);
    must_ok(assay_validator_warm_up(made, WAIT, NULL));
    expect_at(&home, SECRET);
}

static int refresh_in(loop *in)
{
    assay_op *op = NULL;
    must_ok(assay_op_new_refresh(made, home.url, WAIT, &op, NULL));
    loop_add(in, op);
    op = loop_next(in, WAIT);
    assert_non_null(op);
    return loop_result(op);
}

static void a_driver_sends_it(void **state)
{
    (void)state;
    loop turning;
    loop_open(&turning, LOOP_EDGE);
    must_ok(assay_validator_new(c.runtime, &issuer, 1, &made, NULL));
    assert_int_equal(refresh_in(&turning), ASSAY_OK);
    expect_at(&home, SECRET);
    write_token("next");
    assert_int_equal(refresh_in(&turning), ASSAY_OK);
    expect_at(&home, "next");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(refresh_in(&turning), ASSAY_E_BEARER_FILE);
    assert_int_equal(home.keys_requests, 2);
    write_token(SECRET);
    keys_lie_elsewhere();
    assert_int_equal(refresh_in(&turning),
                     ASSAY_OK); /* asks for the metadata too, since the last fetch of keys failed */
    expect_at(&home, SECRET);
    expect_at(&elsewhere, NULL);
    loop_close(&turning);
}

/* With a real certificate, of a CA that only this issuer has. */
static void it_goes_over_tls(void **state)
{
    (void)state;
    mint_key *key = mint_key_new("ES256", "k");
    char *keys = mint_jwks(&key, 1);
    char *answer =
        trial_format("HTTP/1.1 200 OK\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s", strlen(keys), keys);
    raw_server *server = raw_server_start(&(raw_script){
        .head = answer, .certificate = certificates_path("server", "pem"), .key = certificates_path("server", "key")});
    char *url = trial_format("https://localhost:%d/keys", raw_server_port(server));
    assay_issuer_free(issuer);
    must_ok(assay_issuer_new("https://cluster.example", &issuer, NULL));
    must_ok(assay_issuer_add_audience(issuer, "a", NULL));
    must_ok(assay_issuer_set_jwks_uri(issuer, url, NULL));
    must_ok(assay_issuer_set_bearer_file(issuer, path, NULL));
    assert_int_equal(refresh(), ASSAY_E_TLS); /* before anything is sent */
    assert_string_equal(raw_server_request(server), "");
    assay_validator_unref(made);
    made = NULL;
    must_ok(assay_issuer_set_ca_file(issuer, certificates_path("ca", "pem"), NULL));
    assert_int_equal(refresh(), ASSAY_OK);
    assert_non_null(strstr(raw_server_request(server), "\r\nAuthorization: Bearer " SECRET "\r\n"));
    raw_server_stop(server);
    mint_key_free(key);
    free(keys);
    free(answer);
    free(url);
}

/* ---- operations, whose host does the fetching ---- */

static const char *field(const assay_op *op, const char *name)
{
    for (size_t i = 0; i < assay_op_fetch_header_count(op); i++)
        if (strcmp(assay_op_fetch_header_name(op, i), name) == 0)
            return assay_op_fetch_header_value(op, i);
    return NULL;
}

static void start_canned(void)
{
    must_ok(assay_issuer_set_bearer_file(c.issuer, path, NULL));
    canned_start(&c, NULL, NULL);
}

static void an_operation_has_it_as_a_header(void **state)
{
    (void)state;
    start_canned();
    assay_op *op = canned_refresh(&c, CANNED_ISSUER, WAIT);
    canned_step(op, ASSAY_WANT_FETCH);
    assert_string_equal(field(op, "Authorization"), "Bearer " SECRET);
    write_token("next"); /* one step reads it once */
    canned_step(op, ASSAY_WANT_FETCH);
    assert_string_equal(field(op, "Authorization"), "Bearer " SECRET);
    canned_answer(&c, op, &(canned_reply){.headers = {"ETag", "\"m\""}});
    canned_step(op, ASSAY_WANT_FETCH);
    assert_string_equal(field(op, "Authorization"), "Bearer next");
    assert_int_equal(assay_op_fetch_header_count(op), 2);
    canned_answer(&c, op, &(canned_reply){.headers = {"ETag", "\"k\""}});
    canned_step(op, ASSAY_WANT_NOTHING);
    canned_result(op, ASSAY_OK, false);
    assert_null(field(op, "Authorization"));
    assay_op_free(op);
    /* Beside the tag, and in no field that is not there. */
    op = canned_refresh(&c, CANNED_ISSUER, WAIT);
    canned_step(op, ASSAY_WANT_FETCH);
    assert_int_equal(assay_op_fetch_header_count(op), 3);
    assert_string_equal(field(op, "If-None-Match"), "\"k\"");
    assert_string_equal(field(op, "Authorization"), "Bearer next");
    assert_null(assay_op_fetch_header_name(op, 3));
    assert_null(assay_op_fetch_header_value(op, 3));
    assay_op_free(op);
}

static void an_operation_fails_where_there_is_none(void **state)
{
    (void)state;
    start_canned();
    assert_int_equal(unlink(path), 0);
    assay_op *op = canned_refresh(&c, CANNED_ISSUER, WAIT);
    canned_step(op, ASSAY_WANT_NOTHING);
    canned_result(op, ASSAY_E_BEARER_FILE, false);
    assay_op_free(op);
    /* One that is gone between two documents. */
    canned_advance(&c, 60);
    write_token(SECRET);
    op = canned_refresh(&c, CANNED_ISSUER, WAIT);
    canned_step(op, ASSAY_WANT_FETCH);
    assert_int_equal(unlink(path), 0);
    canned_answer_well(&c, op);
    canned_step(op, ASSAY_WANT_NOTHING);
    canned_result(op, ASSAY_E_BEARER_FILE, false);
    assay_op_free(op);
}

/* The keys of another place can be had without it. */
static void an_operation_goes_on_without_metadata(void **state)
{
    (void)state;
    start_canned();
    assay_op *op = canned_refresh(&c, CANNED_ISSUER, WAIT);
    canned_step(op, ASSAY_WANT_FETCH);
    canned_answer(
        &c, op, &(canned_reply){.body = "{\"issuer\":\"" CANNED_ISSUER "\",\"jwks_uri\":\"https://keys.example/k\"}"});
    assert_int_equal(canned_finish(&c, op), ASSAY_OK);
    assay_op_free(op);
    canned_advance(&c, 25 * 3600); /* the metadata is due as well */
    assert_int_equal(unlink(path), 0);
    op = canned_refresh(&c, CANNED_ISSUER, WAIT);
    canned_step(op, ASSAY_WANT_FETCH);
    assert_string_equal(assay_op_fetch_url(op), "https://keys.example/k");
    assert_null(field(op, "Authorization"));
    assert_int_equal(canned_finish(&c, op), ASSAY_OK);
    assay_op_free(op);
}

static void a_relative_path_is_refused(void **state)
{
    (void)state;
    must_fail(assay_issuer_set_bearer_file(issuer, "token", &error), ASSAY_E_CONFIG);
    assert_int_equal(refresh(), ASSAY_OK); /* with the one that was given before */
    expect_at(&home, SECRET);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, open_all, close_all)
    const struct CMUnitTest tests[] = {
        CASE(it_goes_with_metadata_and_keys),
        CASE(it_stays_away_from_other_servers),
        CASE(it_goes_to_hosts_that_were_named),
        CASE(it_goes_to_a_configured_jwks_uri),
        CASE(it_is_read_for_each_fetch),
        CASE(a_bad_file_is_a_failed_fetch),
        CASE(a_bad_file_makes_the_next_fetch_wait),
        CASE(a_driver_sends_it),
        CASE(it_goes_over_tls),
        CASE(an_operation_has_it_as_a_header),
        CASE(an_operation_fails_where_there_is_none),
        CASE(an_operation_goes_on_without_metadata),
        CASE(a_relative_path_is_refused),
    };
    return cmocka_run_group_tests(tests, certificates_make, certificates_remove);
}
