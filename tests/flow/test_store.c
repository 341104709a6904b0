/* SPDX-License-Identifier: MIT */
/* The directory of the store: whose it is, whole files, locks, many writers. */
#include "discovery/record_frame.h"
#include "flow/store.h"
#include "flow/validator.h"
#include "support/scene.h"
#include "support/store_folder.h"
#include "support/trial.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define WAIT 5000
#define NOBODY 65534

static void refused_directory(const char *path)
{
    assay_runtime *runtime = NULL;
    must_ok(assay_runtime_new(&runtime, NULL));
    must_fail(assay_runtime_set_store_directory(runtime, path, &error), ASSAY_E_CONFIG_STORE);
    assay_runtime_unref(runtime);
}

static void directories_that_others_can_write_to(void **state)
{
    (void)state;
    static const mode_t modes[] = {0720, 0702, 0777, 01777, 0775};
    char path[160];
    assay_runtime *runtime = NULL;
    refused_directory("keys");
    refused_directory("");
    snprintf(path, sizeof path, "%s/none/keys", store_folder);
    refused_directory(path); /* one level is made, not two */
    assert_int_equal(mkdir(store_directory, 0700), 0);
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        assert_int_equal(chmod(store_directory, modes[i]), 0);
        refused_directory(store_directory);
    }
    assert_int_equal(chmod(store_directory, 0755), 0);
    if (geteuid() == 0) {
        assert_int_equal(chown(store_directory, NOBODY, NOBODY), 0);
        refused_directory(store_directory);
        assert_int_equal(chown(store_directory, 0, 0), 0);
    }
    snprintf(path, sizeof path, "%s/link", store_folder);
    assert_int_equal(symlink(store_directory, path), 0);
    refused_directory(path);
    strcat(path, "//");
    refused_directory(path);
    snprintf(path, sizeof path, "%s/file", store_folder);
    store_write_path(path, "", 0);
    refused_directory(path);
    must_ok(assay_runtime_new(&runtime, NULL));
    snprintf(path, sizeof path, "%s/", store_directory);
    must_ok(assay_runtime_set_store_directory(runtime, path, NULL));
    must_ok(assay_runtime_set_store_directory(runtime, store_directory, NULL));
    must_ok(assay_runtime_set_store_directory(runtime, NULL, NULL));
    assert_null(runtime->store);
    assay_runtime_unref(runtime);
}

static void the_document_names_it(void **state)
{
    (void)state;
    assay_validator *validator = NULL;
    char *json = trial_format("{\"runtime\":{\"store_directory\":\"%s\"},\"issuers\":[{\"issuer\":\"%s\","
                              "\"audiences\":\"a\"}]}",
                              store_directory, TRIAL_ISSUER);
    must_ok(assay_validator_from_json(NULL, json, strlen(json), &validator, NULL));
    assert_int_equal(assay_validator_purge(validator, TRIAL_ISSUER, "k", NULL), ASSAY_E_KEY_UNKNOWN);
    assert_non_null(store_only_file(".json"));
    must_fail(assay_runtime_set_store_directory(validator->keyring->runtime, store_directory, &error), ASSAY_E_FROZEN);
    assay_validator_unref(validator);
    free(json);
    json = trial_format("{\"runtime\":{\"store_directory\":1},\"issuers\":[]}");
    must_fail(assay_validator_from_json(NULL, json, strlen(json), &validator, &error), ASSAY_E_CONFIG_MEMBER);
    free(json);
    json = trial_format("{\"runtime\":{\"store_directory\":\"keys\"},\"issuers\":[]}");
    must_fail(assay_validator_from_json(NULL, json, strlen(json), &validator, &error), ASSAY_E_CONFIG_STORE);
    free(json);
}

static void leave(const char *name, time_t age)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", store_directory, name);
    store_write_path(path, "x", 1);
    const struct timespec times[2] = {{.tv_sec = time(NULL) - age}, {.tv_sec = time(NULL) - age}};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static bool is_there(const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", store_directory, name);
    return access(path, F_OK) == 0;
}

static void leftovers_of_the_dead_are_removed(void **state)
{
    (void)state;
    char name[64];
    pid_t dead = fork();
    if (dead == 0)
        _exit(0);
    assert_int_equal(store_wait_for(dead), 0);
    assert_int_equal(mkdir(store_directory, 0700), 0);
    snprintf(name, sizeof name, "a.%d.0.tmp", (int)dead);
    leave(name, 7200);
    leave("a.json", 7200);
    leave("a.tmp", 7200);
    leave("a.x.0.tmp", 7200);
    snprintf(name, sizeof name, "b.%d.0.tmp", (int)dead);
    leave(name, 1800);
    snprintf(name, sizeof name, "c.%d.0.tmp", (int)getpid());
    leave(name, 7200);
    assay_store *store = NULL;
    assert_int_equal(assay_store_open(store_directory, &store, NULL), ASSAY_OK);
    assay_store_close(store);
    assert_true(is_there("a.json") && is_there("a.tmp") && is_there("a.x.0.tmp") && is_there(name));
    snprintf(name, sizeof name, "b.%d.0.tmp", (int)dead);
    assert_true(is_there(name));
    snprintf(name, sizeof name, "a.%d.0.tmp", (int)dead);
    assert_false(is_there(name));
}

/* ---- writing ---- */

static uint64_t version; /* of the file that was read last */

static assay_store *open_store(void)
{
    assay_store *store = NULL;
    assert_int_equal(assay_store_open(store_directory, &store, NULL), ASSAY_OK);
    return store;
}

static void assert_holds(const assay_store *store, const char *name, const char *wanted)
{
    char *text = NULL;
    size_t len = 0;
    assert_int_equal(assay_store_read(store, name, &text, &len, &version, NULL), ASSAY_OK);
    assert_int_equal(len, strlen(wanted));
    assert_string_equal(text, wanted);
    assert_true(version != 0 && version == assay_store_version(store, name));
    assay_release(text);
}

static void the_old_file_stays_where_the_new_one_can_t_be_written(void **state)
{
    (void)state;
    static char large[100000];
    assay_failure why;
    memset(large, 'x', sizeof large);
    assay_store *store = open_store();
    assert_int_equal(assay_store_write(store, "n", "old", 3, true, NULL), ASSAY_OK);
    pid_t child = fork();
    if (child == 0) { /* a file may not grow beyond half of it, as on a full disk */
        const struct rlimit limit = {sizeof large / 2, sizeof large / 2};
        if (signal(SIGXFSZ, SIG_IGN) == SIG_ERR || setrlimit(RLIMIT_FSIZE, &limit) != 0)
            _exit(2);
        _exit(assay_store_write(store, "n", large, sizeof large, false, &why) == ASSAY_E_STORE ? 0 : 1);
    }
    assert_int_equal(store_wait_for(child), 0);
    assert_holds(store, "n", "old");
    assert_null(store_only_file(".tmp"));

    /* No descriptors left: that says nothing about the file. */
    child = fork();
    if (child == 0) {
        size_t len;
        char *text;
        const struct rlimit limit = {0, 0};
        if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
            _exit(2);
        _exit(assay_store_read(store, "n", &text, &len, &version, &why) == ASSAY_E_SYSTEM ? 0 : 1);
    }
    assert_int_equal(store_wait_for(child), 0);

    /* A directory that can be read alone; root may write there all the same, so a child is somebody else. */
    assert_int_equal(chmod(store_directory, 0500), 0);
    assert_int_equal(geteuid() == 0 ? chown(store_directory, NOBODY, NOBODY) : 0, 0);
    assert_int_equal(geteuid() == 0 ? chown(store_only_file(".json"), NOBODY, NOBODY) : 0, 0);
    child = fork();
    if (child == 0) {
        int lock;
        size_t len;
        char *text;
        if (geteuid() == 0 && setuid(NOBODY) != 0)
            _exit(2);
        bool right = assay_store_write(store, "n", "new", 3, false, &why) == ASSAY_E_STORE &&
                     assay_store_lock(store, "n", 0, &lock, &why) == ASSAY_E_STORE && lock == -1 &&
                     assay_store_read(store, "n", &text, &len, &version, &why) == ASSAY_OK && len == 3;
        _exit(right ? 0 : 1);
    }
    assert_int_equal(store_wait_for(child), 0);
    assert_int_equal(geteuid() == 0 ? chown(store_only_file(".json"), 0, 0) : 0, 0);
    assert_int_equal(geteuid() == 0 ? chown(store_directory, 0, 0) : 0, 0);
    assert_int_equal(chmod(store_directory, 0700), 0);
    assert_holds(store, "n", "old");
    /* A directory that is gone. */
    assert_int_equal(unlink(store_only_file(".json")), 0);
    assert_int_equal(rmdir(store_directory), 0);
    assert_int_equal(assay_store_write(store, "n", "new", 3, true, &why), ASSAY_E_STORE);
    assert_true(why.note[0] != '\0');
    assay_store_close(store);
}

static void locks_are_waited_for(void **state)
{
    (void)state;
    int lock = -1, second = -1, ready[2], done[2];
    char byte = 0;
    assay_store *store = open_store();
    assert_int_equal(pipe(ready), 0);
    assert_int_equal(pipe(done), 0);
    /* Within one process, where locks of files mean nothing. */
    assert_int_equal(assay_store_lock(store, "n", 0, &lock, NULL), ASSAY_OK);
    assert_int_equal(assay_store_lock(store, "n", 0, &second, NULL), ASSAY_E_TIMEOUT);
    int64_t before = scene_real_ms();
    assert_int_equal(assay_store_lock(store, "n", 100, &second, NULL), ASSAY_E_TIMEOUT);
    assert_true(scene_real_ms() - before >= 100 && scene_real_ms() - before < 5000);
    /* A child that is made meanwhile has neither the lock nor a thread that would give it back. */
    pid_t child = fork();
    if (child == 0) {
        bool right = assay_store_lock(store, "n", 50, &second, NULL) == ASSAY_E_TIMEOUT &&
                     assay_store_lock(store, "other", 0, &second, NULL) == ASSAY_OK;
        _exit(right ? 0 : 1);
    }
    assert_int_equal(store_wait_for(child), 0);
    assert_int_equal(assay_store_lock(store, "n", 0, &second, NULL), ASSAY_E_TIMEOUT);
    assay_store_unlock(lock);
    /* Another process has it, and dies with it. */
    child = fork();
    if (child == 0) {
        if (assay_store_lock(store, "n", 0, &lock, NULL) != ASSAY_OK || write(ready[1], &byte, 1) != 1)
            _exit(1);
        _exit(read(done[0], &byte, 1) == 1 ? 0 : 1);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(assay_store_lock(store, "n", 20, &second, NULL), ASSAY_E_TIMEOUT);
    assert_int_equal(assay_store_lock(store, "other", 0, &second, NULL), ASSAY_OK);
    assay_store_unlock(second);
    assert_int_equal(write(done[1], &byte, 1), 1);
    assert_int_equal(assay_store_lock(store, "n", WAIT, &second, NULL), ASSAY_OK);
    assay_store_unlock(second);
    assert_int_equal(store_wait_for(child), 0);
    for (int i = 0; i < 2; i++) {
        (void)close(ready[i]);
        (void)close(done[i]);
    }
    assay_store_close(store);
}

#define WRITERS 8
#define ROUNDS 40

/* Count up in a framed text whose length changes with each round. */
static bool count_up(const assay_store *store, const assay_crypto *crypto)
{
    int lock = -1;
    char *text = NULL, *framed = NULL, payload[4096];
    size_t len = 0;
    assay_span inside = {"0", 1};
    if (assay_store_lock(store, "n", 60000, &lock, NULL) != ASSAY_OK)
        return false;
    int code = assay_store_read(store, "n", &text, &len, &version, NULL);
    if (code == ASSAY_OK)
        code = assay_record_unframe(crypto, text, len, &inside);
    else if (code == ASSAY_E_ABSENT)
        code = ASSAY_OK;
    int count = atoi(inside.ptr) + 1;
    snprintf(payload, sizeof payload, "%d%*s", count, count * 7 % 4000 + 1, "");
    if (code == ASSAY_OK)
        code = assay_record_frame(crypto, assay_span_of(payload), &framed, &len);
    if (code == ASSAY_OK)
        code = assay_store_write(store, "n", framed, len, false, NULL);
    assay_store_unlock(lock);
    assay_release(text);
    assay_release(framed);
    return code == ASSAY_OK;
}

static void many_processes_write_one_file(void **state)
{
    (void)state;
    assay_crypto *crypto = NULL;
    pid_t writers[WRITERS];
    assay_store *store = open_store();
    assert_int_equal(assay_crypto_new(NULL, &crypto), ASSAY_OK);
    for (int i = 0; i < WRITERS; i++) {
        writers[i] = fork();
        if (writers[i] != 0)
            continue;
        for (int round = 0; round < ROUNDS; round++)
            if (!count_up(store, crypto))
                _exit(1);
        _exit(0);
    }
    /* Whoever reads meanwhile, without a lock, reads a whole file. */
    int counted = 0, reads = 0;
    int64_t deadline = scene_real_ms() + 60000;
    while (counted < WRITERS * ROUNDS && scene_real_ms() < deadline) {
        char *text = NULL;
        size_t len = 0;
        assay_span inside;
        int code = assay_store_read(store, "n", &text, &len, &version, NULL);
        if (code == ASSAY_OK) {
            assert_int_equal(assay_record_unframe(crypto, text, len, &inside), ASSAY_OK);
            int now = atoi(inside.ptr);
            assert_true(now >= counted);
            counted = now;
            reads++;
        } else {
            assert_int_equal(code, ASSAY_E_ABSENT);
        }
        assay_release(text);
    }
    for (int i = 0; i < WRITERS; i++)
        assert_int_equal(store_wait_for(writers[i]), 0);
    print_message("%d reads of %d writes\n", reads, counted);
    assert_int_equal(counted, WRITERS * ROUNDS);
    assert_null(store_only_file(".tmp"));
    assay_crypto_unref(crypto);
    assay_store_close(store);
}

/* However fast a file is replaced, whoever was told of a turn can tell. */
static void a_turn_remembers_the_file(void **state)
{
    (void)state;
    assay_store_turn turn;
    assay_store *store = open_store();
    assert_true(assay_store_version(store, "n") == 0);
    assert_int_equal(assay_store_take_turn(store, "n", 1000, 30, &turn, NULL), ASSAY_OK);
    assert_int_equal(assay_store_take_turn(store, "n", 1010, 30, &turn, NULL), ASSAY_E_ABSENT);
    assert_int_equal(turn.age, 10);
    assert_int_equal(turn.mark, assay_store_mark(0));
    for (int i = 1; i < 50; i++) {
        assert_int_equal(assay_store_write(store, "n", "text", 4, false, NULL), ASSAY_OK);
        assert_true(turn.mark != assay_store_mark(assay_store_version(store, "n")));
        assert_int_equal(assay_store_take_turn(store, "n", 1000 + 30 * i, 30, &turn, NULL), ASSAY_OK);
        assert_int_equal(assay_store_take_turn(store, "n", 1000 + 30 * i, 30, &turn, NULL), ASSAY_E_ABSENT);
        assert_int_equal(turn.mark, assay_store_mark(assay_store_version(store, "n")));
    }
    assay_store_close(store);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, store_folder_open, store_folder_remove)
    const struct CMUnitTest tests[] = {
        CASE(directories_that_others_can_write_to),
        CASE(the_document_names_it),
        CASE(leftovers_of_the_dead_are_removed),
        CASE(the_old_file_stays_where_the_new_one_can_t_be_written),
        CASE(locks_are_waited_for),
        CASE(many_processes_write_one_file),
        CASE(a_turn_remembers_the_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
