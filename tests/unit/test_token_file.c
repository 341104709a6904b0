/* SPDX-License-Identifier: MIT */
/* The federated token file and what a JWT says of itself (cases 16 to 19 and 24). */
#include "acquire/token_file.h"
#include "base/base64url.h"
#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the two above first. */
#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define TOKEN "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJlLW9mLWEtdG9rZW4"

static char folder[] = "/tmp/assay-token-file-XXXXXX";

static const char *path_of(const char *name)
{
    static char path[2][256];
    static unsigned turn;
    turn = 1 - turn;
    (void)snprintf(path[turn], sizeof path[turn], "%s/%s", folder, name);
    return path[turn];
}

static const char *put(const char *name, const void *bytes, size_t len)
{
    const char *path = path_of(name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0 && write(fd, bytes, len) == (ssize_t)len);
    assert_int_equal(close(fd), 0);
    return path;
}

static void gives(const char *path, const char *member, const char *wanted)
{
    assay_secret token = {NULL, 0, 0, false};
    assay_failure failure;
    assay_failure_detail detail;
    assert_int_equal(assay_token_file_read(path, member, &token, &failure, &detail), ASSAY_OK);
    assert_string_equal(token.text, wanted);
    assert_int_equal(token.len, strlen(wanted));
    assay_secret_clear(&token);
}

static void fails(const char *path, const char *member, int code, int row)
{
    assay_secret token = {NULL, 0, 0, false};
    assay_failure failure;
    assay_failure_detail detail;
    assert_true(assay_secret_set(&token, "old", 3));
    assert_int_equal(assay_token_file_read(path, member, &token, &failure, &detail), code);
    assert_null(token.text);
    assert_int_equal(detail.row, row);
    assert_ptr_equal(failure.detail, &detail);
    assert_true(failure.note[0] != '\0');
    /* Nothing of the content, which begins with these in all tests. */
    assert_null(strstr(failure.note, "eyJ"));
    assert_null(strstr(failure.note, "secret"));
    assert_int_equal(assay_token_file_read(path, member, &token, NULL, NULL), code);
}

static void test_case_16_white_space_goes(void **state)
{
    (void)state;
    static const char *const texts[] = {TOKEN, TOKEN "\n", TOKEN "\r\n", " \t\n\v\f\r" TOKEN "\n\n  "};
    for (size_t i = 0; i < ASSAY_COUNT_OF(texts); i++)
        gives(put("token", texts[i], strlen(texts[i])), NULL, TOKEN);
    fails(put("token", TOKEN "\n" TOKEN, 2 * strlen(TOKEN) + 1), NULL, ASSAY_E_TOKEN_FILE_CONTENT, 12);
}

/* Root may read everything: a child gives that up first. */
static void without_root(void (*check)(void))
{
    int status = 0;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (getuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
            _exit(2);
        check();
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void read_forbidden(void)
{
    assay_secret token = {NULL, 0, 0, false};
    assay_failure failure;
    assay_failure_detail detail;
    int code = assay_token_file_read(path_of("forbidden"), NULL, &token, &failure, &detail);
    if (code != ASSAY_E_TOKEN_FILE_ACCESS || detail.row != 52)
        _exit(1);
}

static void test_case_17_six_errors_that_differ(void **state)
{
    (void)state;
    /* Not of the heap: what the child below doesn't free would be lost memory. */
    static char large[70 * 1024];
    memset(large, 'a', sizeof large);
    fails(path_of("nothing"), NULL, ASSAY_E_TOKEN_FILE_MISSING, 51);
    fails(path_of("token/nothing"), NULL, ASSAY_E_TOKEN_FILE_MISSING, 51);
    assert_int_equal(symlink("loop", path_of("loop")), 0);
    fails(path_of("loop"), NULL, ASSAY_E_TOKEN_FILE_MISSING, 51);
    assert_int_equal(chmod(folder, 0755), 0);
    assert_int_equal(chmod(put("forbidden", TOKEN, strlen(TOKEN)), 0), 0);
    without_root(read_forbidden);
    fails(folder, NULL, ASSAY_E_TOKEN_FILE_TYPE, 0);
    assert_int_equal(mkfifo(path_of("fifo"), 0600), 0);
    fails(path_of("fifo"), NULL, ASSAY_E_TOKEN_FILE_TYPE, 0);
    fails("/dev/null", NULL, ASSAY_E_TOKEN_FILE_TYPE, 0);
    fails(put("token", "", 0), NULL, ASSAY_E_TOKEN_FILE_EMPTY, 53);
    fails(put("token", " \r\n", 3), NULL, ASSAY_E_TOKEN_FILE_EMPTY, 53);
    fails(put("token", large, sizeof large), NULL, ASSAY_E_TOKEN_FILE_SIZE, 0);
    fails(put("token", large, ASSAY_LIMIT_TOKEN_FILE_BYTES + 1), NULL, ASSAY_E_TOKEN_FILE_SIZE, 0);
    large[1] = large[3] = '.';
    put("token", large, ASSAY_LIMIT_TOKEN_FILE_BYTES);
    large[ASSAY_LIMIT_TOKEN_FILE_BYTES] = '\0';
    gives(path_of("token"), NULL, large);
    fails(put("token", "eyJ.a\0b.c", 9), NULL, ASSAY_E_TOKEN_FILE_CONTENT, 12);
    fails(put("token", TOKEN "\0", strlen(TOKEN) + 1), NULL, ASSAY_E_TOKEN_FILE_CONTENT, 12);
}

static atomic_bool stop;

/* As the kubelet does: a link is made to point elsewhere, at once. */
static void *swap(void *unused)
{
    char next[256], link[256];
    (void)unused;
    (void)snprintf(next, sizeof next, "%s/next", folder);
    (void)snprintf(link, sizeof link, "%s/current", folder);
    for (unsigned i = 0; !atomic_load(&stop); i++) {
        (void)unlink(next);
        if (symlink(i % 2 == 0 ? "old" : "new", next) != 0 || rename(next, link) != 0)
            abort();
    }
    return NULL;
}

static void test_case_18_a_link_is_swapped(void **state)
{
    (void)state;
    char old_token[8193], new_token[20001];
    memset(old_token, 'o', sizeof old_token);
    memset(new_token, 'n', sizeof new_token);
    old_token[1] = old_token[3] = new_token[1] = new_token[3] = '.';
    old_token[sizeof old_token - 1] = new_token[sizeof new_token - 1] = '\0';
    put("old", old_token, sizeof old_token - 1);
    put("new", new_token, sizeof new_token - 1);
    assert_int_equal(symlink("old", path_of("current")), 0);
    gives(path_of("current"), NULL, old_token);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, swap, NULL), 0);
    char path[256];
    (void)snprintf(path, sizeof path, "%s/current", folder);
    for (int i = 0; i < 2000; i++) {
        assay_secret token = {NULL, 0, 0, false};
        assert_int_equal(assay_token_file_read(path, NULL, &token, NULL, NULL), ASSAY_OK);
        assert_true(strcmp(token.text, old_token) == 0 || strcmp(token.text, new_token) == 0);
        assay_secret_clear(&token);
    }
    atomic_store(&stop, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

static void test_case_19_a_long_token(void **state)
{
    (void)state;
    char token[6145];
    memset(token, 'x', sizeof token);
    token[1000] = token[5000] = '.';
    token[6144] = '\0';
    gives(put("token", token, 6144), NULL, token);
}

static void test_case_24_segments(void **state)
{
    (void)state;
    static const char *const bad[] = {"eyJ.secret",     "eyJ",
                                      "eyJ.secret.a.b", "..",
                                      "eyJ..secret",    ".eyJ.secret",
                                      "eyJ.secret.",    "eyJ.sec ret.a",
                                      "eyJ.a.b=",       "eyJ.a.b+",
                                      "Bearer eyJ.a.b", "\"eyJ.a.b\"",
                                      "eyJ.\xc3\xa9.a", "\357\273\277eyJ.a.b"};
    for (size_t i = 0; i < ASSAY_COUNT_OF(bad); i++)
        fails(put("token", bad[i], strlen(bad[i])), NULL, ASSAY_E_TOKEN_FILE_CONTENT, 12);
    assay_secret token = {NULL, 0, 0, false};
    assay_failure failure;
    (void)assay_token_file_read(put("token", "eyJ.secret\n", 11), NULL, &token, &failure, NULL);
    assert_non_null(strstr(failure.note, "10 bytes in 2 segments"));
}

static void a_member_of_json(void **state)
{
    (void)state;
    static const char good[] = "{\"a\":1,\"id_token\":\" " TOKEN "\\n\"}\n";
    gives(put("json", good, sizeof good - 1), "id_token", TOKEN);
    fails(path_of("json"), "other", ASSAY_E_TOKEN_FILE_CONTENT, 12);
    fails(path_of("json"), "a", ASSAY_E_TOKEN_FILE_CONTENT, 12);
    fails(path_of("json"), NULL, ASSAY_E_TOKEN_FILE_CONTENT, 12);
    fails(put("json", "{\"t\":\"eyJ.secret\"}", 18), "t", ASSAY_E_TOKEN_FILE_CONTENT, 12);
    fails(put("json", "{\"t\":\"\"}", 8), "t", ASSAY_E_TOKEN_FILE_CONTENT, 12);
    fails(put("json", "[\"eyJ.secret\"]", 14), "t", ASSAY_E_TOKEN_FILE_CONTENT, 12);
    fails(put("json", "{\"t\":\"eyJ", 9), "t", ASSAY_E_TOKEN_FILE_CONTENT, 12);
}

/* RFC 8693, section 3: what is no JWT by its type may have any form that a header could have. */
static void other_types_than_jwt(void **state)
{
    (void)state;
    static const char *const types[] = {"access_token", "saml2", "refresh_token"};
    static const char *const jwts[] = {"jwt", "id_token"};
    static const char *const bad[] = {"secret one", "secret\nsecret", "secr\xc3\xa9t", "secret\x7f"};
    assay_secret token = {NULL, 0, 0, false};
    assay_failure failure;
    assay_failure_detail detail;
    char type[80];
    for (size_t i = 0; i < ASSAY_COUNT_OF(types); i++) {
        (void)snprintf(type, sizeof type, "urn:ietf:params:oauth:token-type:%s", types[i]);
        const char *path = put("token", " opaque/secret+=~\n", 18);
        assert_int_equal(assay_token_file_read_typed(path, NULL, type, &token, &failure, &detail), ASSAY_OK);
        assert_string_equal(token.text, "opaque/secret+=~");
        path = put("json", "{\"t\":\"opaque.secret\"}", 21);
        assert_int_equal(assay_token_file_read_typed(path, "t", type, &token, &failure, &detail), ASSAY_OK);
        assert_string_equal(token.text, "opaque.secret");
    }
    for (size_t i = 0; i < ASSAY_COUNT_OF(bad); i++) {
        const char *path = put("token", bad[i], strlen(bad[i]));
        assert_int_equal(assay_token_file_read_typed(path, NULL, type, &token, &failure, &detail),
                         ASSAY_E_TOKEN_FILE_CONTENT);
        assert_null(token.text);
        assert_int_equal(detail.row, 0); /* that of a JWT's form does not fit */
        assert_null(strstr(failure.note, "secr"));
    }
    for (size_t i = 0; i < ASSAY_COUNT_OF(jwts); i++) {
        (void)snprintf(type, sizeof type, "urn:ietf:params:oauth:token-type:%s", jwts[i]);
        const char *path = put("token", "opaque", 6);
        assert_int_equal(assay_token_file_read_typed(path, NULL, type, &token, &failure, &detail),
                         ASSAY_E_TOKEN_FILE_CONTENT);
        assert_int_equal(detail.row, 12);
    }
}

/* A token of two JSON texts; release with free(). */
static char *jwt(const char *header, const char *payload)
{
    size_t header_len = strlen(header), payload_len = strlen(payload);
    char *token = malloc(ASSAY_BASE64URL_ENCODED(header_len) + ASSAY_BASE64URL_ENCODED(payload_len) + 10);
    assert_non_null(token);
    assay_base64url_encode((const uint8_t *)header, header_len, token);
    strcat(token, ".");
    assay_base64url_encode((const uint8_t *)payload, payload_len, token + strlen(token));
    strcat(token, ".c2ln");
    return token;
}

static void a_look_into_a_token(void **state)
{
    (void)state;
    char *token = jwt("{\"alg\":\"RS256\",\"kid\":\"k\\n1\"}",
                      "{\"iss\":\"https://i/\",\"sub\":\"system:serviceaccount:a:b\",\"aud\":[\"x\",\"api://y\"],"
                      "\"exp\":1700003600,\"iat\":1700000000.5,\"nbf\":-1}");
    assay_peek peek;
    assay_peek_read(token, strlen(token), &peek);
    assert_true(peek.readable);
    assert_string_equal(peek.issuer, "https://i/");
    assert_string_equal(peek.subject, "system:serviceaccount:a:b");
    assert_string_equal(peek.audience, "x");
    assert_int_equal(peek.audience_count, 2);
    assert_string_equal(peek.algorithm, "RS256");
    assert_string_equal(peek.key_id, "k\\x0a1");
    assert_int_equal(peek.expiry, 1700003600);
    assert_int_equal(peek.issued_at, 1700000000);
    assert_int_equal(peek.not_before, 0);
    assert_true(assay_peek_has_audience(token, strlen(token), "api://y"));
    assert_false(assay_peek_has_audience(token, strlen(token), "api://Y"));
    assert_false(assay_peek_has_audience(token, strlen(token) - 10, "api://y"));
    free(token);

    token = jwt("{}", "{\"aud\":\"one\",\"exp\":\"soon\",\"iss\":1}");
    assay_peek_read(token, strlen(token), &peek);
    assert_true(peek.readable && peek.audience_count == 1 && peek.expiry == 0 && peek.issuer[0] == '\0');
    assert_true(assay_peek_has_audience(token, strlen(token), "one"));
    free(token);
    static const char *const bad[] = {"",         ".",           "..",         "a.b.c",    "e30.e30",
                                      "e30.e30.", "e30.e30.a.b", "e30=.e30.a", "W10.e30.a"};
    for (size_t i = 0; i < ASSAY_COUNT_OF(bad); i++) {
        assay_peek_read(bad[i], strlen(bad[i]), &peek);
        assert_false(peek.readable);
        assert_false(assay_peek_has_audience(bad[i], strlen(bad[i]), "one"));
    }
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) == NULL ? -1 : 0;
}

static int remove_folder(void **state)
{
    (void)state;
    static const char *const names[] = {"token", "loop", "forbidden", "fifo", "old", "new", "current", "next", "json"};
    for (size_t i = 0; i < ASSAY_COUNT_OF(names); i++)
        (void)unlink(path_of(names[i]));
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_case_16_white_space_goes),  cmocka_unit_test(test_case_17_six_errors_that_differ),
        cmocka_unit_test(test_case_18_a_link_is_swapped), cmocka_unit_test(test_case_19_a_long_token),
        cmocka_unit_test(test_case_24_segments),          cmocka_unit_test(a_member_of_json),
        cmocka_unit_test(other_types_than_jwt),           cmocka_unit_test(a_look_into_a_token),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
