/* SPDX-License-Identifier: MIT */
/* Tokens in a directory: whose it is, what is read of it, until when, and what tells one token from another. */
#include "support/process.h"
#include "support/sharing.h"
#include "support/store_folder.h"

#include <dirent.h>
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

#define NOW 1800000000
#define NOBODY 65534
#define LIFE 3600

static mode_t mode_of(const char *path)
{
    struct stat found;
    assert_int_equal(lstat(path, &found), 0);
    return found.st_mode & 07777;
}

/* How many files end so. */
static int count(const char *ending)
{
    int found = 0;
    DIR *listing = opendir(store_directory);
    assert_non_null(listing);
    for (const struct dirent *entry; (entry = readdir(listing)) != NULL;) {
        size_t len = strlen(entry->d_name);
        found += len >= strlen(ending) && strcmp(entry->d_name + len - strlen(ending), ending) == 0;
    }
    (void)closedir(listing);
    return found;
}

static void refused_directory(const char *path, const char *why)
{
    assay_shared_tokens *shared = (assay_shared_tokens *)(uintptr_t)1;
    assay_failure failure;
    assert_int_equal(assay_shared_open(path, &shared, &failure), ASSAY_E_CONFIG_STORE);
    assert_null(shared);
    assert_non_null(strstr(failure.note, why));
}

static void a_directory_of_this_user_alone(void **state)
{
    (void)state;
    static const mode_t modes[] = {0750, 0710, 0704, 0701, 0720, 0755, 0777, 01777};
    char path[160];
    assay_shared_tokens *shared = NULL;
    refused_directory("tokens", "slash");
    refused_directory("", "slash");
    snprintf(path, sizeof path, "%s/none/tokens", store_folder);
    refused_directory(path, "No such file");
    assert_int_equal(assay_shared_open(store_directory, &shared, NULL), ASSAY_OK);
    assay_shared_close(shared);
    assert_int_equal(mode_of(store_directory), 0700);
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        assert_int_equal(chmod(store_directory, modes[i]), 0);
        refused_directory(store_directory, "0700");
    }
    assert_int_equal(chmod(store_directory, 0700), 0);
    if (geteuid() == 0) {
        assert_int_equal(chown(store_directory, NOBODY, NOBODY), 0);
        refused_directory(store_directory, "another user");
        assert_int_equal(chown(store_directory, 0, 0), 0);
    }
    snprintf(path, sizeof path, "%s/link", store_folder);
    assert_int_equal(symlink(store_directory, path), 0);
    refused_directory(path, "link");
    snprintf(path, sizeof path, "%s/file", store_folder);
    store_write_path(path, "", 0);
    refused_directory(path, "no directory");
    assay_shared_close(NULL);
}

static void none_without_a_directory(void **state)
{
    (void)state;
    sharing s;
    sharing_open(&s);
    assay_shared_close(s.credential.shared);
    s.credential.shared = NULL;
    sharing_put(&s, SHARING_TOKEN, LIFE);
    assert_int_equal(sharing_ask(&s), ASSAY_SHARED_NOTHING);
    assert_int_equal(s.lock, -1);
    assay_shared_forget(&s.credential, &s.wanted);
    assert_int_equal(count(".token"), 0);
    sharing_close(&s);
}

/* What was got on behalf of a user ends with the user's own token, whoever got it (exchange.md 2.5). */
static void none_for_a_user_who_is_gone(void **state)
{
    (void)state;
    sharing s;
    sharing_open_at(&s, NOW, 5000);
    s.wanted.has_user = true;
    s.wanted.user_expiry = NOW + 60;
    sharing_put(&s, SHARING_TOKEN, LIFE);
    s.wall += 59;
    sharing_has(&s, SHARING_TOKEN);
    s.wall += 1;
    assert_int_equal(sharing_ask(&s), ASSAY_SHARED_NOTHING);
    assert_int_equal(s.lock, -1); /* there is nothing to wait for */
    sharing_close(&s);
}

static int write_one(void *argument)
{
    sharing s;
    (void)argument;
    umask(0); /* whatever the host's is */
    sharing_open_at(&s, NOW, 5000);
    sharing_put(&s, SHARING_TOKEN, LIFE);
    sharing_close(&s);
    return 0;
}

static void one_process_serves_another(void **state)
{
    (void)state;
    sharing s;
    assay_access_token *token = NULL;
    assert_int_equal(process_run(write_one, NULL, 20), 0);
    const char *path = store_only_file(".token");
    assert_non_null(path);
    assert_int_equal(mode_of(path), 0600);
    const char *name = strrchr(path, '/') + 1;
    assert_int_equal(strspn(name, "0123456789abcdef"), 64);
    assert_string_equal(name + 64, ".token");
    sharing_open_at(&s, NOW + 10, 777000000); /* the steady clock of another process begins elsewhere */
    assert_int_equal(assay_shared_get(&s.credential, &s.wanted, 0, &s.lock, &token), ASSAY_SHARED_TOKEN);
    assert_int_equal(s.lock, -1);
    assert_string_equal(assay_access_token_text(token, NULL), SHARING_TOKEN);
    assert_string_equal(assay_access_token_authorization(token, NULL), "Bearer " SHARING_TOKEN);
    assert_string_equal(assay_access_token_type(token), "Bearer");
    assert_string_equal(assay_access_token_scope(token), SHARING_SCOPE);
    assert_string_equal(assay_access_token_issued_type(token), "urn:ietf:params:oauth:token-type:access_token");
    assert_string_equal(assay_access_token_source(token), "cache directory");
    assert_int_equal(assay_access_token_expires_at(token), NOW + LIFE);
    assert_int_equal(token->obtained_at, NOW);
    assert_int_equal(token->obtained_ms, 777000000 - 10000);
    assert_int_equal(token->renew_ms, 777000000 - 10000 + (LIFE - 720) * 1000);
    assert_int_equal(token->until_ms, 777000000 - 10000 + (LIFE - 30) * 1000);
    int64_t age = assay_clock_real_ms() - token->obtained_real_ms;
    assert_true(age >= 0 && age < 20000);
    assay_access_token_unref(token);
    assert_int_equal(s.logged, 0);
    assay_shared_forget(&s.credential, &s.wanted);
    assay_shared_forget(&s.credential, &s.wanted);
    assert_null(store_only_file(".token"));
    sharing_has_none(&s);
    assert_int_equal(mode_of(store_only_file(".claim.lock")), 0600);
    assert_int_equal(s.logged, 0);
    sharing_close(&s);
}

static void it_serves_until_it_is_due(void **state)
{
    (void)state;
    sharing writer, reader;
    sharing_open_at(&writer, NOW, 1000);
    sharing_put(&writer, SHARING_TOKEN, LIFE);
    sharing_open_at(&reader, NOW + LIFE - 720 - 1, 99);
    sharing_has(&reader, SHARING_TOKEN);
    for (int64_t wall = NOW + LIFE - 720; wall < NOW + 3 * LIFE; wall += 600) { /* due, then expired */
        reader.wall = wall;
        sharing_has_none(&reader);
        assay_access_token *spare = assay_shared_spare(&reader.credential, &reader.wanted, 0);
        assert_int_equal(spare != NULL, wall < NOW + LIFE - 30);
        assay_access_token_unref(spare);
        assert_null(assay_shared_spare(&reader.credential, &reader.wanted, assay_clock_real_ms() + 10000));
    }
    reader.wall = NOW - 60;
    sharing_has(&reader, SHARING_TOKEN);
    reader.wall = NOW - 61; /* obtained in the future */
    sharing_has_none(&reader);
    reader.wall = -1; /* a clock that can't tell */
    sharing_has_none(&reader);
    writer.wall = -1;
    sharing_put(&writer, "other", LIFE);
    reader.wall = NOW;
    sharing_has(&reader, SHARING_TOKEN);
    assert_int_equal(reader.logged, 0);
    sharing_close(&reader);
    sharing_close(&writer);
}

/* A server that tells no lifetime: 300 seconds, and the caller still hears of none. */
static void untold_lifetimes(void **state)
{
    (void)state;
    sharing s;
    assay_access_token *token = NULL;
    sharing_open_at(&s, NOW, 1000);
    sharing_put(&s, SHARING_TOKEN, 0);
    s.wall = NOW + 100;
    assert_int_equal(assay_shared_get(&s.credential, &s.wanted, 0, &s.lock, &token), ASSAY_SHARED_TOKEN);
    assert_int_equal(assay_access_token_expires_at(token), 0);
    assay_access_token_unref(token);
    s.wall = NOW + 300;
    sharing_has_none(&s);
    sharing_close(&s);
}

/* After a challenge, tokens from before are none (exchange.md 2.9); of the plain request the new one takes the place of the one that was refused. */
static void a_challenge_wants_newer_ones(void **state)
{
    (void)state;
    static char claims[] = "{\"access_token\":{\"nbf\":{\"value\":\"1\"}}}";
    const struct timespec pause = {.tv_nsec = 5000000};
    sharing s;
    sharing_open(&s);
    sharing_put(&s, "refused", LIFE);
    nanosleep(&pause, NULL);
    s.wanted.claims = claims;
    s.wanted.made_ms = assay_clock_real_ms();
    sharing_has_none(&s);
    nanosleep(&pause, NULL);
    sharing_put(&s, "challenged", LIFE);
    assert_int_equal(count(".token"), 2);
    sharing_has(&s, "challenged");
    s.wanted.made_ms = assay_clock_real_ms();
    sharing_has_none(&s);
    s.wanted.claims = NULL;
    s.wanted.made_ms = 0;
    sharing_has(&s, "challenged");
    /* Where nobody has asked plainly there is nothing to replace. */
    assay_shared_forget(&s.credential, &s.wanted);
    s.wanted.claims = claims;
    sharing_put(&s, "challenged", LIFE);
    assert_int_equal(count(".token"), 1);
    sharing_close(&s);
}

/* --- what is in the file --- */

static void write_file(const char *path, const char *text, size_t len)
{
    (void)unlink(path);
    store_write_path(path, text, len);
}

static char *replaced(const char *text, const char *from, const char *to)
{
    char *made = NULL;
    const char *at = strstr(text, from);
    assert_non_null(at);
    assert_true(asprintf(&made, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from)) > 0);
    return made;
}

static void broken_files_are_none(void **state)
{
    (void)state;
    static const char *const changes[][2] = {
        {"assay-token 1", "assay-token 2"},
        {"assay-token 1", ""},
        {"for ", "for 0"},
        {"obtained ", "obtained -"},
        {"obtained ", "obtained 0x"},
        {"obtained ", "obtained 9999999"},
        {"until ", "until 99999"},
        {"renew ", "renew 9"},
        {"expires 1", "expires 0"},
        {"obtained_ms ", "obtained_ms 9"},
        {"type ", "type \t"},
        {"type Bearer\n", ""},
        {"token eyJ", "token \x7f"},
        {"end\n", "end\nend\n"},
        {"end\n", "end"},
        {"issued_type u", "issued_type \x80"},
        {"\n", "\r\n"},
        {"scope ", "scope \n"},
        {"type Bearer", "type a-type-of-more-than-thirty-one-characters"},
    };
    sharing s;
    size_t len = 0;
    sharing_open_at(&s, NOW, 1000);
    sharing_put(&s, SHARING_TOKEN, LIFE);
    char path[512];
    snprintf(path, sizeof path, "%s", store_only_file(".token"));
    char *text = store_read_path(path, &len);
    text[len] = '\0';
    for (size_t cut = 0; cut < len; cut++) {
        write_file(path, text, cut);
        sharing_has_none(&s);
    }
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        char *changed = replaced(text, changes[i][0], changes[i][1]);
        write_file(path, changed, strlen(changed));
        sharing_has_none(&s);
        free(changed);
    }
    char *empty = replaced(text, SHARING_TOKEN, "");
    write_file(path, empty, strlen(empty));
    sharing_has_none(&s);
    free(empty);
    char *zeros = memset(strdup(text), 0, len / 2);
    write_file(path, zeros, len);
    sharing_has_none(&s);
    free(zeros);
    assert_int_equal(s.logged, 1);
    assert_non_null(strstr(s.said, "not as it was written"));
    write_file(path, text, len);
    sharing_has(&s, SHARING_TOKEN);
    /* One that was renamed is of another request. */
    char other[600];
    static char scope[] = "other/.default";
    s.wanted.scope = scope;
    sharing_put(&s, "other", LIFE);
    assert_int_equal(count(".token"), 2);
    DIR *listing = opendir(store_directory);
    for (const struct dirent *entry; (entry = readdir(listing)) != NULL;) {
        snprintf(other, sizeof other, "%s/%s", store_directory, entry->d_name);
        if (strstr(entry->d_name, ".token") != NULL && strcmp(other, path) != 0)
            assert_int_equal(rename(path, other), 0);
    }
    (void)closedir(listing);
    sharing_has_none(&s);
    free(text);
    sharing_close(&s);
}

static void has_none_and_says(const char *why)
{
    sharing s;
    sharing_open_at(&s, NOW, 1000);
    sharing_has_none(&s);
    sharing_has_none(&s);
    assert_int_equal(s.logged, 1);
    assert_non_null(strstr(s.said, why));
    assert_null(strstr(s.said, "marker"));
    sharing_close(&s);
}

static void foreign_files_are_none(void **state)
{
    (void)state;
    static const mode_t modes[] = {0644, 0640, 0604, 0660, 0602, 0700, 04600, 0610};
    sharing s;
    char path[512], away[160];
    size_t len = 0;
    sharing_open_at(&s, NOW, 1000);
    sharing_put(&s, SHARING_TOKEN, LIFE);
    snprintf(path, sizeof path, "%s", store_only_file(".token"));
    snprintf(away, sizeof away, "%s/away", store_folder);
    char *text = store_read_path(path, &len);
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        assert_int_equal(chmod(path, modes[i]), 0);
        has_none_and_says("0600");
    }
    assert_int_equal(chmod(path, 0600), 0);
    if (geteuid() == 0) {
        assert_int_equal(chown(path, NOBODY, NOBODY), 0);
        has_none_and_says("another user");
        assert_int_equal(chown(path, 0, 0), 0);
    }
    sharing_has(&s, SHARING_TOKEN);
    assert_int_equal(link(path, away), 0);
    has_none_and_says("another name");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink(away, path), 0);
    has_none_and_says("reading");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    has_none_and_says("regular");
    assert_int_equal(unlink(path), 0);
    char *huge = calloc(1, ASSAY_LIMIT_TOKEN_RESPONSE_BYTES + 1);
    write_file(path, huge, ASSAY_LIMIT_TOKEN_RESPONSE_BYTES + 1);
    has_none_and_says("limit");
    free(huge);
    /* Whatever it was, the next token takes its place. */
    sharing_put(&s, SHARING_TOKEN, LIFE);
    sharing_has(&s, SHARING_TOKEN);
    free(text);
    sharing_close(&s);
}

static void what_can_not_be_written_does_no_harm(void **state)
{
    (void)state;
    sharing s;
    char path[512];
    sharing_open_at(&s, NOW, 1000);
    sharing_put(&s, "a\"b\\c d", LIFE);
    sharing_has(&s, "a\"b\\c d");
    assay_shared_forget(&s.credential, &s.wanted);
    sharing_put(&s, "a\nb", LIFE);
    sharing_put(&s, "a\x80", LIFE);
    assert_int_equal(count(".token") + count(".tmp"), 0);
    assert_int_equal(s.logged, 1);
    char *huge = memset(malloc(ASSAY_LIMIT_TOKEN_RESPONSE_BYTES + 1), 'a', ASSAY_LIMIT_TOKEN_RESPONSE_BYTES);
    huge[ASSAY_LIMIT_TOKEN_RESPONSE_BYTES] = '\0';
    sharing_put(&s, huge, LIFE);
    assert_int_equal(count(".token"), 0);
    huge[ASSAY_LIMIT_TOKEN_RESPONSE_BYTES - 1000] = '\0';
    sharing_put(&s, huge, LIFE);
    sharing_has(&s, huge);
    free(huge);
    snprintf(path, sizeof path, "%s", store_only_file(".token"));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    sharing_put(&s, SHARING_TOKEN, LIFE);
    assert_int_equal(count(".tmp"), 0);
    sharing_has_none(&s);
    assay_shared_forget(&s.credential, &s.wanted);
    assert_non_null(strstr(s.said, "still there"));
    assert_int_equal(rmdir(path), 0);
    assert_null(strstr(s.said, "marker"));
    /* A lock that is no file: nobody is waited for. */
    snprintf(path, sizeof path, "%s", store_only_file(".lock"));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(sharing_ask(&s), ASSAY_SHARED_NOTHING);
    assert_int_equal(s.lock, -1);
    assert_int_equal(rmdir(path), 0);
    sharing_has_none(&s);
    sharing_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_directory_of_this_user_alone, store_folder_open, store_folder_remove),
        cmocka_unit_test_setup_teardown(none_without_a_directory, store_folder_open, store_folder_remove),
        cmocka_unit_test_setup_teardown(none_for_a_user_who_is_gone, store_folder_open, store_folder_remove),
        cmocka_unit_test_setup_teardown(one_process_serves_another, store_folder_open, store_folder_remove),
        cmocka_unit_test_setup_teardown(it_serves_until_it_is_due, store_folder_open, store_folder_remove),
        cmocka_unit_test_setup_teardown(untold_lifetimes, store_folder_open, store_folder_remove),
        cmocka_unit_test_setup_teardown(a_challenge_wants_newer_ones, store_folder_open, store_folder_remove),
        cmocka_unit_test_setup_teardown(broken_files_are_none, store_folder_open, store_folder_remove),
        cmocka_unit_test_setup_teardown(foreign_files_are_none, store_folder_open, store_folder_remove),
        cmocka_unit_test_setup_teardown(what_can_not_be_written_does_no_harm, store_folder_open, store_folder_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
