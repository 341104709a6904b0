/* SPDX-License-Identifier: MIT */
/* assay verify --explain: each check in the order in which the library makes it, in plain sentences. */

#include "output.h"
#include "verify.h"

#include <string.h>

enum step { FORM, HEADER, ISSUER, AUDIENCE, TIMES, KEY, SIGNATURE, CLAIMS, REQUIREMENTS, STEPS, NO_STEP };

static const struct {
    const char *name;
    const char *what;
} steps[STEPS] = {
    [FORM] = {"form", "three segments of canonical base64url; header and payload are one JSON object each"},
    [HEADER] = {"header", "the algorithm is on the allow-list; typ and kid are as the profile demands"},
    [ISSUER] = {"issuer", "iss is a configured issuer; of Entra also tenant, version and policy"},
    [AUDIENCE] = {"audience", "aud names this service"},
    [TIMES] = {"times", "exp is not past and nbf is not ahead, leeway allowed"},
    [KEY] = {"key",
             "the issuer has a key of this kid that fits the algorithm; of Entra one that may sign for this tenant"},
    [SIGNATURE] = {"signature", "the signature is right"},
    [CLAIMS] = {"claims", "kind of token, age, demanded claims and the demands of this request"},
    [REQUIREMENTS] = {"requirements", "the demanded scopes and roles are there"},
};

/* The step that a refusal belongs to. */
static enum step step_of(const cli_verdict *verdict)
{
    if (assay_code_category(verdict->code) == ASSAY_CATEGORY_PERMISSION)
        return REQUIREMENTS;
    switch (assay_code_category(verdict->code)) {
    case ASSAY_CATEGORY_KEYS:
    case ASSAY_CATEGORY_NETWORK:
        return KEY;
    case ASSAY_CATEGORY_TOKEN:
        break;
    default:
        return NO_STEP;
    }
    switch (verdict->code) {
    case ASSAY_E_ALGORITHM:
    case ASSAY_E_TYP:
    case ASSAY_E_KID_MISSING:
        return HEADER;
    case ASSAY_E_ISSUER:
    case ASSAY_E_ISSUER_MISSING:
    case ASSAY_E_GRAPH_TOKEN: /* told by the header, as soon as the issuer is known to be Entra's */
    case ASSAY_E_VERSION:
    case ASSAY_E_TENANT_ID:
    case ASSAY_E_TENANT:
    case ASSAY_E_POLICY:
        return ISSUER;
    case ASSAY_E_AUDIENCE:
    case ASSAY_E_AUDIENCE_MISSING:
    case ASSAY_E_EXCHANGE_AUDIENCE:
        return AUDIENCE;
    case ASSAY_E_ACCESS_TOKEN: /* typ is looked at first, the claims that tell after the signature */
        return verdict->found_is_verified ? CLAIMS : HEADER;
    case ASSAY_E_EXPIRED:
    case ASSAY_E_EXPIRY_MISSING:
    case ASSAY_E_NOT_YET_VALID:
        return TIMES;
    case ASSAY_E_TIME: /* exp and nbf are looked at before the signature, iat after it */
        return verdict->found_is_verified ? CLAIMS : TIMES;
    case ASSAY_E_CLAIM_TYPE: /* iss and aud likewise */
        return verdict->found_is_verified ? CLAIMS : ISSUER;
    case ASSAY_E_KEY_UNKNOWN:
    case ASSAY_E_KEY_ISSUER:
    case ASSAY_E_KEY_CLOUD:
    case ASSAY_E_ALGORITHM_KEY:
        return KEY;
    case ASSAY_E_SIGNATURE:
        return SIGNATURE;
    default:
        return verdict->code > ASSAY_E_ALGORITHM ? FORM : CLAIMS;
    }
}

static char *raw_claim(const assay_claims *claims, const char *name)
{
    const char *raw = NULL;
    size_t len = 0;
    if (assay_claims_get_raw(claims, name, &raw, &len) != ASSAY_OK)
        return cli_strdup("absent");
    return cli_copy(raw, len);
}

static char *joined(const cli_list *list, const char *nothing)
{
    if (list->count == 0)
        return cli_strdup(nothing);
    cli_text text = {0};
    for (size_t i = 0; i < list->count; i++) {
        cli_text_put(&text, i == 0 ? "" : " or ");
        cli_text_put(&text, list->items[i]);
    }
    return text.ptr;
}

/* What an accepted token had, beside what was asked for; a document's demands are its own. */
static char *accepted_text(enum step step, const verify_settings *settings, const assay_claims *claims)
{
    const char *kid = assay_claims_kid(claims);
    switch (step) {
    case HEADER: {
        bool entra = settings->profile != NULL && strcmp(settings->profile, "entra") == 0;
        const char *usual = settings->config != NULL ? "" : entra ? "RS256" : "RS256 or ES256";
        CLI_AUTO_FREE char *expected = joined(&settings->algorithms, usual);
        return cli_format("%s; expected alg %s, found %s", steps[step].what,
                          expected[0] == '\0' ? "of the configuration" : expected, assay_claims_algorithm(claims));
    }
    case ISSUER:
        return cli_format("%s; found %s", steps[step].what, assay_claims_issuer(claims));
    case AUDIENCE: {
        CLI_AUTO_FREE char *expected = joined(&settings->audiences, "of the configuration");
        CLI_AUTO_FREE char *found = raw_claim(claims, "aud");
        return cli_format("%s; expected %s, found %s", steps[step].what, expected, found);
    }
    case TIMES: {
        char now[40];
        char expiry[40];
        cli_time_text(settings->now, now, sizeof now);
        cli_time_text(assay_claims_expiry(claims), expiry, sizeof expiry);
        return cli_format("%s; it is %s, and exp is %s", steps[step].what, now, expiry);
    }
    case KEY:
        return cli_format("%s; found kid %s", steps[step].what, kid == NULL ? "absent, and one key that fits" : kid);
    case SIGNATURE:
        return cli_format("%s; made with %s", steps[step].what, assay_claims_algorithm(claims));
    default:
        return cli_strdup(steps[step].what);
    }
}

static char *failed_text(const cli_verdict *verdict)
{
    cli_text text = {0};
    cli_text_put(&text, verdict->message);
    if (verdict->expected[0] != '\0') {
        cli_text_put(&text, "; expected ");
        cli_text_put(&text, verdict->expected);
    }
    if (verdict->found[0] != '\0') {
        cli_text_put(&text, "; found ");
        cli_text_put(&text, verdict->found);
        cli_text_put(&text, verdict->found_is_verified ? "" : " (not verified)");
    }
    if (verdict->hint[0] != '\0') {
        cli_text_put(&text, "; to do: ");
        cli_text_put(&text, verdict->hint);
    }
    return text.ptr;
}

/* "passed", "failed" or "not decided": after a failure nothing more is looked at. */
static const char *result_of(enum step step, enum step failed, bool accepted)
{
    if (accepted || (failed != NO_STEP && step < failed))
        return "passed";
    return step == failed ? "failed" : "not decided";
}

json_t *cli_explain_json(const verify_settings *settings, const cli_verdict *verdict, const assay_claims *claims)
{
    bool accepted = verdict->code == ASSAY_OK && claims != NULL;
    enum step failed = accepted ? NO_STEP : step_of(verdict);
    json_t *list = json_array();
    for (enum step step = FORM; step < STEPS; step++) {
        if (step == REQUIREMENTS && settings->scopes.count + settings->roles.count == 0)
            break;
        CLI_AUTO_FREE char *text = step == failed ? failed_text(verdict)
                                   : accepted     ? accepted_text(step, settings, claims)
                                                  : cli_strdup(steps[step].what);
        json_t *row = json_object();
        cli_json_text(row, "step", steps[step].name);
        cli_json_text(row, "result", result_of(step, failed, accepted));
        cli_json_text(row, "text", text);
        (void)json_array_append_new(list, row);
    }
    return list;
}

void cli_explain_print(const verify_settings *settings, const cli_verdict *verdict, const assay_claims *claims)
{
    CLI_CLEANUP(json_decref_p) json_t *list = cli_explain_json(settings, verdict, claims);
    size_t index = 0;
    const json_t *row = NULL;
    cli_print_coloured(stdout, CLI_BOLD, "checks in their order\n");
    json_array_foreach(list, index, row)
    {
        const char *result = json_string_value(json_object_get(row, "result"));
        const char *text = json_string_value(json_object_get(row, "text"));
        CLI_AUTO_FREE char *line = cli_format("%-12s %s", result, text == NULL ? "" : text);
        CLI_AUTO_FREE char *name = cli_format("%zu. %s", index + 1, json_string_value(json_object_get(row, "step")));
        cli_print_row(stdout, name, line);
    }
}
