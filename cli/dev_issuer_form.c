/* SPDX-License-Identifier: MIT */
/* Parameters of a request for a token, taken strictly: what a server in the world may forgive would hide a client's mistake here. */

#include "dev_issuer_tokens.h"

#include <string.h>
#include <strings.h>

#define MAX_PARAMETERS 64

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* URL standard, section 5.1. NULL where an escape is cut or no number, or a byte stands there that had to be escaped. */
static char *decode(const char *text, size_t len, size_t *out_len)
{
    CLI_AUTO_FREE char *out = cli_alloc(len + 1);
    size_t used = 0;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (c == '%') {
            int high = i + 2 < len ? hex_digit(text[i + 1]) : -1;
            int low = i + 2 < len ? hex_digit(text[i + 2]) : -1;
            if (high < 0 || low < 0)
                return NULL;
            c = (char)(high * 16 + low);
            i += 2;
            if (c == '\0')
                return NULL;
        } else if (c == '+') {
            c = ' ';
        } else if (c <= ' ' || c > '~') {
            return NULL;
        }
        out[used++] = c;
    }
    char *done = out;
    out = NULL;
    *out_len = used;
    return done;
}

/* Takes @p name and @p value. */
static void add(dev_form *form, char *name, char *value, size_t len)
{
    for (size_t i = 0; i < form->count; i++) {
        dev_parameter *known = &form->items[i];
        if (strcmp(known->name, name) != 0)
            continue;
        known->count++;
        form->repeated = true;
        if (known->more == NULL)
            known->more = json_array();
        (void)json_array_append_new(known->more, json_stringn(value, len));
        free(name);
        free(value);
        return;
    }
    if (form->count == MAX_PARAMETERS) {
        form->malformed = true;
        free(name);
        free(value);
        return;
    }
    form->items = cli_realloc(form->items, (form->count + 1) * sizeof *form->items);
    form->items[form->count++] = (dev_parameter){name, value, len, 1, NULL};
}

static void add_pair(dev_form *form, const char *pair, size_t len)
{
    const char *equals = memchr(pair, '=', len);
    if (equals == NULL) {
        form->malformed = true;
        return;
    }
    size_t name_len = 0;
    size_t value_len = 0;
    char *name = decode(pair, (size_t)(equals - pair), &name_len);
    char *value = decode(equals + 1, len - (size_t)(equals - pair) - 1, &value_len);
    if (name != NULL && value != NULL) {
        add(form, name, value, value_len);
        return;
    }
    form->malformed = true;
    free(name);
    free(value);
}

typedef struct header_search {
    const char *name;
    size_t count;
    const char *value;
} header_search;

static enum MHD_Result look_at_header(void *closure, enum MHD_ValueKind kind, const char *name, const char *value)
{
    (void)kind;
    header_search *search = closure;
    if (strcasecmp(name, search->name) == 0 && search->count++ == 0)
        search->value = value == NULL ? "" : value;
    return MHD_YES;
}

const char *dev_request_header(struct MHD_Connection *connection, const char *name)
{
    header_search search = {.name = name};
    (void)MHD_get_connection_values(connection, MHD_HEADER_KIND, look_at_header, &search);
    return search.value;
}

size_t dev_request_header_count(struct MHD_Connection *connection, const char *name)
{
    header_search search = {.name = name};
    (void)MHD_get_connection_values(connection, MHD_HEADER_KIND, look_at_header, &search);
    return search.count;
}

/* RFC 9110, section 8.3: parameters of a media type, such as a charset, come behind a semicolon. */
static bool is_form(const char *type)
{
    static const char form[] = "application/x-www-form-urlencoded";
    size_t len = strcspn(type, "; \t");
    return len == sizeof form - 1 && strncasecmp(type, form, len) == 0;
}

void dev_form_read(struct MHD_Connection *connection, const cli_text *body, dev_form *form)
{
    const char *type = dev_request_header(connection, MHD_HTTP_HEADER_CONTENT_TYPE);
    form->typed =
        type != NULL && is_form(type) && dev_request_header_count(connection, MHD_HTTP_HEADER_CONTENT_TYPE) == 1;
    for (size_t at = 0; at < body->len;) {
        const char *end = memchr(body->ptr + at, '&', body->len - at);
        size_t len = end == NULL ? body->len - at : (size_t)(end - body->ptr) - at;
        add_pair(form, body->ptr + at, len);
        at += len + 1;
    }
}

static enum MHD_Result take_argument(void *closure, enum MHD_ValueKind kind, const char *name, const char *value)
{
    (void)kind;
    const char *text = value == NULL ? "" : value;
    add(closure, cli_strdup(name), cli_strdup(text), strlen(text));
    return MHD_YES;
}

/* The daemon took the query apart. */
void dev_query_read(struct MHD_Connection *connection, dev_form *form)
{
    form->typed = true;
    (void)MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, take_argument, form);
}

void dev_form_clear(dev_form *form)
{
    for (size_t i = 0; i < form->count; i++) {
        explicit_bzero(form->items[i].value, form->items[i].len);
        free(form->items[i].name);
        free(form->items[i].value);
        json_decref(form->items[i].more);
    }
    free(form->items);
    *form = (dev_form){0};
}

const dev_parameter *dev_form_find(const dev_form *form, const char *name)
{
    for (size_t i = 0; i < form->count; i++)
        if (strcmp(form->items[i].name, name) == 0)
            return &form->items[i];
    return NULL;
}

const char *dev_form_get(const dev_form *form, const char *name)
{
    const dev_parameter *parameter = dev_form_find(form, name);
    return parameter == NULL ? NULL : parameter->value;
}

const char *dev_form_text(const dev_form *form, const char *name)
{
    const char *value = dev_form_get(form, name);
    return value == NULL || value[0] == '\0' ? NULL : value;
}

const char *dev_request_credentials(struct MHD_Connection *connection, const char *scheme)
{
    const char *value = dev_request_header(connection, MHD_HTTP_HEADER_AUTHORIZATION);
    size_t len = strlen(scheme);
    if (value == NULL || strncasecmp(value, scheme, len) != 0 || value[len] != ' ')
        return NULL;
    return value + len + strspn(value + len, " ");
}

bool dev_request_basic(struct MHD_Connection *connection, char **name, char **secret)
{
    const char *credentials = dev_request_credentials(connection, "Basic");
    *name = NULL;
    *secret = NULL;
    size_t len = credentials == NULL ? 0 : strlen(credentials);
    if (len == 0 || len % 4 != 0)
        return false;
    CLI_AUTO_FREE char *pair = cli_alloc(len + 1);
    int decoded = EVP_DecodeBlock((uint8_t *)pair, (const uint8_t *)credentials, (int)len);
    const char *colon = decoded < 0 ? NULL : strchr(pair, ':');
    if (colon == NULL)
        return false;
    size_t unused = 0;
    *name = decode(pair, (size_t)(colon - pair), &unused);
    *secret = decode(colon + 1, strlen(colon + 1), &unused);
    explicit_bzero(pair, len);
    if (*name != NULL && *secret != NULL)
        return true;
    free(*name);
    free(*secret);
    *name = NULL;
    *secret = NULL;
    return false;
}
