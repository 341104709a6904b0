/* SPDX-License-Identifier: MIT */
/* Keys that processes share by a store: warm starts, purges that spread, and files that must not be trusted. */
#include "discovery/source_record.h"
#include "flow/store.h"
#include "flow/stored_keys.h"
#include "flow/validator.h"
#include "support/scene.h"
#include "support/store_folder.h"
#include "support/trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define WAIT 5000
#define NOBODY 65534

static scene at;
static int warnings, crowded;

static void count_warnings(void *user_data, int level, const char *text, size_t len)
{
    (void)user_data;
    (void)len;
    if (level == ASSAY_LOG_WARNING && strstr(text, "the store of keys") != NULL)
        warnings++;
    if (level == ASSAY_LOG_WARNING && strstr(text, "ASSAY_E_RANGE") != NULL)
        crowded++;
}

static int open_scene(void **state)
{
    if (store_folder_open(state) != 0)
        return -1;
    warnings = crowded = 0;
    scene_open(&at, NULL);
    must_ok(assay_runtime_set_store_directory(at.runtime, store_directory, NULL));
    must_ok(assay_runtime_set_log(at.runtime, ASSAY_LOG_WARNING, count_warnings, NULL, NULL, NULL));
    return 0;
}

static int close_scene(void **state)
{
    scene_close(&at);
    return store_folder_remove(state);
}

/* One more validator, as another process would have it. */
static assay_validator *another(void)
{
    assay_validator *made = NULL;
    must_ok(assay_validator_new(at.runtime, &at.configuration, 1, &made, NULL));
    return made;
}

static assay_issuer_keys *keys_of(assay_validator *validator)
{
    return &validator->issuers[0].keys;
}

static void save(assay_validator *validator)
{
    assert_int_equal(assay_stored_keys_save(keys_of(validator), false, NULL), ASSAY_OK);
}

static int check(assay_validator *validator, const char *token)
{
    assay_claims *claims = NULL;
    int code = assay_validator_check(validator, token, strlen(token), NULL, &claims, NULL);
    assay_claims_unref(claims);
    return code;
}

/* Fetch, which leaves a record. */
static void warm(void)
{
    scene_validator(&at);
    must_ok(assay_validator_warm_up(at.validator, WAIT, NULL));
}

static void a_new_process_begins_warm(void **state)
{
    (void)state;
    warm();
    struct stat found;
    assert_int_equal(stat(store_directory, &found), 0);
    assert_int_equal(found.st_mode & 07777, 0700);
    assert_int_equal(stat(store_only_file(".json"), &found), 0);
    assert_int_equal(found.st_mode & 07777, 0600);
    assert_null(store_only_file(".tmp"));

    char *token = scene_mint(&at, "{}");
    int64_t fetched = scene_requests(&at, "jwks");
    assert_int_equal(fetched, 1);
    dev_issuer_stop(at.issuer);
    at.issuer = NULL;
    pid_t child = fork();
    if (child == 0) {
        assay_validator *validator = NULL;
        if (assay_validator_new(at.runtime, &at.configuration, 1, &validator, NULL) != ASSAY_OK)
            _exit(2);
        _exit(check(validator, token) == ASSAY_OK && assay_validator_ready(validator, NULL) == ASSAY_OK ? 0 : 1);
    }
    assert_int_equal(store_wait_for(child), 0);
    assay_validator *second = another();
    assert_int_equal(check(second, token), ASSAY_OK);
    /* Only as long as the first could have gone on. */
    assay_validator_unref(second);
    scene_advance(&at, 86400);
    second = another();
    assert_int_equal(assay_validator_ready(second, NULL), ASSAY_E_KEYS_UNAVAILABLE);
    assay_validator_unref(second);
    free(token);
}

static void a_purge_reaches_the_others(void **state)
{
    (void)state;
    warm();
    char *token = scene_mint(&at, "{}");
    assay_validator *second = another();
    assert_int_equal(check(second, token), ASSAY_OK);
    uint64_t buried = scene_stat(&at, ASSAY_STAT_KEYS_SERVED);
    must_ok(assay_validator_purge(at.validator, dev_issuer_url(at.issuer), NULL, NULL));
    assert_int_equal(scene_stat(&at, ASSAY_STAT_KEYS_SERVED), 0);
    assert_int_equal(buried, 2);
    /* Until it looks, the other goes on; whether it loads or saves, it then drops the keys, and does not bring them back. */
    assert_int_equal(check(second, token), ASSAY_OK);
    save(second);
    assert_true(check(second, token) != ASSAY_OK);
    assay_validator *third = another();
    assert_int_equal(check(third, token), ASSAY_E_KEYS_NEEDED);
    assert_int_equal(assay_validator_warm_up(third, WAIT, NULL), ASSAY_E_JWKS);
    assay_validator_unref(third);
    assay_validator_unref(second);
    free(token);
}

static void a_purge_takes_what_others_have_fetched(void **state)
{
    (void)state;
    char *answer = NULL;
    warm();
    assay_validator *second = another();
    scene_advance(&at, 10);
    assert_int_equal(dev_issuer_rotate(at.issuer, "{\"algorithm\":\"RS256\"}", &answer), 0);
    free(answer);
    char *token = scene_mint(&at, "{}");
    must_ok(assay_validator_refresh(at.validator, NULL, WAIT, NULL));
    save(at.validator);
    assert_int_equal(check(second, token), ASSAY_E_KEYS_NEEDED);
    must_ok(assay_validator_purge(second, dev_issuer_url(at.issuer), NULL, NULL));
    assert_int_equal(check(at.validator, token), ASSAY_OK);
    assert_int_equal(assay_stored_keys_load(keys_of(at.validator)), ASSAY_E_ABSENT);
    assert_true(check(at.validator, token) != ASSAY_OK);
    assay_validator_unref(second);
    free(token);
}

/* Where no tombstone can be added, what another process purged goes all the same, and the log is told that it may come back. */
static void a_purge_that_can_t_be_remembered(void **state)
{
    (void)state;
    char kid[32];
    warm();
    char *token = scene_mint(&at, "{}");
    assay_validator *second = another();
    for (int i = 0; i < ASSAY_LIMIT_TOMBSTONES; i++) {
        snprintf(kid, sizeof kid, "other %d", i);
        assert_int_equal(assay_source_purge(keys_of(second)->source, kid, 0), ASSAY_E_KEY_UNKNOWN);
    }
    must_ok(assay_validator_purge(at.validator, dev_issuer_url(at.issuer), NULL, NULL));
    assert_int_equal(check(second, token), ASSAY_OK);
    uint64_t generation = atomic_load(&keys_of(second)->generation);
    assert_int_equal(crowded, 0);
    assert_int_equal(assay_stored_keys_load(keys_of(second)), ASSAY_E_ABSENT);
    assert_int_equal(crowded, 1);
    assert_true(check(second, token) != ASSAY_OK);
    assert_int_equal(atomic_load(&keys_of(second)->generation), generation); /* nobody waits for keys that went */
    assay_validator_unref(second);
    free(token);
}

/* Another writer keeps a process from writing, but not from hearing what was purged. */
static void a_purge_is_heard_of_while_others_write(void **state)
{
    (void)state;
    int lock = -1;
    warm();
    char *token = scene_mint(&at, "{}");
    assay_validator *second = another();
    must_ok(assay_validator_purge(at.validator, dev_issuer_url(at.issuer), NULL, NULL));
    assert_int_equal(assay_store_lock(at.runtime->store, keys_of(second)->record_name, 0, &lock, NULL), ASSAY_OK);
    assert_int_equal(check(second, token), ASSAY_OK);
    assert_int_equal(assay_stored_keys_save(keys_of(second), false, NULL), ASSAY_E_ABSENT);
    assert_true(check(second, token) != ASSAY_OK);
    assay_store_unlock(lock);
    assay_validator_unref(second);
    free(token);
}

static void a_purge_that_others_can_t_hear_of_says_so(void **state)
{
    (void)state;
    warm();
    char *token = scene_mint(&at, "{}");
    char moved[128];
    snprintf(moved, sizeof moved, "%s", store_only_file(".lock"));
    assert_int_equal(unlink(moved), 0);
    assert_int_equal(mkdir(moved, 0700), 0); /* nobody can lock that */
    assay_error *error = NULL;
    assert_int_equal(assay_validator_purge(at.validator, dev_issuer_url(at.issuer), NULL, &error), ASSAY_E_STORE);
    assert_non_null(strstr(assay_error_message(error), "dropped here"));
    assay_error_free(error);
    assert_true(check(at.validator, token) != ASSAY_OK);
    free(token);
}

/* The issuer dropped a key after another process saw it: who fetches without it, and writes, loses it to nobody. */
static void a_landing_keeps_what_another_process_saw(void **state)
{
    (void)state;
    char *answer = NULL;
    scene_validator(&at); /* before there is a record */
    assay_validator *second = another();
    char *token = scene_mint(&at, "{\"algorithm\":\"RS256\"}");
    must_ok(assay_validator_warm_up(second, WAIT, NULL));
    assert_int_equal(dev_issuer_rotate(at.issuer, "{\"algorithm\":\"RS256\",\"drop_old\":true}", &answer), 0);
    free(answer);
    scene_advance(&at, 10);
    must_ok(assay_validator_refresh(at.validator, NULL, WAIT, NULL));
    assert_int_equal(check(at.validator, token), ASSAY_OK);
    assay_validator *third = another();
    assert_int_equal(check(third, token), ASSAY_OK);
    assert_int_equal(check(second, token), ASSAY_OK);
    assay_validator_unref(third);
    assay_validator_unref(second);
    free(token);
}

static void pushed_keys_are_shared(void **state)
{
    (void)state;
    mint_key *key = mint_key_new("ES256", "pushed");
    assay_keyset *keys = NULL;
    uint64_t served = 0;
    must_ok(assay_keyset_new(at.runtime, &keys, NULL));
    must_ok(assay_keyset_add_json(keys, mint_key_jwk(key), strlen(mint_key_jwk(key)), NULL));
    scene_validator(&at);
    must_ok(assay_validator_push_keys(at.validator, dev_issuer_url(at.issuer), keys, NULL));
    assay_validator *second = another();
    must_ok(assay_validator_get_stat(second, NULL, ASSAY_STAT_KEYS_SERVED, &served));
    assert_int_equal(served, 1);
    assert_int_equal(assay_validator_ready(second, NULL), ASSAY_OK);
    assay_validator_unref(second);
    assay_keyset_unref(keys);
    mint_key_free(key);
}

/* ---- files that are not read ---- */

static void assert_cold(int code)
{
    uint64_t served = 1;
    int before = warnings;
    assay_validator *validator = another();
    must_ok(assay_validator_get_stat(validator, NULL, ASSAY_STAT_KEYS_SERVED, &served));
    assert_int_equal(served, 0);
    assert_int_equal(warnings - before, code == ASSAY_E_STORE);
    assert_int_equal(assay_stored_keys_load(keys_of(validator)), code);
    assert_int_equal(warnings - before, code == ASSAY_E_STORE); /* once */
    assay_validator_unref(validator);
}

static void assert_warm(void)
{
    assay_validator *validator = another();
    assert_int_equal(assay_validator_ready(validator, NULL), ASSAY_OK);
    assay_validator_unref(validator);
}

static void files_that_others_could_have_written(void **state)
{
    (void)state;
    static const mode_t modes[] = {0604, 0640, 0660, 0602, 0644, 0666, 0700, 04600};
    char path[512], aside[600];
    warm();
    snprintf(path, sizeof path, "%s", store_only_file(".json"));
    snprintf(aside, sizeof aside, "%s/aside", store_folder);
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        assert_int_equal(chmod(path, modes[i]), 0);
        assert_cold(ASSAY_E_STORE);
    }
    assert_int_equal(chmod(path, 0400), 0);
    assert_warm();
    assert_int_equal(link(path, aside), 0);
    assert_cold(ASSAY_E_STORE);
    assert_int_equal(unlink(aside), 0);
    assert_warm();
    if (geteuid() == 0) {
        assert_int_equal(chown(path, NOBODY, NOBODY), 0);
        assert_cold(ASSAY_E_STORE);
        assert_int_equal(chown(path, 0, 0), 0);
    }
    /* A link, a pipe, a directory in its place; none is waited for. */
    assert_int_equal(rename(path, aside), 0);
    assert_cold(ASSAY_E_ABSENT);
    assert_int_equal(symlink(aside, path), 0);
    assert_cold(ASSAY_E_STORE);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_cold(ASSAY_E_STORE);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0600), 0);
    assert_cold(ASSAY_E_STORE);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(rename(aside, path), 0);
    assert_warm();
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(truncate(path, ASSAY_LIMIT_STORE_BYTES + INT64_C(1)), 0);
    assert_cold(ASSAY_E_STORE);
    assert_int_equal(truncate(path, INT64_C(1) << 40), 0);
    assert_cold(ASSAY_E_STORE);
    assert_int_equal(truncate(path, 0), 0);
    assert_cold(ASSAY_E_STORE);
    /* The next save replaces it. */
    save(at.validator);
    assert_warm();
}

static void torn_and_altered_files(void **state)
{
    (void)state;
    size_t len;
    warm();
    char path[512];
    snprintf(path, sizeof path, "%s", store_only_file(".json"));
    char *text = store_read_path(path, &len);
    assay_validator *reader = another();
    must_ok(
        assay_validator_purge(reader, dev_issuer_url(at.issuer), NULL, NULL)); /* whatever it has now is from a file */
    assay_validator_unref(reader);
    assert_int_equal(unlink(path), 0);
    reader = another();
    for (size_t cut = 0; cut < len; cut++) {
        store_write_path(path, text, cut);
        assert_int_equal(assay_stored_keys_load(keys_of(reader)), ASSAY_E_STORE);
    }
    for (size_t i = 0; i < len; i++) {
        text[i] = (char)(text[i] ^ (1 << i % 8));
        store_write_path(path, text, len);
        assert_int_equal(assay_stored_keys_load(keys_of(reader)), ASSAY_E_STORE);
        text[i] = (char)(text[i] ^ (1 << i % 8));
    }
    assert_int_equal(assay_validator_ready(reader, NULL), ASSAY_E_KEYS_UNAVAILABLE);
    store_write_path(path, text, len);
    assert_int_equal(assay_stored_keys_load(keys_of(reader)), ASSAY_OK);
    assert_int_equal(assay_validator_ready(reader, NULL), ASSAY_OK);
    assay_validator_unref(reader);
    free(text);
}

static void the_file_of_another_issuer(void **state)
{
    (void)state;
    size_t len;
    warm();
    char path[512];
    snprintf(path, sizeof path, "%s", store_only_file(".json"));
    char *text = store_read_path(path, &len);
    /* The same keys, of the same issuer, found another way: another record. */
    assay_issuer *oauth = NULL;
    must_ok(assay_issuer_new(dev_issuer_url(at.issuer), &oauth, NULL));
    must_ok(assay_issuer_add_audience(oauth, "a", NULL));
    must_ok(assay_issuer_use_oauth_discovery(oauth, NULL));
    assay_validator *validator = NULL;
    must_ok(assay_validator_new(at.runtime, &oauth, 1, &validator, NULL));
    assert_int_equal(assay_validator_ready(validator, NULL), ASSAY_E_KEYS_UNAVAILABLE);
    char name[ASSAY_RECORD_NAME + 1], renamed[512];
    assert_int_equal(assay_source_record_name(keys_of(validator)->source, name), ASSAY_OK);
    snprintf(renamed, sizeof renamed, "%s/%s.json", store_directory, name);
    store_write_path(renamed, text, len);
    assert_int_equal(assay_stored_keys_load(keys_of(validator)), ASSAY_E_STORE);
    assert_int_equal(assay_validator_ready(validator, NULL), ASSAY_E_KEYS_UNAVAILABLE);
    assay_validator_unref(validator);
    assay_issuer_free(oauth);
    free(text);
}

static void wall_clocks_jump(void **state)
{
    (void)state;
    warm();
    at.wall_offset = -3600;
    assert_cold(ASSAY_E_STORE);
    at.wall_offset = 86400;
    assert_cold(ASSAY_E_STORE);
    at.wall_offset = 3600;
    assert_warm();
    at.wall_offset = 0;
    assert_warm();
}

static void a_save_that_is_not_durable_does_not_wait(void **state)
{
    (void)state;
    int lock = -1;
    char name[ASSAY_RECORD_NAME + 1];
    assay_failure why;
    warm();
    assert_int_equal(assay_source_record_name(keys_of(at.validator)->source, name), ASSAY_OK);
    assert_int_equal(assay_store_lock(at.runtime->store, name, 0, &lock, NULL), ASSAY_OK);
    int64_t before = scene_real_ms();
    assert_int_equal(assay_stored_keys_save(keys_of(at.validator), false, &why), ASSAY_E_ABSENT);
    assert_true(scene_real_ms() - before < ASSAY_LIMIT_STORE_WAIT_MS);
    before = scene_real_ms();
    assert_int_equal(assay_stored_keys_save(keys_of(at.validator), true, &why), ASSAY_E_STORE);
    assert_true(scene_real_ms() - before >= ASSAY_LIMIT_STORE_WAIT_MS);
    assert_non_null(strstr(why.note, "another writer"));
    assay_store_unlock(lock);
    save(at.validator);
}

#define WRITERS 8

/* Each process buries a key of its own; none of these is lost. */
static void purges_of_many_processes_unite(void **state)
{
    (void)state;
    pid_t writers[WRITERS];
    char kid[16], *text = NULL;
    size_t len = 0, now_known = 0;
    scene_validator(&at);
    for (int i = 0; i < WRITERS; i++) {
        writers[i] = fork();
        if (writers[i] != 0)
            continue;
        int code = ASSAY_E_STORE;
        snprintf(kid, sizeof kid, "purged-%d", i);
        for (int attempt = 0; attempt < 20 && code == ASSAY_E_STORE; attempt++) /* the lock is waited for a second */
            code = assay_validator_purge(at.validator, dev_issuer_url(at.issuer), kid, NULL);
        _exit(code == ASSAY_E_KEY_UNKNOWN ? 0 : 1);
    }
    for (int i = 0; i < WRITERS; i++)
        assert_int_equal(store_wait_for(writers[i]), 0);
    text = store_read_path(store_only_file(".json"), &len);
    for (int i = 0; i < WRITERS; i++) {
        snprintf(kid, sizeof kid, "\"purged-%d\"", i);
        now_known += memmem(text, len, kid, strlen(kid)) != NULL;
    }
    assert_int_equal(now_known, WRITERS);
    free(text);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, open_scene, close_scene)
    const struct CMUnitTest tests[] = {
        CASE(a_new_process_begins_warm),
        CASE(a_purge_reaches_the_others),
        CASE(a_purge_takes_what_others_have_fetched),
        CASE(a_purge_that_can_t_be_remembered),
        CASE(a_purge_is_heard_of_while_others_write),
        CASE(a_purge_that_others_can_t_hear_of_says_so),
        CASE(a_landing_keeps_what_another_process_saw),
        CASE(pushed_keys_are_shared),
        CASE(files_that_others_could_have_written),
        CASE(torn_and_altered_files),
        CASE(the_file_of_another_issuer),
        CASE(wall_clocks_jump),
        CASE(a_save_that_is_not_durable_does_not_wait),
        CASE(purges_of_many_processes_unite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
