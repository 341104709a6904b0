/* SPDX-License-Identifier: MIT */
/* assay doctor --compare: which of issuer, subject and audience keep a federated credential from matching, and how they differ. */

#include "doctor.h"

#include <ctype.h>
#include <string.h>

#define LAYER "claims"
#define NAME "compare"

/* How two texts differ; Entra compares byte by byte. */
enum difference { SAME, SLASH, LETTER_CASE, SPACE, SUBJECT_FORM, FLEXIBLE, DIFFERENT };

static const char *const names[] = {
    [SAME] = "same",         [SLASH] = "slash",       [LETTER_CASE] = "case",  [SPACE] = "space",
    [SUBJECT_FORM] = "form", [FLEXIBLE] = "flexible", [DIFFERENT] = "differs",
};
static const char *const sentences[] = {
    [SLASH] = "differs in the slash at its end",
    [LETTER_CASE] = "differs in upper and lower case",
    [SPACE] = "differs in white space around it",
    [SUBJECT_FORM] = "names the same repository in the other form: one has names, the other OWNER@ID/REPO@ID",
    [DIFFERENT] = "differs",
};

typedef struct comparison {
    const char *name;
    const char *issuer, *subject; /* of the federated credential; "" where it has none */
    const json_t *audiences;
    enum difference issuer_differs, subject_differs, audience_differs;
} comparison;

static bool same_but_slash(const char *a, const char *b)
{
    size_t a_len = strlen(a);
    size_t b_len = strlen(b);
    if (a_len == b_len + 1)
        return a[b_len] == '/' && memcmp(a, b, b_len) == 0;
    return b_len == a_len + 1 && b[a_len] == '/' && memcmp(a, b, a_len) == 0;
}

/* Both, where the blanks around them do not count. */
static bool same_but_space(const char *a, const char *b)
{
    while (isspace((unsigned char)*a))
        a++;
    while (isspace((unsigned char)*b))
        b++;
    size_t a_len = strlen(a);
    size_t b_len = strlen(b);
    while (a_len > 0 && isspace((unsigned char)a[a_len - 1]))
        a_len--;
    while (b_len > 0 && isspace((unsigned char)b[b_len - 1]))
        b_len--;
    return a_len == b_len && memcmp(a, b, a_len) == 0;
}

/* "repo:OWNER@ID/REPO@ID:rest" as "repo:OWNER/REPO:rest" (GitHub, "Immutable subject claims"). */
static char *without_ids(const char *subject)
{
    const char *slash = strchr(subject, '/');
    const char *end = slash == NULL ? NULL : strchr(slash, ':');
    cli_text out = {0};
    for (const char *at = subject; *at != '\0'; at++) {
        bool in_names = end == NULL || at < end;
        if (in_names && *at == '@' && isdigit((unsigned char)at[1]))
            at += strspn(at + 1, "0123456789");
        else
            cli_text_add(&out, at, 1);
    }
    return out.ptr == NULL ? cli_strdup("") : out.ptr;
}

static bool same_repository(const char *a, const char *b)
{
    if (strncmp(a, "repo:", 5) != 0 || strncmp(b, "repo:", 5) != 0)
        return false;
    CLI_AUTO_FREE char *plain_a = without_ids(a);
    CLI_AUTO_FREE char *plain_b = without_ids(b);
    return strcmp(plain_a, plain_b) == 0;
}

static enum difference differ(const char *a, const char *b)
{
    if (strcmp(a, b) == 0)
        return SAME;
    if (same_but_slash(a, b))
        return SLASH;
    if (strcasecmp(a, b) == 0)
        return LETTER_CASE;
    if (same_repository(a, b))
        return SUBJECT_FORM;
    return same_but_space(a, b) ? SPACE : DIFFERENT;
}

/* The nearest of what both sides have. */
static enum difference differ_audience(const json_t *wanted, const json_t *listed)
{
    enum difference nearest = DIFFERENT;
    for (size_t i = 0; i < json_array_size(wanted); i++)
        for (size_t j = 0; j < json_array_size(listed); j++) {
            const char *a = json_string_value(json_array_get(wanted, i));
            const char *b = json_string_value(json_array_get(listed, j));
            enum difference now = a == NULL || b == NULL ? DIFFERENT : differ(a, b);
            nearest = now < nearest ? now : nearest;
        }
    return nearest;
}

/* Resource Manager puts it all into "properties". */
static comparison compare_one(const json_t *credential, const char *issuer, const char *subject,
                              const json_t *audiences)
{
    const json_t *properties = json_object_get(credential, "properties");
    const json_t *from = json_is_object(properties) ? properties : credential;
    comparison c = {
        .name = doctor_text(credential, "name"),
        .issuer = doctor_text(from, "issuer"),
        .subject = doctor_text(from, "subject"),
        .audiences = json_object_get(from, "audiences"),
    };
    c.issuer_differs = differ(issuer, c.issuer);
    /* Its language is Entra's to evaluate. */
    c.subject_differs =
        json_is_object(json_object_get(from, "claimsMatchingExpression")) ? FLEXIBLE : differ(subject, c.subject);
    c.audience_differs = differ_audience(audiences, c.audiences);
    return c;
}

static int distance(const comparison *c)
{
    return (int)c->issuer_differs + (int)c->subject_differs + (int)c->audience_differs;
}

static void tell_part(doctor *d, const char *part, enum difference how, int row, const char *token,
                      const char *credential)
{
    if (how == SAME)
        doctor_say(d, LAYER, part, DOCTOR_OK, 0, "the same in the federated credential");
    else if (how == FLEXIBLE)
        doctor_say(d, LAYER, part, DOCTOR_SKIPPED, 0,
                   "the federated credential has an expression, which Entra alone evaluates");
    else
        doctor_fail(d, LAYER, part, row, CLI_EXIT_USAGE, "%s: the token has \"%s\", the federated credential \"%s\"",
                    sentences[how], token, credential);
}

static void tell(doctor *d, const comparison *c)
{
    const char *token_audience = doctor_text(d->federation, "audience");
    const char *audience = json_string_value(json_array_get(c->audiences, 0));
    doctor_say(d, LAYER, NAME, DOCTOR_OK, 0, "the nearest federated credential is %s",
               c->name[0] == '\0' ? "without a name" : c->name);
    tell_part(d, "compare issuer", c->issuer_differs, 2, doctor_text(d->federation, "issuer"), c->issuer);
    tell_part(d, "compare subject", c->subject_differs, c->subject_differs == LETTER_CASE ? 5 : 4,
              doctor_text(d->federation, "subject"), c->subject);
    tell_part(d, "compare audience", c->audience_differs, 3, token_audience, audience == NULL ? "" : audience);
    json_t *compared = json_object();
    cli_json_text(compared, "name", c->name);
    cli_json_text(compared, "issuer", names[c->issuer_differs]);
    cli_json_text(compared, "subject", names[c->subject_differs]);
    cli_json_text(compared, "audience", names[c->audience_differs]);
    (void)json_object_set_new(d->federation, "compared", compared);
}

/* One, a list, or Microsoft Graph's {"value": […]}. */
static const json_t *list_of(const json_t *document)
{
    const json_t *value = json_object_get(document, "value");
    return json_is_array(value) ? value : document;
}

void doctor_compare(doctor *d, const char *issuer, const char *subject, const json_t *audiences)
{
    cli_text text = {0};
    int reason = doctor_read(d->compare, CLI_INPUT_FILE_BYTES, &text);
    CLI_CLEANUP(json_decref_p)
    json_t *document = reason == 0 ? json_loadb(text.ptr == NULL ? "" : text.ptr, text.len, 0, NULL) : NULL;
    cli_text_free(&text);
    if (document == NULL) {
        doctor_fail(d, LAYER, NAME, 0, CLI_EXIT_USAGE, "%s %s", d->compare,
                    reason != 0 ? strerror(reason) : "is not JSON");
        return;
    }
    const json_t *list = list_of(document);
    if (json_is_array(list) && json_array_size(list) == 0) {
        doctor_fail(d, LAYER, NAME, 6, CLI_EXIT_USAGE, "there is no federated credential at all");
        return;
    }
    comparison nearest = compare_one(json_is_array(list) ? json_array_get(list, 0) : list, issuer, subject, audiences);
    for (size_t i = 1; i < json_array_size(list); i++) {
        comparison next = compare_one(json_array_get(list, i), issuer, subject, audiences);
        nearest = distance(&next) < distance(&nearest) ? next : nearest;
    }
    tell(d, &nearest);
}
