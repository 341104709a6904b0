/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_BASE_LIST_H
#define ASSAY_BASE_LIST_H

/* A short list of owned texts, and a buffer that text is written to. */

#include "base/text.h"

typedef struct assay_text_list {
    assay_span *items; /* each owned and terminated */
    size_t count;
} assay_text_list;

/* Copies of the bytes; false: out of memory, the list is as before. */
bool assay_text_list_add(assay_text_list *list, const char *text, size_t len);
bool assay_text_list_copy(assay_text_list *to, const assay_text_list *from);
void assay_text_list_clear(assay_text_list *list);
bool assay_text_list_has(const assay_text_list *list, assay_span text);

typedef struct assay_buffer {
    char *text; /* terminated; NULL while empty */
    size_t len;
    size_t capacity;
    bool failed; /* out of memory at some point: the text is not to be used */
} assay_buffer;

void assay_buffer_add(assay_buffer *buffer, const char *text, size_t len);
void assay_buffer_put(assay_buffer *buffer, const char *text);
void assay_buffer_format(assay_buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A JSON string with its quotes; NULL writes null. @p text must be UTF-8. */
void assay_buffer_json_string(assay_buffer *buffer, const char *text, size_t len);
void assay_buffer_clear(assay_buffer *buffer); /* ASSAY_CLEANUP() takes it as it is */

#endif
