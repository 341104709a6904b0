/* SPDX-License-Identifier: MIT */
/* POST /settings: how long what is given lives, and how answers spell it. */

#include "dev_issuer_tokens.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define MAX_SECONDS INT64_C(315360000) /* ten years */

static const char *const in_forms[] = {"usual", "number", "string", "real", "absent"};
static const char *const on_forms[] = {"usual", "string", "number", "us", "us12", "iso8601", "absent"};

/* One of a list, as the list has it; NULL: none. */
static const char *find(const char *const *list, size_t count, const char *text)
{
    for (size_t i = 0; text != NULL && i < count; i++)
        if (strcmp(list[i], text) == 0)
            return list[i];
    return NULL;
}

static bool read_number(const json_t *value, int64_t min, int64_t max, int64_t *number)
{
    *number = json_integer_value(value);
    return json_is_integer(value) && *number >= min && *number <= max;
}

/* One member into @p settings, whose identity_header is then borrowed from @p value. */
static bool read_member(const char *name, const json_t *value, dev_settings *settings, int64_t *max_age)
{
    if (strcmp(name, "max_age") == 0)
        return read_number(value, -1, MAX_SECONDS, max_age);
    if (strcmp(name, "token_lifetime") == 0)
        return read_number(value, 0, MAX_SECONDS, &settings->token_lifetime);
    if (strcmp(name, "refresh_in") == 0)
        return read_number(value, 0, MAX_SECONDS, &settings->refresh_in);
    if (strcmp(name, "token_version") == 0)
        return read_number(value, 0, 2, &settings->token_version);
    if (strcmp(name, "expires_in_form") == 0) {
        settings->expires_in_form = find(in_forms, CLI_COUNT_OF(in_forms), json_string_value(value));
        return settings->expires_in_form != NULL;
    }
    if (strcmp(name, "expires_on_form") == 0) {
        settings->expires_on_form = find(on_forms, CLI_COUNT_OF(on_forms), json_string_value(value));
        return settings->expires_on_form != NULL;
    }
    if (strcmp(name, "identity_header") != 0 || json_string_length(value) == 0)
        return false;
    settings->identity_header = (char *)json_string_value(value);
    return true;
}

int dev_issuer_settings(dev_issuer *issuer, const char *json, char *message, size_t message_size)
{
    CLI_CLEANUP(json_decref_p) json_t *request = json_loads(json, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(request) || json_object_size(request) == 0) {
        (void)snprintf(message, message_size, "the settings are not one JSON object with at least one of them");
        return -1;
    }
    (void)pthread_mutex_lock(&issuer->lock);
    dev_settings wanted = issuer->settings;
    int64_t max_age = issuer->max_age;
    const char *name = NULL;
    const char *wrong = NULL;
    json_t *value = NULL;
    json_object_foreach(request, name, value)
    {
        if (!read_member(name, value, &wanted, &max_age))
            wrong = name;
    }
    if (wrong == NULL) {
        if (wanted.identity_header != issuer->settings.identity_header) {
            char *copy = cli_strdup(wanted.identity_header);
            free(issuer->settings.identity_header);
            wanted.identity_header = copy;
        }
        issuer->settings = wanted;
        issuer->max_age = max_age;
    }
    (void)pthread_mutex_unlock(&issuer->lock);
    if (wrong == NULL)
        return 0;
    (void)snprintf(message, message_size, "no such setting, or not with this value: %s", wrong);
    return -1;
}

void dev_settings_start(dev_issuer *issuer)
{
    issuer->settings = (dev_settings){.expires_in_form = in_forms[0],
                                      .expires_on_form = on_forms[0],
                                      .identity_header = cli_strdup("dev-identity-header")};
}

dev_settings dev_settings_now(dev_issuer *issuer)
{
    (void)pthread_mutex_lock(&issuer->lock);
    dev_settings settings = issuer->settings;
    settings.identity_header = cli_strdup(settings.identity_header);
    (void)pthread_mutex_unlock(&issuer->lock);
    return settings;
}

void dev_settings_put_expires_in(const dev_settings *settings, json_t *answer, const char *name, const char *usual,
                                 int64_t seconds)
{
    CLI_AUTO_FREE char *text = cli_format("%" PRId64, seconds);
    const char *form = strcmp(settings->expires_in_form, "usual") == 0 ? usual : settings->expires_in_form;
    if (strcmp(form, "absent") == 0)
        return;
    (void)json_object_set_new(answer, name,
                              strcmp(form, "string") == 0 ? json_string(text)
                              : strcmp(form, "real") == 0 ? json_real((double)seconds)
                                                          : json_integer(seconds));
}

/* What endpoints of managed identities were seen to answer. */
void dev_settings_put_expires_on(const dev_settings *settings, json_t *answer, const char *usual, int64_t when)
{
    const char *form = strcmp(settings->expires_on_form, "usual") == 0 ? usual : settings->expires_on_form;
    const time_t seconds = (time_t)when;
    struct tm utc;
    char text[64];
    if (strcmp(form, "absent") == 0 || gmtime_r(&seconds, &utc) == NULL)
        return;
    if (strcmp(form, "number") == 0) {
        (void)json_object_set_new(answer, "expires_on", json_integer(when));
        return;
    }
    if (strcmp(form, "us") == 0)
        (void)strftime(text, sizeof text, "%m/%d/%Y %H:%M:%S +00:00", &utc);
    else if (strcmp(form, "us12") == 0)
        (void)snprintf(text, sizeof text, "%d/%d/%d %d:%02d:%02d %s +00:00", utc.tm_mon + 1, utc.tm_mday,
                       utc.tm_year + 1900, utc.tm_hour % 12 == 0 ? 12 : utc.tm_hour % 12, utc.tm_min, utc.tm_sec,
                       utc.tm_hour < 12 ? "AM" : "PM");
    else if (strcmp(form, "iso8601") == 0)
        (void)strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
    else
        (void)snprintf(text, sizeof text, "%" PRId64, when);
    (void)json_object_set_new(answer, "expires_on", json_string(text));
}
