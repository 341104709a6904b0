/* SPDX-License-Identifier: MIT */
/* What tells one shared token from another, whose tokens are not shared, and which files are removed. */
#include "flow/shared_tokens_private.h"
#include "support/process.h"
#include "support/sharing.h"
#include "support/store_folder.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define LIFE 3600
#define DAY 86400

/* Never called. */
static int no_assertion(void *data, char *assertion, size_t size, size_t *len)
{
    (void)data;
    (void)assertion;
    (void)size;
    *len = 0;
    return 1;
}

/* --- names --- */

static assay_shared_name name_of(const sharing *s)
{
    assay_shared_name name;
    assert_true(assay_shared_name_of(&s->credential, &s->wanted, &name));
    assert_int_equal(strlen(name.text), 64);
    return name;
}

#define NAMES_MAX 128
static assay_shared_name names[NAMES_MAX];
static size_t name_count;

/* One that was not there before. */
static void is_new(const sharing *s)
{
    assay_shared_name name = name_of(s);
    for (size_t i = 0; i < name_count; i++)
        assert_string_not_equal(names[i].text, name.text);
    assert_true(name_count < NAMES_MAX);
    names[name_count++] = name;
}

static void is_the_first(const sharing *s)
{
    assert_string_equal(name_of(s).text, names[0].text);
}

#define SETTING(member) offsetof(assay_credential_settings, member)

static void every_setting_tells(void **state)
{
    (void)state;
    static const size_t texts[] = {
        SETTING(authority),
        SETTING(tenant),
        SETTING(client_id),
        SETTING(token_file),
        SETTING(proxy.url),
        SETTING(proxy.tls_name),
        SETTING(certificate_path),
        SETTING(key_path),
        SETTING(inner_scope),
        SETTING(request_url),
        SETTING(service_connection),
        SETTING(agent_url),
        SETTING(agent_thumbprint),
        SETTING(arc_folder),
        SETTING(identity_value),
        SETTING(token_endpoint),
        SETTING(assertion_audience),
        SETTING(signing_algorithm),
        SETTING(signing_key_id),
        SETTING(subject_token_type),
        SETTING(actor_token_file),
        SETTING(actor_token_type),
        SETTING(requested_token_type),
        SETTING(impersonation_url),
        SETTING(subject_member),
    };
    char empty[] = "", text[] = "text", more[] = "text;4:text";
    char *const values[] = {empty, text, more};
    sharing s;
    sharing_open(&s);
    name_count = 0;
    is_new(&s);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char **place = (char **)(void *)((char *)&s.credential.settings + texts[i]);
        char *before = *place;
        for (size_t k = 0; k < 3; k++) {
            *place = values[k];
            is_new(&s);
        }
        *place = before;
        is_the_first(&s);
    }
    sharing_close(&s);
}

static void numbers_lists_and_sources_tell(void **state)
{
    (void)state;
    sharing s, other;
    sharing_open(&s);
    sharing_open(&other);
    assay_credential_settings *settings = &s.credential.settings;
    const assay_credential_settings *members[2] = {&other.credential.settings, &other.credential.settings};
    name_count = 0;
    is_new(&s);
    for (int kind = ASSAY_CREDENTIAL_WORKLOAD + 1; kind < ASSAY_CREDENTIAL_KINDS; kind++) {
        settings->kind = (assay_credential_kind)kind;
        is_new(&s);
    }
    settings->kind = ASSAY_CREDENTIAL_WORKLOAD;
    settings->agent = ASSAY_AGENT_ARC;
    is_new(&s);
    settings->agent = ASSAY_AGENT_IMDS;
    settings->identity = ASSAY_IDENTITY_OBJECT_ID;
    is_new(&s);
    settings->identity = ASSAY_IDENTITY_SYSTEM;
    settings->client_method = ASSAY_CLIENT_POST;
    is_new(&s);
    settings->client_method = ASSAY_CLIENT_BASIC;
    settings->proxy.mode = 1;
    is_new(&s);
    settings->proxy.mode = 0;
    settings->assertion = no_assertion;
    is_new(&s);
    settings->assertion = NULL;
    assert_true(assay_text_list_add(&settings->audiences, "a", 1));
    is_new(&s);
    assert_true(assay_text_list_add(&settings->audiences, "b", 1));
    is_new(&s);
    assert_true(assay_text_list_add(&settings->resources, "b", 1));
    is_new(&s);
    assay_text_list_clear(&settings->audiences);
    assay_text_list_clear(&settings->resources);
    settings->inner = &other.credential.settings;
    is_new(&s);
    other.credential.settings.kind = ASSAY_CREDENTIAL_MANAGED;
    is_new(&s);
    settings->inner = NULL;
    settings->members = members;
    settings->member_count = 1;
    is_new(&s);
    settings->member_count = 2;
    is_new(&s);
    settings->member_count = 0;
    is_the_first(&s);
    sharing_close(&other);
    sharing_close(&s);
}

static void every_part_of_a_request_tells(void **state)
{
    (void)state;
    char scope[] = "s", tenant[] = "t", claims[] = "{}";
    sharing s;
    sharing_open(&s);
    name_count = 0;
    is_new(&s);
    char *before = s.wanted.scope;
    s.wanted.scope = scope;
    is_new(&s);
    s.wanted.scope = before;
    s.wanted.tenant = tenant;
    is_new(&s);
    s.wanted.tenant = NULL;
    s.wanted.claims = claims;
    is_new(&s);
    s.wanted.claims = NULL;
    s.wanted.continuous = true;
    is_new(&s);
    s.wanted.continuous = false;
    s.wanted.has_user = true;
    is_new(&s);
    s.wanted.user_digest[31] = 1;
    is_new(&s);
    s.wanted.user_digest[31] = 0;
    s.wanted.has_user = false;
    s.wanted.made_ms = 17; /* when it was asked is no part */
    is_the_first(&s);
    sharing_close(&s);
}

/* Nobody can try secrets against the name of a file. */
static void no_secret_tells(void **state)
{
    (void)state;
    sharing s;
    sharing_open(&s);
    assay_credential_settings *settings = &s.credential.settings;
    assay_secret *const secrets[] = {&settings->secret, &settings->passphrase, &settings->request_token,
                                     &settings->agent_secret, &s.wanted.user_assertion};
    name_count = 0;
    is_new(&s);
    for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++) {
        assay_secret_put(secrets[i], "secret");
        is_the_first(&s);
        assay_secret_clear(secrets[i]);
    }
    sharing_close(&s);
}

static void is_not_shared(sharing *s)
{
    sharing_put(s, SHARING_TOKEN, LIFE);
    assert_null(store_only_file(".token"));
    assert_int_equal(sharing_ask(s), ASSAY_SHARED_NOTHING);
    assert_int_equal(s->lock, -1);
    assay_shared_forget(&s->credential, &s->wanted);
}

/* Only the header tells applications of Service Fabric apart, and only the function of the host knows whose token it gives. */
static void tokens_of_nobody_knows_whom(void **state)
{
    (void)state;
    sharing s, other;
    sharing_open(&s);
    sharing_open(&other);
    assay_credential_settings *settings = &s.credential.settings, *inner = &other.credential.settings;
    const assay_credential_settings *members[2] = {settings, inner};
    inner->kind = ASSAY_CREDENTIAL_MANAGED;
    inner->agent = ASSAY_AGENT_SERVICE_FABRIC;
    is_not_shared(&other);
    settings->kind = ASSAY_CREDENTIAL_EXCHANGE;
    settings->inner = inner;
    is_not_shared(&s);
    settings->kind = ASSAY_CREDENTIAL_GOOGLE;
    is_not_shared(&s);
    settings->kind = ASSAY_CREDENTIAL_FEDERATED; /* the token is the client's, whoever vouches for it */
    (void)name_of(&s);
    settings->inner = NULL;
    settings->assertion = no_assertion;
    settings->kind = ASSAY_CREDENTIAL_EXCHANGE;
    is_not_shared(&s);
    settings->kind = ASSAY_CREDENTIAL_ASSERTION;
    (void)name_of(&s);
    settings->assertion = NULL;
    sharing chain;
    sharing_open(&chain);
    chain.credential.settings.kind = ASSAY_CREDENTIAL_CHAIN;
    chain.credential.settings.members = members;
    chain.credential.settings.member_count = 2;
    is_not_shared(&chain);
    chain.credential.settings.member_count = 1;
    (void)name_of(&chain);
    sharing_close(&chain);
    sharing_close(&other);
    sharing_close(&s);
}

/* --- old files --- */

static void age(const char *path, time_t seconds)
{
    const struct timespec times[2] = {{.tv_sec = time(NULL) - seconds}, {.tv_sec = time(NULL) - seconds}};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static const char *leave(const char *name, time_t seconds)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", store_directory, name);
    store_write_path(path, "x", 1);
    age(path, seconds);
    return path;
}

static bool is_there(const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", store_directory, name);
    return access(path, F_OK) == 0;
}

static void old_files_are_removed(void **state)
{
    (void)state;
    sharing s, held;
    assert_int_equal(mkdir(store_directory, 0700), 0);
    sharing_open(&held);
    sharing_put(&held, SHARING_TOKEN, 10 * DAY);
    struct stat found;
    assert_int_equal(stat(store_only_file(".token"), &found), 0);
    assert_true(found.st_mtime >= time(NULL) + 10 * DAY - 60); /* it says until when it is of use */
    held.wanted.continuous = true;
    assert_int_equal(sharing_ask(&held), ASSAY_SHARED_NOTHING);
    char lock[512];
    snprintf(lock, sizeof lock, "%s", store_only_file(".claim.lock"));
    age(lock, 2 * DAY);
    static const char *const gone[] = {"a.token", "b.claim.lock"};
    static const char *const stay[] = {"c.token", "d.json", "e.json.lock", "f.lock", ".token", "g.claim.lock", "h"};
    for (size_t i = 0; i < sizeof gone / sizeof gone[0]; i++)
        leave(gone[i], DAY + 60);
    for (size_t i = 0; i < sizeof stay / sizeof stay[0]; i++)
        leave(stay[i], i == 0 || i == 5 ? DAY - 60 : 9 * DAY);
    sharing_open(&s);
    for (size_t i = 0; i < sizeof gone / sizeof gone[0]; i++)
        assert_false(is_there(gone[i]));
    for (size_t i = 0; i < sizeof stay / sizeof stay[0]; i++)
        assert_true(is_there(stay[i]));
    assert_int_equal(access(lock, F_OK), 0);
    s.wanted.continuous = true;
    assert_int_equal(sharing_ask(&s), ASSAY_SHARED_WAIT);
    assay_shared_unlock(&held.lock);
    held.wanted.continuous = false;
    sharing_has(&held, SHARING_TOKEN);
    sharing_close(&s);
    sharing_close(&held);
}

/* A process that never ends cleans up too: with each token that it shares, a little. */
static void cleaning_goes_on(void **state)
{
    (void)state;
    enum { FILES = 200 };
    char name[32];
    sharing s;
    sharing_open(&s);
    for (int i = 0; i < FILES; i++) {
        snprintf(name, sizeof name, "%d.token", i);
        leave(name, 2 * DAY);
    }
    int left = FILES, rounds = 0;
    for (; left > 0 && rounds < 30; rounds++) {
        sharing_put(&s, SHARING_TOKEN, LIFE);
        int now_left = 0;
        for (int i = 0; i < FILES; i++) {
            snprintf(name, sizeof name, "%d.token", i);
            now_left += is_there(name);
        }
        assert_true(left - now_left <= ASSAY_LIMIT_SHARED_ENTRIES);
        left = now_left;
    }
    assert_int_equal(left, 0);
    assert_true(rounds >= FILES / ASSAY_LIMIT_SHARED_ENTRIES);
    sharing_has(&s, SHARING_TOKEN);
    sharing_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_setting_tells, store_folder_open, store_folder_remove),
        cmocka_unit_test_setup_teardown(numbers_lists_and_sources_tell, store_folder_open, store_folder_remove),
        cmocka_unit_test_setup_teardown(every_part_of_a_request_tells, store_folder_open, store_folder_remove),
        cmocka_unit_test_setup_teardown(no_secret_tells, store_folder_open, store_folder_remove),
        cmocka_unit_test_setup_teardown(tokens_of_nobody_knows_whom, store_folder_open, store_folder_remove),
        cmocka_unit_test_setup_teardown(old_files_are_removed, store_folder_open, store_folder_remove),
        cmocka_unit_test_setup_teardown(cleaning_goes_on, store_folder_open, store_folder_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
