/* SPDX-License-Identifier: MIT */
/* Functions of the host that use the library themselves, of other credentials: the one that gives assertions, in the thread that renews, and the one that logs. */
#include "flow/credential.h"
#include "support/acquire_trial.h"
#include "support/process.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define WAIT 20000
#define SECONDS 20          /* that a child may take; a hang is much longer */
#define ODD_CLIENT "my-app" /* which is warned of when its credential is used first */

static assay_credential *other; /* which the function that gives assertions uses, or the one that logs */
static atomic_int entered, left, lines;

static void use_other(void)
{
    assay_access_token *token = NULL;
    atomic_fetch_add(&entered, 1);
    trial_sleep(100);
    if (assay_credential_get_token(other, EXCHANGE_SCOPE, 0, &token, NULL) == ASSAY_E_TOKEN_NEEDED)
        atomic_fetch_add(&left, 1);
}

/* Once there is another credential it uses that, and gives none. */
static int give_assertion(void *user_data, char *room, size_t size, size_t *len)
{
    if (other == NULL)
        return exchange_scene_assertion(user_data, room, size, len);
    use_other();
    return -1;
}

static int open_credential(void **state)
{
    (void)trial_begin_frozen(state);
    atomic_store(&entered, 0);
    atomic_store(&left, 0);
    atomic_store(&lines, 0);
    trial_replace(exchange_scene_credential(&the_scene, "client-assertion"));
    assert_int_equal(assay_credential_set_assertion_function(the_credential, give_assertion, NULL, NULL, NULL),
                     ASSAY_OK);
    assay_access_token_unref(exchange_scene_get(the_credential, EXCHANGE_SCOPE));
    return 0;
}

static bool comes(atomic_int *count)
{
    for (int i = 0; i < WAIT && atomic_load(count) == 0; i++)
        trial_sleep(1);
    return atomic_load(count) > 0;
}

/* The token is due, and the thread that renews it is in the function. */
static bool renew_by_thread(void)
{
    assay_access_token *token = NULL;
    exchange_scene_advance(&the_scene, 3200);
    int code = assay_credential_get_token(the_credential, EXCHANGE_SCOPE, WAIT, &token, NULL);
    assay_access_token_unref(token);
    return code == ASSAY_OK && comes(&entered);
}

static int fork_meanwhile(void *argument)
{
    (void)argument;
    other = exchange_scene_secret(&the_scene);
    EXPECT(renew_by_thread());
    EXPECT(process_run(process_do_nothing, NULL, SECONDS) == 0);
    EXPECT(comes(&left));
    assay_credential_unref(the_credential);
    assay_credential_unref(other);
    return 0;
}

/* Whoever forks waits for the thread, which waits for nothing that is held meanwhile: here for the list of credentials, which another one enters. */
static void test_forked_while_the_function_uses_another(void **state)
{
    (void)state;
    assert_int_equal(process_run(fork_meanwhile, NULL, 2 * SECONDS), 0);
}

static void count_line(void *user_data, int level, const char *line, size_t len)
{
    (void)user_data;
    (void)len;
    if (level == ASSAY_LOG_WARNING && strstr(line, "AADSTS700016") != NULL)
        atomic_fetch_add(&lines, 1);
}

static assay_credential *odd_credential(assay_log_function log)
{
    assay_runtime *runtime = NULL;
    assay_credential *made = NULL;
    if (assay_runtime_new(&runtime, NULL) != ASSAY_OK ||
        assay_runtime_set_log(runtime, ASSAY_LOG_WARNING, log, NULL, NULL, NULL) != ASSAY_OK ||
        assay_credential_new(runtime, "client-secret", &made, NULL) != ASSAY_OK ||
        assay_credential_set_tenant(made, EXCHANGE_TENANT, NULL) != ASSAY_OK ||
        assay_credential_set_secret(made, "secret", 6, NULL) != ASSAY_OK ||
        assay_credential_set_client_id(made, ODD_CLIENT, NULL) != ASSAY_OK)
        abort();
    assay_runtime_unref(runtime);
    return made;
}

static int log_elsewhere(void *argument)
{
    (void)argument;
    other = odd_credential(count_line);
    EXPECT(renew_by_thread());
    EXPECT(comes(&lines));
    EXPECT(atomic_load(&left) == 1);
    assay_credential_unref(the_credential);
    assay_credential_unref(other);
    return 0;
}

/* The thread keeps what is logged until it is out of the library; each line goes to the log of its own runtime, and this credential's has none. */
static void test_lines_go_to_their_own_log(void **state)
{
    (void)state;
    assert_int_equal(process_run(log_elsewhere, NULL, SECONDS), 0);
}

static void use_other_and_count(void *user_data, int level, const char *line, size_t len)
{
    count_line(user_data, level, line, len);
    use_other();
}

static int log_and_use(void *argument)
{
    assay_access_token *token = NULL;
    (void)argument;
    assay_credential *odd = odd_credential(use_other_and_count);
    other = exchange_scene_secret(&the_scene);
    EXPECT(assay_credential_get_token(odd, EXCHANGE_SCOPE, 0, &token, NULL) == ASSAY_E_TOKEN_NEEDED);
    EXPECT(atomic_load(&lines) == 1 && atomic_load(&left) == 1);
    assay_credential_unref(odd);
    assay_credential_unref(other);
    return 0;
}

/* No lock is held while the host hears: it may use another credential for the first time. */
static void test_log_function_uses_another(void **state)
{
    (void)state;
    assert_int_equal(process_run(log_and_use, NULL, SECONDS), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_credential, trial_end)
    const struct CMUnitTest tests[] = {
        TEST(test_forked_while_the_function_uses_another),
        TEST(test_lines_go_to_their_own_log),
        TEST(test_log_function_uses_another),
    };
    return cmocka_run_group_tests(tests, exchange_scene_setup, exchange_scene_teardown);
}
