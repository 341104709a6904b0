/* SPDX-License-Identifier: MIT */
/* What agents and jobs are asked with, and what they answer, is overwritten before its memory is given back. */
#include "fault/watched_memory.h"

#include "acquire/machine.h"
#include "support/store_folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

/* {"alg":"RS256"}.{"exp":1700000300}, and what is looked for. */
#define SECRET "0123456789-nobody-else-has-this-0123456789"
#define JWT "eyJhbGciOiJSUzI1NiJ9.eyJleHAiOjE3MDAwMDAzMDB9." SECRET

static assay_acquire_context context;
static assay_credential_settings settings;
static assay_token_request *wanted;

static int begin(void **state)
{
    (void)forget(state);
    assert_int_equal(pthread_mutex_init(&context.lock, NULL), 0);
    assert_int_equal(assay_token_request_make("https://vault.azure.net/.default", &wanted, NULL), ASSAY_OK);
    return store_folder_open(state);
}

static int end(void **state)
{
    assay_token_request_drop(wanted);
    (void)pthread_mutex_destroy(&context.lock);
    return store_folder_remove(state);
}

static void answer(assay_machine *machine, const assay_moment *now, int status, const char *body, const char *challenge)
{
    assay_http_response response;
    assert_int_equal(assay_machine_next(machine, now), ASSAY_MACHINE_FETCH);
    assay_http_response_init(&response);
    response.status = status;
    response.www_authenticate = challenge == NULL ? NULL : assay_strdup(challenge);
    assert_true(assay_http_response_add_body(&response, body, strlen(body)));
    assay_machine_answered(machine, &response, ASSAY_OK, NULL, now);
    assay_http_response_clear(&response);
}

static assay_machine *make(const assay_machine_kind *kind)
{
    assay_machine *machine = NULL;
    assert_int_equal(assay_machine_make(kind, &settings, wanted, &context, &machine), ASSAY_OK);
    return machine;
}

static void finish(assay_machine *machine, int code, const char *what)
{
    const assay_moment now = {1700000000, 1000};
    assert_int_equal(assay_machine_next(machine, &now), ASSAY_MACHINE_DONE);
    assert_int_equal(machine->code, code);
    assay_machine_free(machine);
    assay_credential_settings_clear(&settings);
    unwatch(what);
}

static void the_secret_and_the_token_of_an_agent(void **state)
{
    (void)state;
    const assay_moment now = {1700000000, 1000};
    static const char *const bodies[] = {"{\"access_token\":\"" SECRET
                                         "\",\"expires_in\":60,\"token_type\":\"Bearer\"}",
                                         "{\"access_token\":\"" SECRET "\"}", "{\"access_token\":\"" SECRET "\""};
    sees_what_is_left();
    mark(SECRET, sizeof SECRET - 1);
    for (size_t i = 0; i < ASSAY_COUNT_OF(bodies); i++) {
        watch();
        settings.kind = ASSAY_CREDENTIAL_MANAGED;
        settings.agent = ASSAY_AGENT_APP_SERVICE;
        settings.agent_url = assay_strdup("http://127.0.0.1:1/");
        assert_true(assay_secret_set(&settings.agent_secret, SECRET, sizeof SECRET - 1));
        assay_machine *machine = make(&assay_machine_managed);
        answer(machine, &now, 200, bodies[i], NULL);
        finish(machine, i == 0 ? ASSAY_OK : ASSAY_E_TOKEN_RESPONSE, "App Service");
    }
}

static void the_key_of_arc(void **state)
{
    (void)state;
    const assay_moment now = {1700000000, 1000};
    char path[128], challenge[256];
    sees_what_is_left();
    (void)snprintf(path, sizeof path, "%s/a.key", store_folder);
    (void)snprintf(challenge, sizeof challenge, "Basic realm=%s", path);
    store_write_path(path, SECRET, sizeof SECRET - 1);
    mark(SECRET, sizeof SECRET - 1);
    static const int statuses[] = {200, 401, 0};
    for (size_t i = 0; i < ASSAY_COUNT_OF(statuses); i++) {
        watch();
        settings.kind = ASSAY_CREDENTIAL_MANAGED;
        settings.agent = ASSAY_AGENT_ARC;
        settings.arc_folder = assay_strdup(store_folder);
        assay_machine *machine = make(&assay_machine_managed);
        answer(machine, &now, 401, "", challenge);
        assert_string_equal(machine->request.authorization, "Basic " SECRET);
        if (statuses[i] != 0)
            answer(machine, &now, statuses[i], "{\"access_token\":\"x\",\"expires_in\":60}", NULL);
        else
            assay_machine_answered(machine, NULL, ASSAY_E_CANCELLED, NULL, &now);
        finish(machine,
               statuses[i] == 200   ? ASSAY_OK
               : statuses[i] == 401 ? ASSAY_E_SOURCE_ANSWER
                                    : ASSAY_E_CANCELLED,
               "Arc");
    }
}

static void the_token_of_a_job(void **state)
{
    (void)state;
    const assay_moment now = {1700000000, 1000};
    sees_what_is_left();
    mark(SECRET, sizeof SECRET - 1);
    static const int statuses[] = {200, 403};
    for (size_t i = 0; i < ASSAY_COUNT_OF(statuses); i++) {
        watch();
        settings.kind = ASSAY_CREDENTIAL_GITHUB;
        settings.request_url = assay_strdup("https://t.example/?a=b");
        assert_true(assay_secret_set(&settings.request_token, SECRET, sizeof SECRET - 1));
        assay_machine *machine = make(&assay_machine_job);
        answer(machine, &now, statuses[i], "{\"value\":\"" JWT "\"}", NULL);
        finish(machine, i == 0 ? ASSAY_OK : ASSAY_E_JOB_TOKEN, "job");
    }
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        CASE(the_secret_and_the_token_of_an_agent),
        CASE(the_key_of_arc),
        CASE(the_token_of_a_job),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
