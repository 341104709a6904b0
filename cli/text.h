/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_CLI_TEXT_H
#define ASSAY_CLI_TEXT_H

/*
 * Memory and text of the command and of the development issuer. Both are programs for people, so running out of memory ends
 * the process (exit status 3, "could not decide") instead of being carried through every function.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define CLI_CLEANUP(function) __attribute__((cleanup(function)))
#define CLI_DEFINE_CLEANUP(type, destructor)                                                                           \
    static inline void destructor##_p(type **pointer)                                                                  \
    {                                                                                                                  \
        destructor(*pointer);                                                                                          \
    }
#define CLI_COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static inline void cli_free_p(void *pointer)
{
    free(*(void **)pointer);
}
#define CLI_AUTO_FREE CLI_CLEANUP(cli_free_p)

/* Zeroed memory and copies; never NULL. */
void *cli_alloc(size_t size);
void *cli_realloc(void *memory, size_t size);
char *cli_copy(const char *text, size_t len);
char *cli_strdup(const char *text);
/* As of printf, into memory of its own. */
char *cli_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Text that grows; start with {0}. `ptr` is NULL or terminated. */
typedef struct cli_text {
    char *ptr;
    size_t len;
    size_t capacity;
} cli_text;

void cli_text_add(cli_text *text, const char *bytes, size_t len);
void cli_text_put(cli_text *text, const char *string);
void cli_text_free(cli_text *text);

/* base64url without padding (RFC 7515, section 2), terminated. */
char *cli_base64url(const uint8_t *bytes, size_t len);

/* Length of the UTF-8 sequence at @p text (RFC 3629), or 0 where it is malformed; @p point receives the code point. */
size_t cli_utf8_next(const char *text, size_t len, uint32_t *point);
bool cli_is_utf8(const char *text, size_t len);

#endif
