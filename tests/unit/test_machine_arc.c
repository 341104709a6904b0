/* SPDX-License-Identifier: MIT */
/* Azure Arc: which key files are sent to its agent, and whose token is taken (exchange.md 2.7, cases 69 and 70). */
#include "support/machine_world.h"
#include "support/store_folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define SCOPE "https://vault.azure.net/.default"
#define CLIENT "11111111-2222-3333-4444-555555555555"
#define RESOURCE "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/i"
#define PLAIN "{\"access_token\":\"sesame-token\",\"expires_in\":\"86399\",\"token_type\":\"Bearer\"}"

static machine_world world;
static char challenge[512];

static int open_world(void **state)
{
    if (store_folder_open(state) != 0)
        return -1;
    machine_world_open(&world, ASSAY_CREDENTIAL_MANAGED);
    world.settings.agent = ASSAY_AGENT_ARC;
    machine_world_set(&world.settings.arc_folder, store_folder);
    assert_int_equal(assay_credential_settings_check(&world.settings, NULL), ASSAY_OK);
    return 0;
}

static int close_world(void **state)
{
    machine_world_close(&world);
    return store_folder_remove(state);
}

static void write_key(const char *name, const char *text, size_t len)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", store_folder, name);
    store_write_path(path, text, len);
}

static int run(const machine_reply *replies, size_t count)
{
    return machine_world_run(&world, SCOPE, replies, count);
}

static void expect(int code, int expected, int row)
{
    machine_world_expect(&world, code, expected, row);
}

/* The agent's first answer, with this challenge. */
static machine_reply asks(const char *text)
{
    return (machine_reply){.status = 401, .www_authenticate = text};
}

static machine_reply asks_for(const char *name)
{
    (void)snprintf(challenge, sizeof challenge, "Basic realm=%s/%s", store_folder, name);
    return asks(challenge);
}

static int run_good(const char *body)
{
    const machine_reply replies[] = {asks_for("good.key"), {.body = body}};
    write_key("good.key", "sesame-key", 10);
    return run(replies, 2);
}

static void expect_refused(const char *text, int code)
{
    const machine_reply reply = asks(text);
    expect(run(&reply, 1), code, 47);
    assert_string_equal(world.sent[0].authorization, "");
}

static void test_case_69_the_key_goes_with_the_second_request(void **state)
{
    (void)state;
    assert_int_equal(run_good(PLAIN), ASSAY_OK);
    assert_true(assay_secret_equal(&world.machine->answer.token, "sesame-token", 12));
    assert_int_equal(world.sent_count, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_string_equal(world.sent[i].url, "http://127.0.0.1:40342/metadata/identity/oauth2/token?api-version="
                                               "2020-06-01&resource=https%3A%2F%2Fvault.azure.net");
        assert_string_equal(world.sent[i].fields, "Metadata: true\n");
        assert_true(world.sent[i].direct && world.sent[i].loopback_http);
    }
    assert_string_equal(world.sent[0].authorization, "");
    assert_string_equal(world.sent[1].authorization, "Basic sesame-key");
    assert_string_equal(world.machine->source, "managed-identity (Azure Arc)");
    assert_null(world.machine->request.authorization);
}

static void a_challenge_may_be_spelled_otherwise(void **state)
{
    (void)state;
    static const char *const forms[] = {"Basic realm=\"%s/good.key\"", "basic  Realm=%s/good.key ",
                                        "BASIC realm=%s/good.key"};
    write_key("good.key", "sesame-key \r\n", 13);
    for (size_t i = 0; i < ASSAY_COUNT_OF(forms); i++) {
        const char *blank = strstr(forms[i], "%s");
        (void)snprintf(challenge, sizeof challenge, "%.*s%s%s", (int)(blank - forms[i]), forms[i], store_folder,
                       blank + 2);
        const machine_reply replies[] = {asks(challenge), {.body = PLAIN}};
        assert_int_equal(run(replies, 2), ASSAY_OK);
        assert_string_equal(world.sent[1].authorization, "Basic sesame-key");
    }
}

static void test_case_69_other_challenges_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {NULL,
                                      "",
                                      "Basic",
                                      "Basic ",
                                      "Basic realm",
                                      "Basic realm=",
                                      "Basic x=/y",
                                      "Bearer realm=/var/opt/azcmagent/tokens/a.key",
                                      "Basicrealm=/x",
                                      "Basic realm=\"\""};
    for (size_t i = 0; i < ASSAY_COUNT_OF(bad); i++)
        expect_refused(bad[i], ASSAY_E_SOURCE_ANSWER);
}

static void test_case_69_files_elsewhere_are_refused(void **state)
{
    (void)state;
    static const char *const names[] = {"../good.key", "sub/good.key", "./good.key",   "good.txt", "good.key.txt",
                                        ".key",        "good.KEY",     "/good.key",    "",         "good",
                                        "..key",       "..",           "sub/../a.key", "key"};
    write_key("good.key", "sesame-key", 10);
    write_key("good.txt", "sesame-key", 10);
    for (size_t i = 0; i < ASSAY_COUNT_OF(names); i++) {
        (void)asks_for(names[i]);
        expect_refused(challenge, ASSAY_E_SOURCE_ANSWER);
    }
    expect_refused("Basic realm=/etc/passwd", ASSAY_E_SOURCE_ANSWER);
    expect_refused("Basic realm=/var/opt/azcmagent/tokens/a.key", ASSAY_E_SOURCE_ANSWER); /* it is another here */
    expect_refused("Basic realm=good.key", ASSAY_E_SOURCE_ANSWER);
    (void)snprintf(challenge, sizeof challenge, "Basic realm=%s-else/good.key", store_folder);
    expect_refused(challenge, ASSAY_E_SOURCE_ANSWER);
    char long_name[320];
    memset(long_name, 'a', sizeof long_name);
    memcpy(long_name + sizeof long_name - 5, ".key", 5);
    (void)asks_for(long_name);
    expect_refused(challenge, ASSAY_E_SOURCE_ANSWER);
}

static void test_case_69_a_link_out_of_the_folder_is_refused(void **state)
{
    (void)state;
    char path[256];
    (void)snprintf(path, sizeof path, "%s/link.key", store_folder);
    assert_int_equal(symlink("/etc/hostname", path), 0);
    (void)asks_for("link.key");
    expect_refused(challenge, ASSAY_E_SOURCE_ANSWER);
    assert_int_equal(unlink(path), 0);
    write_key("good.key", "sesame-key", 10);
    assert_int_equal(symlink("good.key", path), 0); /* not even within it */
    expect_refused(challenge, ASSAY_E_SOURCE_ANSWER);
}

static void test_case_69_the_size_of_a_key_is_bounded(void **state)
{
    (void)state;
    static char key[5000];
    memset(key, 'k', sizeof key);
    write_key("long.key", key, ASSAY_LIMIT_ARC_KEY_BYTES);
    const machine_reply replies[] = {asks_for("long.key"), {.body = PLAIN}};
    assert_int_equal(run(replies, 2), ASSAY_OK);
    assert_int_equal(strlen(world.sent[1].authorization), 6 + ASSAY_LIMIT_ARC_KEY_BYTES);
    write_key("long.key", key, ASSAY_LIMIT_ARC_KEY_BYTES + 1);
    expect_refused(challenge, ASSAY_E_TOKEN_FILE_SIZE);
    write_key("long.key", key, 5000);
    expect_refused(challenge, ASSAY_E_TOKEN_FILE_SIZE);
}

static void what_is_no_key_is_refused(void **state)
{
    (void)state;
    char path[256];
    (void)asks_for("bad.key");
    expect_refused(challenge, ASSAY_E_TOKEN_FILE_MISSING);
    write_key("bad.key", "", 0);
    expect_refused(challenge, ASSAY_E_TOKEN_FILE_EMPTY);
    write_key("bad.key", " \n\n", 3);
    expect_refused(challenge, ASSAY_E_TOKEN_FILE_EMPTY);
    write_key("bad.key", "sesame\r\nX: y", 12);
    expect_refused(challenge, ASSAY_E_TOKEN_FILE_CONTENT);
    write_key("bad.key", "ses\0ame", 7);
    expect_refused(challenge, ASSAY_E_TOKEN_FILE_CONTENT);
    write_key("bad.key", "sesame\xc3\xa9", 8);
    expect_refused(challenge, ASSAY_E_TOKEN_FILE_CONTENT);
    (void)snprintf(path, sizeof path, "%s/bad.key", store_folder);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    expect_refused(challenge, ASSAY_E_TOKEN_FILE_TYPE);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    expect_refused(challenge, ASSAY_E_TOKEN_FILE_TYPE); /* and nobody waits for a writer */
}

static void a_key_that_this_user_can_t_read_is_row_47(void **state)
{
    (void)state;
    char path[256];
    (void)asks_for("good.key");
    write_key("good.key", "sesame-key", 10);
    (void)snprintf(path, sizeof path, "%s/good.key", store_folder);
    const uid_t user = geteuid();
    assert_int_equal(chmod(path, 0), 0);
    if (user == 0)
        assert_int_equal(seteuid(65534), 0);
    const machine_reply reply = asks(challenge);
    int code = run(&reply, 1);
    if (user == 0)
        assert_int_equal(seteuid(0), 0);
    expect(code, ASSAY_E_TOKEN_FILE_ACCESS, 47);
    assert_non_null(strstr(world.machine->failure.hint, "himds"));
}

static void a_folder_that_is_not_there_is_told(void **state)
{
    (void)state;
    machine_world_set(&world.settings.arc_folder, "/nowhere/at/all");
    expect_refused("Basic realm=/nowhere/at/all/x.key", ASSAY_E_TOKEN_FILE_MISSING);
    machine_world_set(&world.settings.arc_folder, "/etc/hostname");
    expect_refused("Basic realm=/etc/hostname/x.key", ASSAY_E_TOKEN_FILE_MISSING);
}

static void a_slash_at_the_end_of_the_folder_does_no_harm(void **state)
{
    (void)state;
    char folder[96];
    (void)snprintf(folder, sizeof folder, "%s/", store_folder);
    machine_world_set(&world.settings.arc_folder, folder);
    assert_int_equal(run_good(PLAIN), ASSAY_OK);
}

static void a_token_without_a_challenge_is_not_the_agents(void **state)
{
    (void)state;
    const machine_reply reply = {.body = PLAIN};
    expect(run(&reply, 1), ASSAY_E_SOURCE_ANSWER, 47);
}

static void a_key_that_the_agent_refuses_is_not_sent_again(void **state)
{
    (void)state;
    write_key("good.key", "sesame-key", 10);
    const machine_reply replies[] = {asks_for("good.key"), asks_for("good.key")};
    expect(run(replies, 2), ASSAY_E_SOURCE_ANSWER, 47);
}

static void after_a_pause_the_agent_names_a_new_key(void **state)
{
    (void)state;
    write_key("good.key", "sesame-key", 10);
    const machine_reply ask = asks_for("good.key");
    const machine_reply replies[] = {ask, {.status = 500}, ask, {.body = PLAIN}};
    assert_int_equal(run(replies, 4), ASSAY_OK);
    assert_true(world.waited_ms > 0);
    assert_string_equal(world.sent[2].authorization, "");
    const machine_reply busy[] = {{.status = 503}, ask, {.body = PLAIN}};
    assert_int_equal(run(busy, 3), ASSAY_OK);
}

static void what_lasts_is_no_matter_of_imds(void **state)
{
    (void)state;
    const machine_reply absent = {.missed = ASSAY_E_CONNECT};
    const machine_reply absences[] = {absent, absent, absent};
    expect(run(absences, 3), ASSAY_E_CONNECT, 0);
    const machine_reply redirect = {.status = 302};
    expect(run(&redirect, 1), ASSAY_E_SOURCE_ANSWER, 0);
    const machine_reply forbidden = {.status = 403, .body = "{}"};
    expect(run(&forbidden, 1), ASSAY_E_GRANT, 0);
}

static void expect_identity(const char *body, bool right)
{
    int code = run_good(body);
    assert_int_equal(code, right ? ASSAY_OK : ASSAY_E_IDENTITY);
    if (!right)
        assert_null(world.machine->answer.token.text);
}

#define ECHO(member, value)                                                                                            \
    "{\"access_token\":\"sesame-token\",\"expires_in\":\"86399\",\"token_type\":\"Bearer\",\"" member "\":\"" value    \
    "\"}"

static void test_case_70_a_user_assigned_identity_must_be_confirmed(void **state)
{
    (void)state;
    assert_int_equal(assay_settings_set_identity(&world.settings, ASSAY_IDENTITY_CLIENT_ID, CLIENT, NULL), ASSAY_OK);
    expect_identity(PLAIN, false);
    expect_identity(ECHO("client_id", "99999999-2222-3333-4444-555555555555"), false);
    expect_identity(ECHO("client_id", ""), false);
    expect_identity(ECHO("msi_res_id", CLIENT), false);
    expect_identity(ECHO("client_id", CLIENT), true);
    assert_non_null(strstr(world.sent[1].url, "&client_id=" CLIENT));
    assert_int_equal(assay_settings_set_identity(&world.settings, ASSAY_IDENTITY_RESOURCE_ID, RESOURCE, NULL),
                     ASSAY_OK);
    expect_identity(PLAIN, false);
    expect_identity(ECHO("client_id", CLIENT), false);
    expect_identity(ECHO("msi_res_id", RESOURCE "x"), false);
    expect_identity(ECHO("msi_res_id", RESOURCE), true);
    assert_int_equal(assay_settings_set_identity(&world.settings, ASSAY_IDENTITY_OBJECT_ID, CLIENT, NULL), ASSAY_OK);
    expect(run(NULL, 0), ASSAY_E_IDENTITY, 0); /* no answer could confirm it */
}

static void an_identity_that_is_not_there_is_row_40(void **state)
{
    (void)state;
    write_key("good.key", "sesame-key", 10);
    const machine_reply replies[] = {
        asks_for("good.key"),
        {.status = 400, .body = "{\"error\":\"invalid_request\",\"error_description\":\"Identity not found\"}"}};
    expect(run(replies, 2), ASSAY_E_IDENTITY, 40);
}

/* The agent's challenge is an answer: what went wrong before it is not why its token does not come. */
static void a_challenge_is_a_step_on(void **state)
{
    (void)state;
    const machine_reply busy = {.status = 503};
    const machine_reply challenged = asks_for("good.key");
    const machine_reply replies[] = {busy, challenged, busy, challenged, {.body = PLAIN}};
    static const int learnt[] = {ASSAY_OK, ASSAY_E_GRANT_UNAVAILABLE, ASSAY_OK, ASSAY_E_GRANT_UNAVAILABLE, ASSAY_OK};
    write_key("good.key", "sesame-key", 10);
    expect(run(replies, ASSAY_COUNT_OF(replies)), ASSAY_OK, 0);
    for (size_t i = 0; i < ASSAY_COUNT_OF(replies); i++)
        assert_int_equal(world.sent[i].learnt, learnt[i]);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)
    const struct CMUnitTest tests[] = {
        CASE(test_case_69_the_key_goes_with_the_second_request),
        CASE(a_challenge_may_be_spelled_otherwise),
        CASE(test_case_69_other_challenges_are_refused),
        CASE(test_case_69_files_elsewhere_are_refused),
        CASE(test_case_69_a_link_out_of_the_folder_is_refused),
        CASE(test_case_69_the_size_of_a_key_is_bounded),
        CASE(what_is_no_key_is_refused),
        CASE(a_key_that_this_user_can_t_read_is_row_47),
        CASE(a_folder_that_is_not_there_is_told),
        CASE(a_slash_at_the_end_of_the_folder_does_no_harm),
        CASE(a_token_without_a_challenge_is_not_the_agents),
        CASE(a_key_that_the_agent_refuses_is_not_sent_again),
        CASE(after_a_pause_the_agent_names_a_new_key),
        CASE(a_challenge_is_a_step_on),
        CASE(what_lasts_is_no_matter_of_imds),
        CASE(test_case_70_a_user_assigned_identity_must_be_confirmed),
        CASE(an_identity_that_is_not_there_is_row_40),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
