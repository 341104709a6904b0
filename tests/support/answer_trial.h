/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_TESTS_ANSWER_TRIAL_H
#define ASSAY_TESTS_ANSWER_TRIAL_H

/* One answer of a token endpoint or an agent, read. A failure must be whole: no token, nothing of one in its texts, its detail in its place. */

#include "acquire/token_response.h"
#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the two above first. */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOW 1700000000
#define TOKEN "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJlLW9mLWEtdG9rZW4"
#define GOOD "\"token_type\":\"Bearer\",\"access_token\":\"" TOKEN "\""
#define ID_1 "0a1b2c3d-0000-4000-8000-00000000000a"
#define ID_2 "0a1b2c3d-0000-4000-8000-00000000000b"

typedef struct trial {
    assay_http_response response;
    assay_token_answer answer;
    assay_failure failure;
    assay_failure_detail detail;
    int code;
} trial;

static inline void ask(trial *t, assay_answer_form form, int status, const char *body)
{
    memset(t, 0, sizeof *t);
    assay_http_response_init(&t->response);
    t->response.status = status;
    assert_true(assay_http_response_add_body(&t->response, body, strlen(body)));
    t->code = assay_token_response_read(form, &t->response, NOW, &t->answer, &t->failure, &t->detail);
    if (t->code == ASSAY_OK)
        return;
    assert_ptr_equal(t->failure.detail, &t->detail);
    assert_null(t->answer.token.text);
    assert_int_equal(t->answer.expires_at, 0);
    for (size_t at = 0; at + 16 < sizeof TOKEN; at++) { /* case 93: no 16 bytes of it in a row */
        char piece[17] = "";
        memcpy(piece, &TOKEN[at], 16);
        assert_null(strstr(t->failure.note, piece));
    }
    for (const char *at = t->failure.note; *at != '\0'; at++)
        assert_true(*at >= ' ' && *at <= '~');
}

static inline void end(trial *t)
{
    assay_http_response_clear(&t->response);
    assay_token_answer_clear(&t->answer);
}

static inline void fails_as(assay_answer_form form, int status, const char *body, int code, int row)
{
    trial t;
    ask(&t, form, status, body);
    assert_int_equal(t.code, code);
    assert_int_equal(t.detail.row, row);
    assert_int_equal(t.failure.hint != NULL, row != 0);
    end(&t);
}

#endif
