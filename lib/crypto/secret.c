/* SPDX-License-Identifier: MIT */
#include "crypto/secret.h"

#include "crypto/crypto.h"

#include <string.h>

static void fail(assay_secret *secret)
{
    assay_secret_clear(secret);
    secret->failed = true;
}

/* Room for @p more bytes and the terminator. What was there moves to larger pages, and its old ones are wiped. */
static bool reserve(assay_secret *secret, size_t more)
{
    if (secret->failed)
        return false;
    bool fits = more < SIZE_MAX / 4 && secret->len < SIZE_MAX / 4;
    size_t need = fits ? secret->len + more + 1 : 0;
    if (fits && need <= secret->room)
        return true;
    size_t room = 0;
    char *text = fits ? assay_alloc_pages(secret->room == 0 ? need : need * 2, &room) : NULL;
    if (text == NULL) {
        fail(secret);
        return false;
    }
    if (secret->len > 0)
        memcpy(text, secret->text, secret->len);
    assay_release_pages(secret->text, secret->room);
    secret->text = text;
    secret->room = room;
    return true;
}

void assay_secret_add(assay_secret *secret, const char *bytes, size_t len)
{
    if (len == 0 || !reserve(secret, len))
        return;
    memcpy(secret->text + secret->len, bytes, len);
    secret->len += len;
    secret->text[secret->len] = '\0';
}

void assay_secret_put(assay_secret *secret, const char *text)
{
    assay_secret_add(secret, text, strlen(text));
}

/* RFC 3986, section 2.3; whatever the locale. */
static bool is_unreserved(unsigned char byte)
{
    return (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') ||
           byte == '-' || byte == '.' || byte == '_' || byte == '~';
}

void assay_secret_form(assay_secret *secret, const char *bytes, size_t len)
{
    static const char digits[] = "0123456789ABCDEF";
    /* At once, so that it does not grow, and move, on the way. */
    if (len == 0 || !reserve(secret, len < SIZE_MAX / 3 ? len * 3 : SIZE_MAX))
        return;
    char *out = secret->text + secret->len;
    for (size_t i = 0; i < len; i++) {
        unsigned char byte = (unsigned char)bytes[i];
        if (is_unreserved(byte)) {
            *out++ = bytes[i];
            continue;
        }
        *out++ = '%';
        *out++ = digits[byte >> 4];
        *out++ = digits[byte & 15u];
    }
    *out = '\0';
    secret->len = (size_t)(out - secret->text);
}

void assay_secret_parameter(assay_secret *form, const char *name, const char *value, size_t len)
{
    if (form->len > 0)
        assay_secret_put(form, "&");
    assay_secret_put(form, name);
    assay_secret_put(form, "=");
    assay_secret_form(form, value, len);
}

bool assay_secret_set(assay_secret *secret, const char *bytes, size_t len)
{
    assay_secret made = {NULL, 0, 0, false};
    assay_secret_add(&made, bytes, len);
    assay_secret_move(secret, &made);
    return !secret->failed;
}

void assay_secret_move(assay_secret *to, assay_secret *from)
{
    if (to == from)
        return;
    assay_secret_clear(to);
    *to = *from;
    *from = (assay_secret){NULL, 0, 0, false};
}

bool assay_secret_copy(assay_secret *to, const assay_secret *from)
{
    if (to == from)
        return !to->failed;
    if (from->failed)
        fail(to);
    return !from->failed && assay_secret_set(to, from->text, from->len);
}

void assay_secret_clear(assay_secret *secret)
{
    assay_release_pages(secret->text, secret->room);
    *secret = (assay_secret){NULL, 0, 0, false};
}

bool assay_secret_equal(const assay_secret *secret, const char *bytes, size_t len)
{
    return !secret->failed && secret->len == len && assay_crypto_equal(secret->text, bytes, len);
}
