/* SPDX-License-Identifier: MIT */
#include "base/list.h"

#include "base/memory.h"

#include <stdarg.h>
#include <stdio.h>

bool assay_text_list_add(assay_text_list *list, const char *text, size_t len)
{
    char *copy = assay_memdup(text, len);
    if (copy == NULL)
        return false;
    assay_span *items = assay_realloc(list->items, (list->count + 1) * sizeof *items);
    if (items == NULL) {
        assay_release(copy);
        return false;
    }
    items[list->count] = (assay_span){copy, len};
    list->items = items;
    list->count++;
    return true;
}

bool assay_text_list_copy(assay_text_list *to, const assay_text_list *from)
{
    assay_text_list copy = {NULL, 0};
    for (size_t i = 0; i < from->count; i++) {
        if (!assay_text_list_add(&copy, from->items[i].ptr, from->items[i].len)) {
            assay_text_list_clear(&copy);
            return false;
        }
    }
    *to = copy;
    return true;
}

void assay_text_list_clear(assay_text_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        assay_release((char *)(uintptr_t)list->items[i].ptr);
    assay_release(list->items);
    *list = (assay_text_list){NULL, 0};
}

bool assay_text_list_has(const assay_text_list *list, assay_span text)
{
    for (size_t i = 0; i < list->count; i++) {
        if (assay_span_equal(list->items[i], text))
            return true;
    }
    return false;
}

static bool reserve(assay_buffer *buffer, size_t more)
{
    if (buffer->failed || more > SIZE_MAX / 4 - buffer->len)
        return false;
    size_t need = buffer->len + more + 1;
    if (need <= buffer->capacity)
        return true;
    size_t capacity = need < 256 ? 256 : need * 2;
    char *text = assay_realloc(buffer->text, capacity);
    if (text == NULL)
        return false;
    buffer->text = text;
    buffer->capacity = capacity;
    return true;
}

void assay_buffer_add(assay_buffer *buffer, const char *text, size_t len)
{
    if (!reserve(buffer, len)) {
        buffer->failed = true;
        return;
    }
    if (len > 0)
        memcpy(buffer->text + buffer->len, text, len);
    buffer->len += len;
    buffer->text[buffer->len] = '\0';
}

void assay_buffer_put(assay_buffer *buffer, const char *text)
{
    assay_buffer_add(buffer, text, strlen(text));
}

void assay_buffer_format(assay_buffer *buffer, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (len < 0 || (size_t)len >= sizeof text) {
        buffer->failed = true;
        return;
    }
    assay_buffer_add(buffer, text, (size_t)len);
}

void assay_buffer_json_string(assay_buffer *buffer, const char *text, size_t len)
{
    if (text == NULL) {
        assay_buffer_put(buffer, "null");
        return;
    }
    assay_buffer_put(buffer, "\"");
    size_t start = 0;
    for (size_t i = 0; i < len; i++) {
        uint8_t byte = (uint8_t)text[i];
        if (byte >= 0x20 && byte != '"' && byte != '\\')
            continue;
        assay_buffer_add(buffer, text + start, i - start);
        assay_buffer_format(buffer, "\\u%04x", byte);
        start = i + 1;
    }
    assay_buffer_add(buffer, text + start, len - start);
    assay_buffer_put(buffer, "\"");
}

void assay_buffer_clear(assay_buffer *buffer)
{
    assay_release(buffer->text);
    *buffer = (assay_buffer){NULL, 0, 0, false};
}
