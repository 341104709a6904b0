/* SPDX-License-Identifier: MIT */
#include "text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Noreturn void no_memory(void)
{
    fputs("assay: out of memory\n", stderr);
    _Exit(3);
}

void *cli_alloc(size_t size)
{
    void *memory = calloc(1, size == 0 ? 1 : size);
    if (memory == NULL)
        no_memory();
    return memory;
}

void *cli_realloc(void *memory, size_t size)
{
    void *moved = realloc(memory, size == 0 ? 1 : size);
    if (moved == NULL)
        no_memory();
    return moved;
}

char *cli_copy(const char *text, size_t len)
{
    char *copy = cli_alloc(len + 1);
    if (len > 0)
        memcpy(copy, text, len);
    return copy;
}

char *cli_strdup(const char *text)
{
    return cli_copy(text, strlen(text));
}

char *cli_format(const char *format, ...)
{
    char *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    int written = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (written < 0)
        no_memory();
    return text;
}

void cli_text_add(cli_text *text, const char *bytes, size_t len)
{
    size_t needed = text->len + len + 1;
    if (needed > text->capacity) {
        size_t capacity = needed < 256 ? 256 : needed * 2;
        char *moved = cli_alloc(capacity);
        if (text->ptr != NULL) {
            memcpy(moved, text->ptr, text->len);
            /* It may be a secret, and realloc() would leave a copy behind. */
            explicit_bzero(text->ptr, text->capacity);
        }
        free(text->ptr);
        text->ptr = moved;
        text->capacity = capacity;
    }
    if (len > 0)
        memcpy(text->ptr + text->len, bytes, len);
    text->len += len;
    text->ptr[text->len] = '\0';
}

void cli_text_put(cli_text *text, const char *string)
{
    cli_text_add(text, string, strlen(string));
}

void cli_text_free(cli_text *text)
{
    free(text->ptr);
    *text = (cli_text){0};
}

char *cli_base64url(const uint8_t *bytes, size_t len)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    char *text = cli_alloc(len / 3 * 4 + 5);
    size_t out = 0;
    for (size_t i = 0; i < len; i += 3) {
        size_t left = len - i < 3 ? len - i : 3;
        uint32_t group = (uint32_t)bytes[i] << 16;
        if (left > 1)
            group |= (uint32_t)bytes[i + 1] << 8;
        if (left > 2)
            group |= bytes[i + 2];
        for (size_t j = 0; j <= left; j++)
            text[out++] = alphabet[(group >> (18 - 6 * j)) & 63];
    }
    text[out] = '\0';
    return text;
}

size_t cli_utf8_next(const char *text, size_t len, uint32_t *point)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    if (len == 0)
        return 0;
    uint8_t first = (uint8_t)text[0];
    if (first < 0x80) {
        *point = first;
        return 1;
    }
    size_t need = first >= 0xf0 && first < 0xf8 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 0;
    if (need == 0 || first >= 0xf8 || need > len)
        return 0;
    uint32_t value = first & (0x7fu >> need);
    for (size_t i = 1; i < need; i++) {
        if (((uint8_t)text[i] & 0xc0) != 0x80)
            return 0;
        value = value << 6 | ((uint8_t)text[i] & 0x3f);
    }
    if (value < smallest[need] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
        return 0;
    *point = value;
    return need;
}

bool cli_is_utf8(const char *text, size_t len)
{
    uint32_t point = 0;
    for (size_t at = 0; at < len;) {
        size_t step = cli_utf8_next(text + at, len - at, &point);
        if (step == 0)
            return false;
        at += step;
    }
    return true;
}
