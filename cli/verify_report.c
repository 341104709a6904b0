/* SPDX-License-Identifier: MIT */
/* assay verify: the outcome. A token that was refused shows no claims. */

#include "output.h"
#include "verify.h"

static json_t *claims_object(const assay_claims *claims)
{
    const char *text = NULL;
    size_t len = 0;
    if (claims == NULL || assay_claims_get_json(claims, &text, &len) != ASSAY_OK)
        return NULL;
    return json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
}

static int print_json(const verify_settings *settings, const cli_verdict *verdict, const assay_claims *claims,
                      const json_t *object)
{
    CLI_CLEANUP(json_decref_p) json_t *document = cli_verdict_json(verdict);
    cli_json_text(document, "issuer", claims == NULL ? NULL : assay_claims_issuer(claims));
    cli_json_text(document, "subject", claims == NULL ? NULL : assay_claims_subject(claims));
    (void)json_object_set_new(document, "expiry",
                              claims == NULL ? json_null() : json_integer(assay_claims_expiry(claims)));
    cli_json_text(document, "algorithm", claims == NULL ? NULL : assay_claims_algorithm(claims));
    cli_json_text(document, "kid", claims == NULL ? NULL : assay_claims_kid(claims));
    (void)json_object_set_new(document, "claims", object == NULL ? json_null() : json_incref((json_t *)object));
    if (settings->explain)
        (void)json_object_set_new(document, "steps", cli_explain_json(settings, verdict, claims));
    return cli_print_json(document);
}

static void print_table(const verify_settings *settings, const cli_verdict *verdict, const assay_claims *claims,
                        const json_t *object)
{
    cli_print_verdict(stdout, verdict);
    if (claims != NULL) {
        char date[40];
        char distance[40];
        cli_time_text(assay_claims_expiry(claims), date, sizeof date);
        cli_time_distance(assay_claims_expiry(claims), settings->now, distance, sizeof distance);
        cli_print_row(stdout, "issuer", assay_claims_issuer(claims));
        cli_print_row(stdout, "subject", assay_claims_subject(claims));
        cli_print_row_noted(stdout, "expires", date, distance);
        cli_print_row(stdout, "algorithm", assay_claims_algorithm(claims));
        cli_print_row(stdout, "key", assay_claims_kid(claims));
        cli_print_coloured(stdout, CLI_BOLD, "claims\n");
        cli_print_members(stdout, object, settings->now);
    }
    if (settings->explain)
        cli_explain_print(settings, verdict, claims);
}

int cli_verify_report(const verify_settings *settings, const cli_verdict *verdict, const assay_claims *claims)
{
    CLI_CLEANUP(json_decref_p) json_t *object = claims_object(claims);
    cli_verdict unreadable = cli_verdict_of(ASSAY_E_INTERNAL, NULL);
    /* Accepted, but what was accepted can't be shown: no verdict. */
    if (claims != NULL && object == NULL) {
        verdict = &unreadable;
        claims = NULL;
    }
    int status = cli_exit_of(verdict->code);
    if (settings->json) {
        int printed = print_json(settings, verdict, claims, object);
        return status == CLI_EXIT_DONE ? printed : status;
    }
    print_table(settings, verdict, claims, object);
    return status;
}
