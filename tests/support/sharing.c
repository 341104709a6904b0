/* SPDX-License-Identifier: MIT */
#include "sharing.h"

#include "support/store_folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static int64_t wall_of(void *data)
{
    return ((const sharing *)data)->wall;
}

static int64_t steady_of(void *data)
{
    return ((const sharing *)data)->steady;
}

static void hear(void *data, int level, const char *text, size_t len)
{
    sharing *s = data;
    (void)len;
    s->logged += level == ASSAY_LOG_WARNING;
    snprintf(s->said, sizeof s->said, "%s", text);
}

void sharing_open(sharing *s)
{
    static char tenant[] = "11111111-2222-3333-4444-555555555555", client[] = "client", file[] = "/run/token";
    static char scope[] = SHARING_SCOPE;
    assay_runtime *runtime = NULL;
    memset(s, 0, sizeof *s);
    s->lock = -1;
    assert_int_equal(assay_runtime_make(&runtime), ASSAY_OK);
    runtime->log = hear;
    runtime->log_data = s;
    runtime->log_level = ASSAY_LOG_WARNING;
    assert_int_equal(assay_runtime_use(runtime, &s->credential.runtime, NULL), ASSAY_OK);
    assay_runtime_drop(runtime);
    s->credential.settings.kind = ASSAY_CREDENTIAL_WORKLOAD;
    s->credential.settings.tenant = tenant;
    s->credential.settings.client_id = client;
    s->credential.settings.token_file = file;
    s->wanted.scope = scope;
    assert_int_equal(assay_shared_open(store_directory, &s->credential.shared, NULL), ASSAY_OK);
}

void sharing_open_at(sharing *s, int64_t wall, int64_t steady)
{
    sharing_open(s);
    s->wall = wall;
    s->steady = steady;
    s->credential.runtime->clock = (assay_clock){wall_of, steady_of, s};
}

void sharing_close(sharing *s)
{
    assay_shared_unlock(&s->lock);
    assay_shared_close(s->credential.shared);
    assay_runtime_drop(s->credential.runtime);
    memset(s, 0, sizeof *s);
    s->lock = -1;
}

assay_access_token *sharing_token(sharing *s, const char *text, int64_t life)
{
    assay_token_answer answer = {.lifetime = life};
    const assay_clock *clock = &s->credential.runtime->clock;
    assay_secret_put(&answer.token, text);
    snprintf(answer.token_type, sizeof answer.token_type, "Bearer");
    snprintf(answer.issued_token_type, sizeof answer.issued_token_type,
             "urn:ietf:params:oauth:token-type:access_token");
    assay_access_token *token = assay_access_token_make(&answer, s->wanted.scope, "test", assay_clock_wall(clock),
                                                        assay_clock_steady(clock), 0);
    assert_non_null(token);
    return token;
}

void sharing_put(sharing *s, const char *text, int64_t life)
{
    assay_access_token *token = sharing_token(s, text, life);
    assay_shared_put(&s->credential, &s->wanted, token);
    assay_access_token_unref(token);
}

assay_shared_answer sharing_ask(sharing *s)
{
    assay_access_token *token = NULL;
    assay_shared_answer answer = assay_shared_get(&s->credential, &s->wanted, s->wanted.made_ms, &s->lock, &token);
    assert_int_equal(answer == ASSAY_SHARED_TOKEN, token != NULL);
    assay_access_token_unref(token);
    return answer;
}

void sharing_has(sharing *s, const char *text)
{
    assay_access_token *token = NULL;
    size_t len = 0;
    assert_int_equal(assay_shared_get(&s->credential, &s->wanted, s->wanted.made_ms, &s->lock, &token),
                     ASSAY_SHARED_TOKEN);
    assert_string_equal(assay_access_token_text(token, &len), text);
    assert_int_equal(len, strlen(text));
    assert_int_equal(s->lock, -1);
    assay_access_token_unref(token);
}

void sharing_has_none(sharing *s)
{
    assert_int_equal(sharing_ask(s), ASSAY_SHARED_NOTHING);
    assert_true(s->lock >= 0);
    assay_shared_unlock(&s->lock);
    assert_int_equal(s->lock, -1);
}
