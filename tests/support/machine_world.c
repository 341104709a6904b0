/* SPDX-License-Identifier: MIT */
#include "support/machine_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void must(bool condition, const char *what)
{
    if (condition)
        return;
    fprintf(stderr, "machine_world: %s\n", what);
    abort();
}

void machine_world_open(machine_world *world, assay_credential_kind kind)
{
    memset(world, 0, sizeof *world);
    must(assay_crypto_new(NULL, &world->crypto) == ASSAY_OK, "no crypto");
    world->context.crypto = world->crypto;
    must(pthread_mutex_init(&world->context.lock, NULL) == 0, "no mutex");
    world->settings.kind = kind;
    world->now = (assay_moment){MACHINE_WORLD_START, 5000000};
}

static void end_run(machine_world *world)
{
    assay_machine_free(world->machine);
    assay_token_request_drop(world->wanted);
    world->machine = NULL;
    world->wanted = NULL;
}

void machine_world_close(machine_world *world)
{
    end_run(world);
    assay_credential_settings_clear(&world->settings);
    assay_secret_clear(&world->context.assertion);
    assay_secret_clear(&world->context.proxy_ca);
    (void)pthread_mutex_destroy(&world->context.lock);
    assay_crypto_unref(world->crypto);
}

void machine_world_set(char **place, const char *text)
{
    assay_release(*place);
    *place = assay_strdup(text);
    must(*place != NULL, "out of memory");
}

static void put(char *out, size_t size, const char *text)
{
    int wrote = snprintf(out, size, "%s", text == NULL ? "" : text);
    must(wrote >= 0 && (size_t)wrote < size, "a long text");
}

static void record(machine_world *world, int64_t began)
{
    const assay_http_request *request = &world->machine->request;
    machine_sent *sent = &world->sent[world->sent_count++];
    memset(sent, 0, sizeof *sent);
    put(sent->method, sizeof sent->method, request->method == NULL ? "GET" : request->method);
    put(sent->url, sizeof sent->url, request->url);
    put(sent->accept, sizeof sent->accept, request->accept);
    put(sent->authorization, sizeof sent->authorization, request->authorization);
    put(sent->content_type, sizeof sent->content_type, request->content_type);
    must(request->body_len < sizeof sent->body, "a long body");
    if (request->body != NULL)
        memcpy(sent->body, request->body, request->body_len);
    for (size_t i = 0; i < request->field_count; i++) {
        size_t used = strlen(sent->fields);
        (void)snprintf(sent->fields + used, sizeof sent->fields - used, "%s: %s\n", request->fields[i].name,
                       request->fields[i].value);
    }
    sent->direct = request->direct;
    sent->loopback_http = request->allow_loopback_http;
    sent->link_local_http = request->allow_link_local_http;
    sent->attempt_ms = world->machine->attempt_ms;
    sent->learnt = world->machine->code;
    sent->at = world->now.steady - began;
}

static void pass(machine_world *world, int64_t milliseconds)
{
    world->now.steady += milliseconds;
    world->now.wall = MACHINE_WORLD_START + (world->now.steady - 5000000) / 1000;
}

static void reply(machine_world *world, const machine_reply *with)
{
    assay_failure why;
    assay_http_response response;
    pass(world, with->took_ms);
    if (with->missed != 0) {
        (void)assay_fail_note(&why, with->missed, "no answer");
        assay_machine_answered(world->machine, NULL, with->missed, &why, &world->now);
        return;
    }
    assay_http_response_init(&response);
    response.status = with->status == 0 ? 200 : with->status;
    put(response.content_type, sizeof response.content_type,
        with->content_type == NULL ? "application/json" : with->content_type);
    if (with->body != NULL)
        must(assay_http_response_add_body(&response, with->body, strlen(with->body)), "out of memory");
    if (with->www_authenticate != NULL)
        machine_world_set(&response.www_authenticate, with->www_authenticate);
    response.challenged = with->www_authenticate != NULL;
    response.retry_after = with->retry_after == 0 ? -1 : with->retry_after;
    response.date = with->date == 0 ? -1 : with->date;
    response.encoded = with->encoded;
    assay_machine_answered(world->machine, &response, ASSAY_OK, NULL, &world->now);
    assay_http_response_clear(&response);
}

/* Nothing that is worth a secret stands in what is told of a failure. */
static void check_failure(const assay_machine *machine)
{
    const assay_failure *failure = &machine->failure;
    const char *const all[] = {failure->note, failure->expected, failure->found, machine->detail.server_code,
                               machine->detail.fix};
    if (machine->code == ASSAY_OK)
        return;
    for (size_t i = 0; i < ASSAY_COUNT_OF(all); i++)
        if (strstr(all[i], "sesame") != NULL)
            fail_msg("a secret in \"%s\"", all[i]);
    assert_null(machine->answer.token.text);
    assert_true(failure->detail == NULL || failure->detail == &machine->detail);
}

static int run(machine_world *world, const machine_reply *replies, size_t count)
{
    const int64_t began = world->now.steady;
    size_t used = 0;
    world->sent_count = 0;
    world->waited_ms = 0;
    for (unsigned steps = 0; steps < 100; steps++) {
        assay_machine_want want = assay_machine_next(world->machine, &world->now);
        if (want == ASSAY_MACHINE_DONE) {
            assert_int_equal(used, count);
            assert_int_equal(assay_machine_next(world->machine, &world->now), ASSAY_MACHINE_DONE);
            check_failure(world->machine);
            return world->machine->code;
        }
        if (want == ASSAY_MACHINE_WAIT) {
            int64_t wait = world->machine->wait_until - world->now.steady;
            assert_true(wait > 0 && world->machine->code != ASSAY_OK);
            pass(world, wait - 1); /* earlier does no harm */
            assert_int_equal(assay_machine_next(world->machine, &world->now), ASSAY_MACHINE_WAIT);
            pass(world, 1);
            world->waited_ms += wait;
            continue;
        }
        assert_true(world->sent_count < MACHINE_WORLD_MOST);
        assert_int_equal(assay_machine_next(world->machine, &world->now), ASSAY_MACHINE_FETCH); /* the same one */
        record(world, began);
        if (used == count)
            fail_msg("an unexpected request of %s", world->sent[used].url);
        reply(world, &replies[used++]);
    }
    fail_msg("a machine without end");
    return ASSAY_E_INTERNAL;
}

int machine_world_run_kind(machine_world *world, const assay_machine_kind *kind, const char *scope,
                           const machine_reply *replies, size_t count)
{
    end_run(world);
    must(assay_token_request_make(scope, &world->wanted, NULL) == ASSAY_OK, "no request");
    must(assay_machine_make(kind, &world->settings, world->wanted, &world->context, &world->machine) == ASSAY_OK,
         "no machine");
    return run(world, replies, count);
}

int machine_world_run(machine_world *world, const char *scope, const machine_reply *replies, size_t count)
{
    assay_machine *made = NULL;
    assay_token_request *wanted = NULL;
    must(assay_token_request_make(scope, &wanted, NULL) == ASSAY_OK, "no request");
    must(assay_machine_new(&world->settings, wanted, &world->context, &made) == ASSAY_OK, "no machine");
    const assay_machine_kind *kind = made->kind;
    assay_machine_free(made);
    assay_token_request_drop(wanted);
    return machine_world_run_kind(world, kind, scope, replies, count);
}

int machine_world_row(const machine_world *world)
{
    const assay_failure *failure = &world->machine->failure;
    return failure->detail == NULL ? 0 : failure->detail->row;
}

void machine_world_expect(const machine_world *world, int code, int expected, int row)
{
    if (code != expected || machine_world_row(world) != row)
        fail_msg("%s and row %d instead of %s and row %d: %s", assay_code_name(code), machine_world_row(world),
                 assay_code_name(expected), row, world->machine->failure.note);
}

machine_world the_world;

int machine_world_setup_managed(void **state)
{
    (void)state;
    machine_world_open(&the_world, ASSAY_CREDENTIAL_MANAGED);
    return 0;
}

int machine_world_teardown(void **state)
{
    (void)state;
    machine_world_close(&the_world);
    return 0;
}

void machine_name_identity(assay_identity identity, const char *value)
{
    assert_int_equal(assay_settings_set_identity(&the_world.settings, identity, value, NULL), ASSAY_OK);
}

int machine_run(const machine_reply *replies, size_t count)
{
    return machine_world_run(&the_world, MACHINE_WORLD_SCOPE, replies, count);
}

void machine_expect(int code, int expected, int row)
{
    machine_world_expect(&the_world, code, expected, row);
}

void machine_expect_token(int code)
{
    machine_expect(code, ASSAY_OK, 0);
    assert_true(assay_secret_equal(&the_world.machine->answer.token, "sesame-token", 12));
    assert_null(the_world.machine->failure.detail);
}
