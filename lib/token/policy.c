/* SPDX-License-Identifier: MIT */
#include "token/policy.h"

#include "base/memory.h"

int assay_policy_check_text(const char *text, int code, const char *what, assay_failure *failure)
{
    if (text == NULL || text[0] == '\0')
        return assay_fail_note(failure, code, "%s is empty", what);
    size_t len = strlen(text);
    if (len > ASSAY_LIMIT_CONFIGURED_TEXT_BYTES)
        return assay_fail_note(failure, code, "%s is longer than %d bytes", what, ASSAY_LIMIT_CONFIGURED_TEXT_BYTES);
    if (!assay_text_is_utf8(text, len))
        return assay_fail_note(failure, code, "%s is not UTF-8", what);
    return ASSAY_OK;
}

int assay_policy_init(assay_policy *policy, const char *issuer)
{
    *policy = (assay_policy){.profile = assay_profile_find("generic"),
                             .algorithms = assay_algorithm_default_set(),
                             .leeway = ASSAY_LIMIT_LEEWAY};
    char *copy = assay_strdup(issuer);
    if (copy == NULL)
        return ASSAY_E_MEMORY;
    policy->issuer = assay_span_of(copy);
    return ASSAY_OK;
}

void assay_policy_clear(assay_policy *policy)
{
    assay_release((char *)(uintptr_t)policy->issuer.ptr);
    assay_text_list_clear(&policy->audiences);
    assay_release(policy->client_id);
    assay_release(policy->subject);
    assay_entra_free(policy->entra);
    for (size_t i = 0; i < policy->requirement_count; i++) {
        assay_release((char *)(uintptr_t)policy->requirements[i].pointer.ptr);
        assay_text_list_clear(&policy->requirements[i].texts);
    }
    assay_release(policy->requirements);
    *policy = (assay_policy){0};
}

/* Replace an owned text; false: out of memory, the old one stays. */
static bool replace_text(char **owned, const char *text)
{
    char *copy = assay_strdup(text);
    if (copy == NULL)
        return false;
    assay_release(*owned);
    *owned = copy;
    return true;
}

static assay_requirement *add_requirement(assay_policy *policy, assay_requirement_kind kind, assay_span pointer)
{
    char *copy = assay_memdup(pointer.ptr, pointer.len);
    size_t size = (policy->requirement_count + 1) * sizeof *policy->requirements;
    assay_requirement *grown = copy == NULL ? NULL : assay_realloc(policy->requirements, size);
    if (grown == NULL) {
        assay_release(copy);
        return NULL;
    }
    policy->requirements = grown;
    assay_requirement *added = &grown[policy->requirement_count++];
    *added = (assay_requirement){kind, {copy, pointer.len}, {NULL, 0}};
    return added;
}

static bool copy_requirements(assay_policy *to, const assay_policy *from)
{
    for (size_t i = 0; i < from->requirement_count; i++) {
        const assay_requirement *source = &from->requirements[i];
        assay_requirement *added = add_requirement(to, source->kind, source->pointer);
        if (added == NULL || !assay_text_list_copy(&added->texts, &source->texts))
            return false;
    }
    return true;
}

static bool add_joined(assay_text_list *list, const char *prefix, assay_span text, const char *suffix)
{
    ASSAY_CLEANUP(assay_buffer_clear) assay_buffer joined = {NULL, 0, 0, false};
    assay_buffer_put(&joined, prefix);
    assay_buffer_add(&joined, text.ptr, text.len);
    assay_buffer_put(&joined, suffix);
    if (joined.failed)
        return false;
    assay_span made = {joined.text, joined.len};
    return assay_text_list_has(list, made) || assay_text_list_add(list, made.ptr, made.len);
}

/* Forms of one audience (Microsoft, "Access token claims reference", aud): version 1 has `api://{client id}` too, and what was allowed besides. */
static bool add_audience_forms(assay_text_list *list, const assay_entra *entra, assay_span audience)
{
    assay_guid guid;
    bool ends = audience.len > 0 && audience.ptr[audience.len - 1] == '/';
    bool is_uri = memmem(audience.ptr, audience.len, "://", 3) != NULL;
    if (entra->kind == ASSAY_ENTRA_WORK && entra->only_version != 2 && assay_guid_read(audience, false, &guid) &&
        (!add_joined(list, "api://", audience, "") ||
         (entra->slash_audience && !add_joined(list, "api://", audience, "/"))))
        return false;
    if (entra->slash_audience && is_uri && !ends && !add_joined(list, "", audience, "/"))
        return false;
    if (entra->slash_audience && is_uri && ends &&
        !add_joined(list, "", (assay_span){audience.ptr, audience.len - 1}, ""))
        return false;
    return !entra->spn_audience || add_joined(list, "spn:", audience, "");
}

static bool copy_entra(assay_policy *to, const assay_policy *from)
{
    if (from->entra == NULL)
        return true;
    to->entra = assay_entra_copy(from->entra);
    char *issuer = to->entra == NULL ? NULL : assay_entra_issuer(to->entra);
    if (issuer == NULL)
        return false;
    assay_release((char *)(uintptr_t)to->issuer.ptr);
    to->issuer = assay_span_of(issuer);
    for (size_t i = 0; i < from->audiences.count; i++)
        if (!add_audience_forms(&to->audiences, to->entra, from->audiences.items[i]))
            return false;
    return true;
}

int assay_policy_take_entra(assay_policy *policy, assay_entra *entra)
{
    static const char *const names[] = {
        [ASSAY_ENTRA_WORK] = "entra", [ASSAY_ENTRA_B2C] = "entra-b2c", [ASSAY_ENTRA_EXTERNAL_ID] = "entra-external-id"};
    policy->entra = entra;
    policy->profile = assay_profile_find(names[entra->kind]);
    if (!policy->algorithms_given) /* RS256 is the only one that Entra's metadata names */
        policy->algorithms = 1u << assay_algorithm_find("RS256", 5);
    char *issuer = assay_entra_issuer(entra);
    if (issuer == NULL)
        return ASSAY_E_MEMORY;
    assay_release((char *)(uintptr_t)policy->issuer.ptr);
    policy->issuer = assay_span_of(issuer);
    return ASSAY_OK;
}

bool assay_policies_differ(const assay_policy *a, const assay_policy *b)
{
    if (a->entra != NULL && b->entra != NULL && a->entra->only_version * b->entra->only_version == 2)
        return true;
    if (a->entra != NULL && b->entra != NULL && a->entra->kind == ASSAY_ENTRA_B2C &&
        b->entra->kind == ASSAY_ENTRA_B2C && !assay_span_is_nocase(assay_span_of(a->entra->policy), b->entra->policy))
        return true;
    for (size_t i = 0; i < a->audiences.count; i++)
        if (assay_text_list_has(&b->audiences, a->audiences.items[i]))
            return false;
    return true;
}

int assay_policy_copy(assay_policy *to, const assay_policy *from)
{
    int code = assay_policy_init(to, from->issuer.ptr);
    if (code != ASSAY_OK)
        return code;
    to->profile = from->profile;
    to->algorithms = from->algorithms;
    to->algorithms_given = from->algorithms_given;
    to->leeway = from->leeway;
    to->max_lifetime = from->max_lifetime;
    to->accept_unproven_binding = from->accept_unproven_binding;
    to->allow_exchange_audience = from->allow_exchange_audience;
    if (!assay_text_list_copy(&to->audiences, &from->audiences) || !copy_entra(to, from) ||
        !copy_requirements(to, from) || (from->client_id != NULL && !replace_text(&to->client_id, from->client_id)) ||
        (from->subject != NULL && !replace_text(&to->subject, from->subject))) {
        assay_policy_clear(to);
        return ASSAY_E_MEMORY;
    }
    return ASSAY_OK;
}

int assay_policy_add_audience(assay_policy *policy, const char *audience, assay_failure *failure)
{
    int code = assay_policy_check_text(audience, ASSAY_E_CONFIG_AUDIENCE, "the audience", failure);
    if (code != ASSAY_OK)
        return code;
    if (assay_text_list_has(&policy->audiences, assay_span_of(audience)))
        return ASSAY_OK;
    if (policy->audiences.count == ASSAY_LIMIT_CONFIGURED_AUDIENCES)
        return assay_fail_note(failure, ASSAY_E_CONFIG_AUDIENCE, "there are more than %d",
                               ASSAY_LIMIT_CONFIGURED_AUDIENCES);
    if (!assay_text_list_add(&policy->audiences, audience, strlen(audience)))
        return assay_fail(failure, ASSAY_E_MEMORY);
    return ASSAY_OK;
}

int assay_policy_add_algorithm(assay_policy *policy, const char *name, assay_failure *failure)
{
    int index = name == NULL ? -1 : assay_algorithm_find(name, strlen(name));
    if (index < 0) {
        char known[160];
        assay_algorithm_set_text((1u << ASSAY_ALGORITHM_COUNT) - 1, known, sizeof known);
        return assay_fail_found(failure, ASSAY_E_CONFIG_ALGORITHM, known, name, name == NULL ? 0 : strlen(name));
    }
    if (!policy->algorithms_given)
        policy->algorithms = 0;
    policy->algorithms_given = true;
    policy->algorithms |= 1u << index;
    return ASSAY_OK;
}

int assay_policy_set_profile(assay_policy *policy, const char *name, assay_failure *failure)
{
    const assay_profile *profile = name == NULL ? NULL : assay_profile_find(name);
    if (profile == NULL) {
        char known[160];
        assay_profile_list(known, sizeof known);
        return assay_fail_found(failure, ASSAY_E_CONFIG_PROFILE, known, name, name == NULL ? 0 : strlen(name));
    }
    if (policy->entra != NULL || assay_profile_is_entra(profile))
        return assay_fail_note(failure, ASSAY_E_CONFIG_PROFILE,
                               "issuers of Entra are made by assay_issuer_entra_new() and its kin, and stay so");
    policy->profile = profile;
    return ASSAY_OK;
}

int assay_policy_set_leeway(assay_policy *policy, int64_t seconds, assay_failure *failure)
{
    if (seconds < 0 || seconds > ASSAY_LIMIT_LEEWAY_MAX)
        return assay_fail_note(failure, ASSAY_E_CONFIG_TIME, "the leeway must be 0 to %d seconds",
                               ASSAY_LIMIT_LEEWAY_MAX);
    policy->leeway = seconds;
    return ASSAY_OK;
}

int assay_policy_set_max_lifetime(assay_policy *policy, int64_t seconds, assay_failure *failure)
{
    if (seconds < 1 || seconds > ASSAY_LIMIT_LIFETIME_MAX)
        return assay_fail_note(failure, ASSAY_E_CONFIG_TIME, "the longest lifetime must be 1 to %d seconds",
                               ASSAY_LIMIT_LIFETIME_MAX);
    policy->max_lifetime = seconds;
    return ASSAY_OK;
}

int assay_policy_set_client_id(assay_policy *policy, const char *client_id, assay_failure *failure)
{
    int code = assay_policy_check_text(client_id, ASSAY_E_ARGUMENT, "the client id", failure);
    if (code == ASSAY_OK && !replace_text(&policy->client_id, client_id))
        code = assay_fail(failure, ASSAY_E_MEMORY);
    return code;
}

int assay_policy_set_subject(assay_policy *policy, const char *subject, assay_failure *failure)
{
    int code = assay_policy_check_text(subject, ASSAY_E_ARGUMENT, "the subject", failure);
    if (code == ASSAY_OK && !replace_text(&policy->subject, subject))
        code = assay_fail(failure, ASSAY_E_MEMORY);
    return code;
}

static assay_requirement *find_requirement(assay_policy *policy, assay_requirement_kind kind, assay_span pointer)
{
    for (size_t i = 0; i < policy->requirement_count; i++) {
        if (policy->requirements[i].kind == kind && assay_span_equal(policy->requirements[i].pointer, pointer))
            return &policy->requirements[i];
    }
    return NULL;
}

int assay_policy_require(assay_policy *policy, assay_requirement_kind kind, const char *pointer, const char *text,
                         assay_failure *failure)
{
    int code = assay_policy_check_text(pointer, ASSAY_E_CONFIG_CLAIM, "the pointer", failure);
    if (code == ASSAY_OK && kind != ASSAY_REQUIRE_PRESENT)
        code = assay_policy_check_text(text, ASSAY_E_CONFIG_CLAIM, "the required text", failure);
    if (code != ASSAY_OK)
        return code;
    assay_span at = assay_span_of(pointer);
    if (!assay_json_pointer_is_valid(at.ptr, at.len))
        return assay_fail_found(failure, ASSAY_E_CONFIG_CLAIM, "a JSON Pointer such as /scope", at.ptr, at.len);
    assay_requirement *requirement = find_requirement(policy, kind, at);
    if (requirement == NULL && policy->requirement_count == ASSAY_LIMIT_REQUIREMENTS)
        return assay_fail_note(failure, ASSAY_E_CONFIG_CLAIM, "there are more than %d", ASSAY_LIMIT_REQUIREMENTS);
    if (requirement != NULL && requirement->texts.count == ASSAY_LIMIT_REQUIREMENT_VALUES)
        return assay_fail_note(failure, ASSAY_E_CONFIG_CLAIM, "a claim has more than %d texts",
                               ASSAY_LIMIT_REQUIREMENT_VALUES);
    bool fresh = requirement == NULL;
    if (fresh)
        requirement = add_requirement(policy, kind, at);
    if (requirement == NULL)
        return assay_fail(failure, ASSAY_E_MEMORY);
    if (kind == ASSAY_REQUIRE_PRESENT || assay_text_list_add(&requirement->texts, text, strlen(text)))
        return ASSAY_OK;
    if (fresh) { /* without its text it would demand something else */
        assay_release((char *)(uintptr_t)requirement->pointer.ptr);
        policy->requirement_count--;
    }
    return assay_fail(failure, ASSAY_E_MEMORY);
}
