/* SPDX-License-Identifier: MIT */
/* The tokens that one credential keeps: which answers which request (cases 43 and 46), how many there are (case 47), and readers who look meanwhile. */
#include "flow/kept_tokens.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka wants the two above first. */
#include <cmocka.h>

#define READERS 4
#define REPLACED 2000

static assay_kept_tokens tokens;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int open_tokens(void **state)
{
    (void)state;
    memset(&tokens, 0, sizeof tokens);
    return assay_kept_tokens_init(&tokens);
}

static int close_tokens(void **state)
{
    (void)state;
    assay_kept_tokens_clear(&tokens);
    return 0;
}

static assay_token_request request_of(char *scope)
{
    return (assay_token_request){.scope = scope};
}

static assay_token_request user_request(char *scope, unsigned user)
{
    assay_token_request request = {.scope = scope, .has_user = true};
    memcpy(request.user_digest, &user, sizeof user);
    return request;
}

static assay_access_token *make_token(const char *text)
{
    assay_token_answer answer = {.lifetime = 3600, .token_type = "Bearer"};
    assert_true(assay_secret_set(&answer.token, text, strlen(text)));
    assay_access_token *token = assay_access_token_make(&answer, text, "test", 1000, 1000000, 0);
    assert_non_null(token);
    return token;
}

static void test_case_43_separate_entries(void **state)
{
    (void)state;
    char scope[] = "a", other[] = "b", tenant[] = "t", claims[] = "{\"x\":1}";
    assay_token_request wanted[] = {
        request_of(scope),
        request_of(other),
        {.scope = scope, .tenant = tenant},
        {.scope = scope, .claims = claims},
        {.scope = scope, .continuous = true}, /* case 46 */
        {.scope = scope, .continuous = true, .claims = claims},
        user_request(scope, 1),
        user_request(scope, 2),
        user_request(scope, 0), /* a digest of zeros is a user all the same */
        {.scope = other, .tenant = scope},
        {.scope = tenant, .tenant = scope},
    };
    assay_kept *kept[ASSAY_COUNT_OF(wanted)];
    for (size_t i = 0; i < ASSAY_COUNT_OF(wanted); i++) {
        assert_null(assay_kept_find(&tokens, &wanted[i]));
        kept[i] = assay_kept_need(&tokens, &wanted[i]);
        assert_non_null(kept[i]);
        for (size_t j = 0; j < i; j++)
            assert_ptr_not_equal(kept[i], kept[j]);
    }
    for (size_t i = 0; i < ASSAY_COUNT_OF(wanted); i++) {
        assert_ptr_equal(assay_kept_find(&tokens, &wanted[i]), kept[i]);
        assert_ptr_equal(assay_kept_need(&tokens, &wanted[i]), kept[i]);
    }
    assert_ptr_equal(assay_kept_find_scope(&tokens, "a"), kept[0]);
    assert_null(assay_kept_find_scope(&tokens, "c"));
    assert_int_equal(tokens.count, ASSAY_COUNT_OF(wanted) - 3);
    assert_int_equal(tokens.user_count, 3);
}

static void test_scope_that_is_too_long(void **state)
{
    (void)state;
    char scope[ASSAY_LIMIT_SCOPE_BYTES + 2];
    memset(scope, 'a', sizeof scope - 1);
    scope[sizeof scope - 1] = '\0';
    assert_null(assay_kept_find_scope(&tokens, scope));
    scope[sizeof scope - 2] = '\0'; /* the longest */
    const assay_token_request wanted = request_of(scope);
    assay_kept *kept = assay_kept_need(&tokens, &wanted);
    assert_non_null(kept);
    assert_ptr_equal(assay_kept_find_scope(&tokens, scope), kept);
}

static void test_user_token_is_not_kept(void **state)
{
    (void)state;
    char scope[] = "a";
    assay_token_request wanted = user_request(scope, 7);
    wanted.made_ms = 5;
    assert_true(assay_secret_set(&wanted.user_assertion, "secret", 6));
    const assay_kept *kept = assay_kept_need(&tokens, &wanted);
    assert_non_null(kept);
    assert_null(kept->wanted->user_assertion.text);
    assert_int_equal(kept->wanted->made_ms, 0); /* a challenge is of one moment */
    assay_secret_clear(&wanted.user_assertion);
}

static size_t count_all(void)
{
    size_t count = 0;
    for (const assay_kept *kept = assay_kept_next(&tokens, NULL); kept != NULL; kept = assay_kept_next(&tokens, kept))
        count++;
    return count;
}

static assay_kept *need_used(const assay_token_request *wanted, int64_t used_ms)
{
    assay_kept *kept = assay_kept_need(&tokens, wanted);
    assert_non_null(kept);
    atomic_store(&kept->used_ms, used_ms);
    return kept;
}

static void test_case_47_user_tokens_are_bounded(void **state)
{
    (void)state;
    char scope[] = "a";
    const assay_token_request plain = request_of(scope);
    (void)need_used(&plain, 0); /* the oldest of all, but of another sort */
    for (unsigned i = 0; i < ASSAY_LIMIT_KEPT_USER_TOKENS; i++) {
        const assay_token_request wanted = user_request(scope, i);
        assay_kept_put(&tokens, need_used(&wanted, 1000 + (int64_t)i), make_token("t"));
    }
    const assay_token_request first = user_request(scope, 0), second = user_request(scope, 1);
    const assay_token_request more = user_request(scope, 5000), yet_more = user_request(scope, 5001);
    atomic_store(&assay_kept_find(&tokens, &first)->used_ms, 9000); /* it was asked for again */
    (void)need_used(&more, 9001);
    assert_non_null(assay_kept_find(&tokens, &first));
    assert_null(assay_kept_find(&tokens, &second));
    assert_non_null(assay_kept_find(&tokens, &plain));
    assert_int_equal(tokens.user_count, ASSAY_LIMIT_KEPT_USER_TOKENS);
    assert_int_equal(count_all(), ASSAY_LIMIT_KEPT_USER_TOKENS + 1);
    (void)need_used(&yet_more, 9002);
    assert_int_equal(count_all(), ASSAY_LIMIT_KEPT_USER_TOKENS + 1);
}

static void test_other_tokens_are_bounded(void **state)
{
    (void)state;
    char scope[16];
    for (unsigned i = 0; i <= ASSAY_LIMIT_KEPT_TOKENS; i++) {
        (void)snprintf(scope, sizeof scope, "s%u", i);
        const assay_token_request wanted = request_of(scope);
        (void)need_used(&wanted, 1000 + (int64_t)i);
    }
    assert_null(assay_kept_find_scope(&tokens, "s0"));
    assert_non_null(assay_kept_find_scope(&tokens, "s1"));
    assert_int_equal(tokens.count, ASSAY_LIMIT_KEPT_TOKENS);
}

/* Whoever waits for one must find it where it was. */
static void test_what_is_in_use_stays(void **state)
{
    (void)state;
    char scope[] = "a";
    for (unsigned i = 0; i < ASSAY_LIMIT_KEPT_USER_TOKENS; i++) {
        const assay_token_request wanted = user_request(scope, i);
        need_used(&wanted, (int64_t)i)->pins = 1;
    }
    const assay_token_request more = user_request(scope, 5000), fifth = user_request(scope, 5);
    assert_null(assay_kept_need(&tokens, &more));
    assay_kept_find(&tokens, &fifth)->pins = 0;
    assay_kept_find(&tokens, &fifth)->flying = true;
    assert_null(assay_kept_need(&tokens, &more));
    assay_kept_find(&tokens, &fifth)->flying = false;
    assert_non_null(assay_kept_need(&tokens, &more));
    assert_null(assay_kept_find(&tokens, &fifth));
}

static void test_replacing_counts_tokens(void **state)
{
    (void)state;
    char scope[] = "a";
    const assay_token_request wanted = request_of(scope);
    assay_kept *kept = assay_kept_need(&tokens, &wanted);
    uint64_t before = atomic_load(&kept->generation);
    assay_access_token *token = make_token("one");
    assay_kept_put(&tokens, kept, assay_access_token_ref(token));
    assert_int_equal(atomic_load(&kept->generation), before + 1);
    assay_kept_put(&tokens, kept, make_token("two"));
    assert_int_equal(atomic_load(&kept->generation), before + 2);
    assay_kept_put(&tokens, kept, NULL);
    assert_int_equal(atomic_load(&kept->generation), before + 2); /* nothing came */
    assert_int_equal(atomic_load(&token->references), 1);         /* the caller's */
    assay_access_token_unref(token);
}

static atomic_bool stop;
static atomic_long reads;

/* What a reader of the hot path does: it finds, takes a reference, leaves, and reads the text afterwards. */
static void *read_on(void *argument)
{
    char scope[] = "hot";
    const assay_token_request wanted = request_of(scope);
    (void)argument;
    while (!atomic_load(&stop)) {
        assay_reading reading = assay_readers_enter(tokens.readers);
        assay_kept *kept = assay_kept_find(&tokens, &wanted);
        assay_access_token *token = kept == NULL ? NULL : atomic_load(&kept->token);
        assay_access_token_ref(token);
        assay_readers_leave(reading);
        if (token == NULL)
            continue;
        const char *text = assay_access_token_text(token, NULL);
        if (strlen(text) != 6 || strncmp(text, "hot-", 4) != 0) {
            fprintf(stderr, "a reader saw another token, or a wiped one\n");
            abort();
        }
        assay_access_token_unref(token);
        atomic_fetch_add_explicit(&reads, 1, memory_order_relaxed);
    }
    return NULL;
}

/* Replaced, forgotten, pushed out by others, made again. */
static void change(unsigned i)
{
    char scope[16], text[16];
    const assay_token_request hot = {.scope = (char[]){"hot"}};
    (void)snprintf(text, sizeof text, "hot-%02u", i % 100);
    (void)pthread_mutex_lock(&lock);
    assay_kept *kept = need_used(&hot, (int64_t)i);
    assay_kept_put(&tokens, kept, i % 7 == 6 ? NULL : make_token(text));
    (void)snprintf(scope, sizeof scope, "s%u", i);
    const assay_token_request other = request_of(scope);
    assay_kept_put(&tokens, need_used(&other, (int64_t)i + (i % 3 == 0 ? 5000 : 0)), make_token("other"));
    (void)pthread_mutex_unlock(&lock);
}

static void test_readers_while_tokens_change(void **state)
{
    pthread_t threads[READERS];
    (void)state;
    atomic_store(&stop, false);
    for (size_t i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_on, NULL), 0);
    for (unsigned i = 0; i < REPLACED || (atomic_load(&reads) < 1000 && i < 100 * REPLACED); i++)
        change(i);
    atomic_store(&stop, true);
    for (size_t i = 0; i < READERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_true(atomic_load(&reads) >= 1000);
    assert_int_equal(tokens.count, ASSAY_LIMIT_KEPT_TOKENS);
}

static int64_t allowed_after_fork(uint64_t salt, int64_t before)
{
    const assay_token_request wanted = {.scope = (char[]){"a"}};
    assay_kept *kept = assay_kept_find(&tokens, &wanted);
    atomic_store(&kept->renew_allowed_ms, before);
    assay_kept_forked(kept, salt);
    return atomic_load(&kept->renew_allowed_ms);
}

/* Each child renews the token of its parent later than that, by a delay of its own. */
static void test_renewals_of_children_are_spread(void **state)
{
    (void)state;
    const assay_token_request wanted = {.scope = (char[]){"a"}};
    assay_kept *kept = assay_kept_need(&tokens, &wanted);
    assert_true(allowed_after_fork(UINT64_MAX, INT64_MIN) == INT64_MIN); /* there is nothing to renew */
    assay_access_token *token = make_token("text");
    int64_t most = (token->until_ms - token->renew_ms) / 4;
    assay_kept_put(&tokens, kept, token);
    assert_int_equal(allowed_after_fork(0, INT64_MIN), token->renew_ms);
    assert_int_equal(allowed_after_fork(UINT64_C(1) << 63, INT64_MIN), token->renew_ms + most / 2);
    assert_in_range(allowed_after_fork(UINT64_MAX, INT64_MIN), token->renew_ms + most - 100, token->renew_ms + most);
    /* After a renewal that failed: from when it may be tried again. */
    int64_t failed = token->renew_ms + 60000;
    assert_int_equal(allowed_after_fork(0, failed), failed);
    assert_int_equal(allowed_after_fork(UINT64_C(1) << 63, failed), failed + (token->until_ms - failed) / 8);
    assert_int_equal(allowed_after_fork(UINT64_MAX, token->until_ms + 1), token->until_ms + 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_tokens, close_tokens)
    const struct CMUnitTest tests[] = {
        TEST(test_case_43_separate_entries),        TEST(test_scope_that_is_too_long),
        TEST(test_user_token_is_not_kept),          TEST(test_case_47_user_tokens_are_bounded),
        TEST(test_other_tokens_are_bounded),        TEST(test_what_is_in_use_stays),
        TEST(test_replacing_counts_tokens),         TEST(test_readers_while_tokens_change),
        TEST(test_renewals_of_children_are_spread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
