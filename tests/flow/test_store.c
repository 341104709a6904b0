/* SPDX-License-Identifier: MIT */
/* The directory of keys that processes share: warm starts, purges that spread, and files that must not be trusted. */
#include "discovery/record_frame.h"
#include "discovery/source_record.h"
#include "flow/store.h"
#include "flow/stored_keys.h"
#include "flow/validator.h"
#include "support/scene.h"
#include "support/trial.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define WAIT 5000
#define NOBODY 65534

static scene at;
static char folder[64];    /* of the test */
static char directory[96]; /* of the store, below it */
static int warnings;

static void count_warnings(void *user_data, int level, const char *text, size_t len)
{
    (void)user_data;
    (void)len;
    if (level == ASSAY_LOG_WARNING && strstr(text, "the store of keys") != NULL)
        warnings++;
}

static int open_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/assay-store-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(directory, sizeof directory, "%s/keys", folder);
    warnings = 0;
    return 0;
}

/* Files of the directories that a test can have made, then these. */
static void empty(const char *path)
{
    DIR *listing = opendir(path);
    for (struct dirent *entry; listing != NULL && (entry = readdir(listing)) != NULL;) {
        char name[512];
        snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 && unlink(name) != 0)
            (void)rmdir(name);
    }
    if (listing != NULL)
        (void)closedir(listing);
}

static int remove_folder(void **state)
{
    (void)state;
    (void)chmod(directory, 0700);
    empty(directory);
    empty(folder);
    return rmdir(folder);
}

static int open_scene(void **state)
{
    if (open_folder(state) != 0)
        return -1;
    scene_open(&at, NULL);
    must_ok(assay_runtime_set_store_directory(at.runtime, directory, NULL));
    must_ok(assay_runtime_set_log(at.runtime, ASSAY_LOG_WARNING, count_warnings, NULL, NULL, NULL));
    return 0;
}

static int close_scene(void **state)
{
    scene_close(&at);
    return remove_folder(state);
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

/* Fetch, and leave a record. */
static void warm(void)
{
    scene_validator(&at);
    must_ok(assay_validator_warm_up(at.validator, WAIT, NULL));
    save(at.validator);
}

/* The path of the only file with an ending, in a static buffer. */
static const char *only_file(const char *ending)
{
    static char path[512];
    int found = 0;
    DIR *listing = opendir(directory);
    assert_non_null(listing);
    for (struct dirent *entry; (entry = readdir(listing)) != NULL;) {
        size_t len = strlen(entry->d_name);
        if (len < strlen(ending) || strcmp(entry->d_name + len - strlen(ending), ending) != 0)
            continue;
        snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
        found++;
    }
    (void)closedir(listing);
    assert_true(found <= 1);
    return found == 1 ? path : NULL;
}

static char *read_path(const char *path, size_t *len)
{
    FILE *file = fopen(path, "rb");
    char *text = malloc(ASSAY_LIMIT_STORE_BYTES);
    assert_true(file != NULL && text != NULL);
    *len = fread(text, 1, ASSAY_LIMIT_STORE_BYTES, file);
    (void)fclose(file);
    return text;
}

static void write_path(const char *path, const char *text, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0 && write(fd, text, len) == (ssize_t)len && close(fd) == 0);
}

/* What a child process answers: its exit status. */
static int wait_for(pid_t child)
{
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void a_new_process_begins_warm(void **state)
{
    (void)state;
    warm();
    struct stat found;
    assert_int_equal(stat(directory, &found), 0);
    assert_int_equal(found.st_mode & 07777, 0700);
    assert_int_equal(stat(only_file(".json"), &found), 0);
    assert_int_equal(found.st_mode & 07777, 0600);
    assert_null(only_file(".tmp"));

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
    assert_int_equal(wait_for(child), 0);
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

static void a_purge_that_others_can_t_hear_of_says_so(void **state)
{
    (void)state;
    warm();
    char *token = scene_mint(&at, "{}");
    char moved[128];
    snprintf(moved, sizeof moved, "%s", only_file(".lock"));
    assert_int_equal(unlink(moved), 0);
    assert_int_equal(mkdir(moved, 0700), 0); /* nobody can lock that */
    assay_error *error = NULL;
    assert_int_equal(assay_validator_purge(at.validator, dev_issuer_url(at.issuer), NULL, &error), ASSAY_E_STORE);
    assert_non_null(strstr(assay_error_message(error), "dropped here"));
    assay_error_free(error);
    assert_true(check(at.validator, token) != ASSAY_OK);
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
    snprintf(path, sizeof path, "%s", only_file(".json"));
    snprintf(aside, sizeof aside, "%s/aside", folder);
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
    snprintf(path, sizeof path, "%s", only_file(".json"));
    char *text = read_path(path, &len);
    assay_validator *reader = another();
    must_ok(
        assay_validator_purge(reader, dev_issuer_url(at.issuer), NULL, NULL)); /* whatever it has now is from a file */
    assay_validator_unref(reader);
    assert_int_equal(unlink(path), 0);
    reader = another();
    for (size_t cut = 0; cut < len; cut++) {
        write_path(path, text, cut);
        assert_int_equal(assay_stored_keys_load(keys_of(reader)), ASSAY_E_STORE);
    }
    for (size_t i = 0; i < len; i++) {
        text[i] = (char)(text[i] ^ (1 << i % 8));
        write_path(path, text, len);
        assert_int_equal(assay_stored_keys_load(keys_of(reader)), ASSAY_E_STORE);
        text[i] = (char)(text[i] ^ (1 << i % 8));
    }
    assert_int_equal(assay_validator_ready(reader, NULL), ASSAY_E_KEYS_UNAVAILABLE);
    write_path(path, text, len);
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
    snprintf(path, sizeof path, "%s", only_file(".json"));
    char *text = read_path(path, &len);
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
    snprintf(renamed, sizeof renamed, "%s/%s.json", directory, name);
    write_path(renamed, text, len);
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

/* ---- the directory ---- */

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
    snprintf(path, sizeof path, "%s/none/keys", folder);
    refused_directory(path); /* one level is made, not two */
    assert_int_equal(mkdir(directory, 0700), 0);
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        assert_int_equal(chmod(directory, modes[i]), 0);
        refused_directory(directory);
    }
    assert_int_equal(chmod(directory, 0755), 0);
    if (geteuid() == 0) {
        assert_int_equal(chown(directory, NOBODY, NOBODY), 0);
        refused_directory(directory);
        assert_int_equal(chown(directory, 0, 0), 0);
    }
    snprintf(path, sizeof path, "%s/link", folder);
    assert_int_equal(symlink(directory, path), 0);
    refused_directory(path);
    strcat(path, "//");
    refused_directory(path);
    snprintf(path, sizeof path, "%s/file", folder);
    write_path(path, "", 0);
    refused_directory(path);
    must_ok(assay_runtime_new(&runtime, NULL));
    snprintf(path, sizeof path, "%s/", directory);
    must_ok(assay_runtime_set_store_directory(runtime, path, NULL));
    must_ok(assay_runtime_set_store_directory(runtime, directory, NULL));
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
                              directory, TRIAL_ISSUER);
    must_ok(assay_validator_from_json(NULL, json, strlen(json), &validator, NULL));
    assert_int_equal(assay_validator_purge(validator, TRIAL_ISSUER, "k", NULL), ASSAY_E_KEY_UNKNOWN);
    assert_non_null(only_file(".json"));
    must_fail(assay_runtime_set_store_directory(validator->runtime, directory, &error), ASSAY_E_FROZEN);
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
    snprintf(path, sizeof path, "%s/%s", directory, name);
    write_path(path, "x", 1);
    const struct timespec times[2] = {{.tv_sec = time(NULL) - age}, {.tv_sec = time(NULL) - age}};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static bool is_there(const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return access(path, F_OK) == 0;
}

static void leftovers_of_the_dead_are_removed(void **state)
{
    (void)state;
    char name[64];
    pid_t dead = fork();
    if (dead == 0)
        _exit(0);
    assert_int_equal(wait_for(dead), 0);
    assert_int_equal(mkdir(directory, 0700), 0);
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
    assert_int_equal(assay_store_open(directory, &store, NULL), ASSAY_OK);
    assay_store_close(store);
    assert_true(is_there("a.json") && is_there("a.tmp") && is_there("a.x.0.tmp") && is_there(name));
    snprintf(name, sizeof name, "b.%d.0.tmp", (int)dead);
    assert_true(is_there(name));
    snprintf(name, sizeof name, "a.%d.0.tmp", (int)dead);
    assert_false(is_there(name));
}

/* ---- writing ---- */

static assay_store *open_store(void)
{
    assay_store *store = NULL;
    assert_int_equal(assay_store_open(directory, &store, NULL), ASSAY_OK);
    return store;
}

static void assert_holds(const assay_store *store, const char *name, const char *wanted)
{
    char *text = NULL;
    size_t len = 0;
    assert_int_equal(assay_store_read(store, name, &text, &len, NULL), ASSAY_OK);
    assert_int_equal(len, strlen(wanted));
    assert_string_equal(text, wanted);
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
    assert_int_equal(wait_for(child), 0);
    assert_holds(store, "n", "old");
    assert_null(only_file(".tmp"));

    /* No descriptors left: that says nothing about the file. */
    child = fork();
    if (child == 0) {
        size_t len;
        char *text;
        const struct rlimit limit = {0, 0};
        if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
            _exit(2);
        _exit(assay_store_read(store, "n", &text, &len, &why) == ASSAY_E_SYSTEM ? 0 : 1);
    }
    assert_int_equal(wait_for(child), 0);

    /* A directory that can be read alone; root may write there all the same, so a child is somebody else. */
    assert_int_equal(chmod(directory, 0500), 0);
    assert_int_equal(geteuid() == 0 ? chown(directory, NOBODY, NOBODY) : 0, 0);
    assert_int_equal(geteuid() == 0 ? chown(only_file(".json"), NOBODY, NOBODY) : 0, 0);
    child = fork();
    if (child == 0) {
        int lock;
        size_t len;
        char *text;
        if (geteuid() == 0 && setuid(NOBODY) != 0)
            _exit(2);
        bool right = assay_store_write(store, "n", "new", 3, false, &why) == ASSAY_E_STORE &&
                     assay_store_lock(store, "n", 0, &lock, &why) == ASSAY_E_STORE && lock == -1 &&
                     assay_store_read(store, "n", &text, &len, &why) == ASSAY_OK && len == 3;
        _exit(right ? 0 : 1);
    }
    assert_int_equal(wait_for(child), 0);
    assert_int_equal(geteuid() == 0 ? chown(only_file(".json"), 0, 0) : 0, 0);
    assert_int_equal(geteuid() == 0 ? chown(directory, 0, 0) : 0, 0);
    assert_int_equal(chmod(directory, 0700), 0);
    assert_holds(store, "n", "old");
    /* A directory that is gone. */
    assert_int_equal(unlink(only_file(".json")), 0);
    assert_int_equal(rmdir(directory), 0);
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
    assert_int_equal(wait_for(child), 0);
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
    assert_int_equal(wait_for(child), 0);
    for (int i = 0; i < 2; i++) {
        (void)close(ready[i]);
        (void)close(done[i]);
    }
    assay_store_close(store);
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
    assert_true(scene_real_ms() - before < 500);
    before = scene_real_ms();
    assert_int_equal(assay_stored_keys_save(keys_of(at.validator), true, &why), ASSAY_E_STORE);
    assert_true(scene_real_ms() - before >= ASSAY_LIMIT_STORE_WAIT_MS);
    assert_non_null(strstr(why.note, "another writer"));
    assay_store_unlock(lock);
    save(at.validator);
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
    int code = assay_store_read(store, "n", &text, &len, NULL);
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
        int code = assay_store_read(store, "n", &text, &len, NULL);
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
        assert_int_equal(wait_for(writers[i]), 0);
    print_message("%d reads of %d writes\n", reads, counted);
    assert_int_equal(counted, WRITERS * ROUNDS);
    assert_null(only_file(".tmp"));
    assay_crypto_unref(crypto);
    assay_store_close(store);
}

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
        assert_int_equal(wait_for(writers[i]), 0);
    text = read_path(only_file(".json"), &len);
    for (int i = 0; i < WRITERS; i++) {
        snprintf(kid, sizeof kid, "\"purged-%d\"", i);
        now_known += memmem(text, len, kid, strlen(kid)) != NULL;
    }
    assert_int_equal(now_known, WRITERS);
    free(text);
}

int main(void)
{
#define SCENE(name) cmocka_unit_test_setup_teardown(name, open_scene, close_scene)
#define FOLDER(name) cmocka_unit_test_setup_teardown(name, open_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        SCENE(a_new_process_begins_warm),
        SCENE(a_purge_reaches_the_others),
        SCENE(a_purge_takes_what_others_have_fetched),
        SCENE(a_purge_that_others_can_t_hear_of_says_so),
        SCENE(pushed_keys_are_shared),
        SCENE(files_that_others_could_have_written),
        SCENE(torn_and_altered_files),
        SCENE(the_file_of_another_issuer),
        SCENE(wall_clocks_jump),
        FOLDER(directories_that_others_can_write_to),
        FOLDER(the_document_names_it),
        FOLDER(leftovers_of_the_dead_are_removed),
        FOLDER(the_old_file_stays_where_the_new_one_can_t_be_written),
        FOLDER(locks_are_waited_for),
        SCENE(a_save_that_is_not_durable_does_not_wait),
        FOLDER(many_processes_write_one_file),
        SCENE(purges_of_many_processes_unite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
