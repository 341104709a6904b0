/* SPDX-License-Identifier: MIT */
#include "support/arrivals.h"

#include <openssl/evp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

void arrivals_take(dev_issuer *issuer, arrivals *taken)
{
    char *text = dev_issuer_requests(issuer);
    assert_non_null(text);
    taken->all = json_loads(text, 0, NULL);
    free(text);
    taken->count = json_array_size(taken->all);
    assert_true(taken->count > 0);
    taken->last = json_array_get(taken->all, taken->count - 1);
}

void arrivals_drop(arrivals *taken)
{
    json_decref(taken->all);
    memset(taken, 0, sizeof *taken);
}

static const json_t *find(const arrivals *taken, const char *name)
{
    const json_t *parameters = json_object_get(taken->last, "parameters");
    for (size_t i = 0; i < json_array_size(parameters); i++) {
        const json_t *one = json_array_get(parameters, i);
        if (strcmp(json_string_value(json_object_get(one, "name")), name) == 0)
            return one;
    }
    return NULL;
}

static void digest_of(const char *text, char hex[65])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    size_t len = 0;
    assert_int_equal(EVP_Q_digest(NULL, "SHA256", NULL, text, strlen(text), digest, &len), 1);
    for (size_t i = 0; i < len; i++)
        (void)snprintf(hex + i * 2, 3, "%02x", digest[i]);
}

void arrivals_has(const arrivals *taken, const char *name, const char *value)
{
    char digest[65];
    const json_t *one = find(taken, name);
    if (one == NULL)
        fail_msg("no parameter %s arrived", name);
    assert_int_equal(json_integer_value(json_object_get(one, "count")), 1);
    digest_of(value, digest);
    if (strcmp(json_string_value(json_object_get(one, "sha256")), digest) != 0)
        fail_msg("%s is not what it should be: %s", name, json_string_value(json_object_get(one, "value")));
}

void arrivals_lacks(const arrivals *taken, const char *name)
{
    if (find(taken, name) != NULL)
        fail_msg("a parameter %s arrived", name);
}

size_t arrivals_times(const arrivals *taken, const char *name)
{
    const json_t *one = find(taken, name);
    return one == NULL ? 0 : (size_t)json_integer_value(json_object_get(one, "count"));
}

const char *arrivals_text(const arrivals *taken, const char *member)
{
    const char *text = json_string_value(json_object_get(taken->last, member));
    return text == NULL ? "" : text;
}

const json_t *arrivals_assertion(const arrivals *taken, const char *part, const char *member)
{
    return json_object_get(json_object_get(taken->last, part), member);
}

void arrivals_asserts(const arrivals *taken, const char *part, const char *member, const char *value)
{
    const char *found = json_string_value(arrivals_assertion(taken, part, member));
    assert_non_null(found);
    assert_string_equal(found, value);
}

void arrivals_is_clean(const arrivals *taken)
{
    assert_int_equal(json_integer_value(json_object_get(taken->last, "content_types")), 1);
    assert_true(json_is_false(json_object_get(taken->last, "repeated")));
    assert_true(json_is_false(json_object_get(taken->last, "malformed")));
}

bool arrivals_has_field(const arrivals *taken, const char *name)
{
    const json_t *names = json_object_get(taken->last, "headers");
    for (size_t i = 0; i < json_array_size(names); i++)
        if (strcasecmp(json_string_value(json_array_get(names, i)), name) == 0)
            return true;
    return false;
}
