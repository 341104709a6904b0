/* SPDX-License-Identifier: MIT */
#include "acquire/token_file.h"

#include "acquire/diagnosis.h"
#include "json/document.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* Times that a file is read that somebody writes to at the same time, in place. */
#define ATTEMPTS 3

static int fail_row(int code, int row, assay_failure *failure, assay_failure_detail *detail)
{
    assay_diagnosis_apply(row, failure, detail);
    return code;
}

static const char *shown(const char *path, char *out, size_t size)
{
    assay_text_escape(path, strlen(path), out, size);
    return out;
}

static int fail_system(const char *path, int error, assay_failure *failure, assay_failure_detail *detail)
{
    char reason[100], name[121];
    bool access = error == EACCES || error == EPERM;
    bool missing = error == ENOENT || error == ENOTDIR || error == ELOOP || error == ENAMETOOLONG;
    bool type = error == EISDIR || error == ENXIO || error == ENODEV;
    int code = missing  ? ASSAY_E_TOKEN_FILE_MISSING
               : access ? ASSAY_E_TOKEN_FILE_ACCESS
               : type   ? ASSAY_E_TOKEN_FILE_TYPE
                        : ASSAY_E_TOKEN_FILE_ACCESS;
    (void)assay_fail_note(failure, code, "%s: %s", shown(path, name, sizeof name),
                          strerror_r(error, reason, sizeof reason));
    return fail_row(code, missing ? 51 : access ? 52 : 0, failure, detail);
}

static int open_file(const char *path)
{
    int fd;
    do
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* links are followed; a FIFO must not hang here */
    while (fd < 0 && errno == EINTR);
    return fd;
}

static void close_file(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
}

/* All of a file up to a byte more than it may have. 0, or an error number; ENOMEM too. */
static int read_all(int fd, assay_secret *text)
{
    char piece[4096];
    int error = 0;
    assay_secret_clear(text);
    while (text->len <= ASSAY_LIMIT_TOKEN_FILE_BYTES) {
        ssize_t got = read(fd, piece, sizeof piece);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            error = got < 0 ? errno : 0;
            break;
        }
        assay_secret_add(text, piece, (size_t)got);
        if (text->failed) {
            error = ENOMEM;
            break;
        }
    }
    assay_wipe(piece, sizeof piece);
    return error;
}

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/*
 * What was opened is read whole. The kubelet swaps a link, so that the descriptor stays with one file; whoever writes in place instead is noticed
 * by size and time, and read again.
 */
static int read_text(const char *path, assay_secret *text, assay_failure *failure, assay_failure_detail *detail)
{
    struct stat before, after;
    char name[121];
    ASSAY_CLEANUP(close_file) int fd = open_file(path);
    if (fd < 0)
        return fail_system(path, errno, failure, detail);
    for (int i = 0; i < ATTEMPTS; i++) {
        if (fstat(fd, &before) != 0 || lseek(fd, 0, SEEK_SET) < 0)
            return fail_system(path, errno == ESPIPE ? ENXIO : errno, failure, detail);
        if (!S_ISREG(before.st_mode))
            return assay_fail_note(failure, ASSAY_E_TOKEN_FILE_TYPE, "%s", shown(path, name, sizeof name));
        int error = read_all(fd, text);
        if (error == ENOMEM)
            return assay_fail(failure, ASSAY_E_MEMORY);
        if (error != 0)
            return fail_system(path, error, failure, detail);
        if (fstat(fd, &after) == 0 && is_same(&before, &after))
            break;
    }
    if (text->len > ASSAY_LIMIT_TOKEN_FILE_BYTES)
        return assay_fail_note(failure, ASSAY_E_TOKEN_FILE_SIZE, "%s is longer than %d bytes",
                               shown(path, name, sizeof name), ASSAY_LIMIT_TOKEN_FILE_BYTES);
    return ASSAY_OK;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static assay_span trimmed(const assay_secret *text)
{
    assay_span span = {text->text, text->len};
    while (span.len > 0 && is_space(span.ptr[span.len - 1]))
        span.len--;
    while (span.len > 0 && is_space(span.ptr[0])) {
        span.ptr++;
        span.len--;
    }
    return span;
}

/* Replace the text of a JSON object by one of its members. */
static int take_member(const char *path, const char *member, assay_secret *text, assay_failure *failure)
{
    char name[121], problem[100], sought[65];
    ASSAY_AUTO_JSON assay_json *document = NULL;
    assay_span token;
    int code = assay_json_parse(text->text, text->len, &document, problem, sizeof problem);
    if (code == ASSAY_E_MEMORY)
        return assay_fail(failure, code);
    if (code != ASSAY_OK)
        return assay_fail_note(failure, ASSAY_E_TOKEN_FILE_CONTENT, "%s is not JSON: %s",
                               shown(path, name, sizeof name), problem);
    if (!assay_json_get_member_string(document, member, &token))
        return assay_fail_note(failure, ASSAY_E_TOKEN_FILE_CONTENT, "%s has no text named %s",
                               shown(path, name, sizeof name), shown(member, sought, sizeof sought));
    return assay_secret_set(text, token.ptr, token.len) ? ASSAY_OK : assay_fail(failure, ASSAY_E_MEMORY);
}

/* Number of segments of base64url; *where: the first byte that is none and no dot, from 1 on; 0: there is no such byte. */
static size_t count_segments(assay_span text, size_t *where, bool *empty)
{
    size_t segments = 1, start = 0;
    *where = 0;
    *empty = text.len == 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
        if (c == '.') {
            *empty = *empty || i == start;
            start = i + 1;
            segments++;
        } else if (!good && *where == 0) {
            *where = i + 1;
        }
    }
    *empty = *empty || start == text.len;
    return segments;
}

/* RFC 7515, section 3.1: three segments of base64url. What is told is sizes, never content. */
static int check_form(const char *path, assay_span text, assay_failure *failure)
{
    char name[121];
    size_t where;
    bool empty;
    if (text.len > 0 && memchr(text.ptr, '\0', text.len) != NULL)
        return assay_fail_note(failure, ASSAY_E_TOKEN_FILE_CONTENT, "%s holds a NUL byte",
                               shown(path, name, sizeof name));
    size_t segments = count_segments(text, &where, &empty);
    if (where > 0)
        return assay_fail_note(failure, ASSAY_E_TOKEN_FILE_CONTENT,
                               "%s: byte %zu of %zu is not one that a JWT may have", shown(path, name, sizeof name),
                               where, text.len);
    if (segments != 3 || empty)
        return assay_fail_note(failure, ASSAY_E_TOKEN_FILE_CONTENT, "%s: %zu bytes in %zu segments%s, not three",
                               shown(path, name, sizeof name), text.len, segments, empty ? ", one of them empty" : "");
    return ASSAY_OK;
}

/* RFC 8693, section 3: an access token, a SAML assertion and what a server has names of its own for need not be JWTs. */
static bool is_type_of_jwt(const char *type)
{
    return type == NULL || strcmp(type, "urn:ietf:params:oauth:token-type:jwt") == 0 ||
           strcmp(type, "urn:ietf:params:oauth:token-type:id_token") == 0;
}

/* RFC 6749, appendix A.12, without blanks: one that holds them is another file. */
static int check_visible(const char *path, assay_span text, assay_failure *failure)
{
    char name[121];
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] < 0x21 || text.ptr[i] > 0x7e)
            return assay_fail_note(failure, ASSAY_E_TOKEN_FILE_CONTENT,
                                   "%s: byte %zu of %zu is not one that a token may have",
                                   shown(path, name, sizeof name), i + 1, text.len);
    return text.len > 0 ? ASSAY_OK
                        : assay_fail_note(failure, ASSAY_E_TOKEN_FILE_CONTENT, "%s holds no token",
                                          shown(path, name, sizeof name));
}

static int read_token(const char *path, const char *member, bool jwt, assay_secret *token, assay_failure *failure,
                      assay_failure_detail *detail)
{
    char name[121];
    int code = read_text(path, token, failure, detail);
    if (code == ASSAY_OK && trimmed(token).len == 0) {
        (void)assay_fail_note(failure, ASSAY_E_TOKEN_FILE_EMPTY, "%s", shown(path, name, sizeof name));
        return fail_row(ASSAY_E_TOKEN_FILE_EMPTY, 53, failure, detail);
    }
    if (code == ASSAY_OK && member != NULL)
        code = take_member(path, member, token, failure);
    if (code != ASSAY_OK)
        return code == ASSAY_E_TOKEN_FILE_CONTENT ? fail_row(code, jwt ? 12 : 0, failure, detail) : code;
    assay_span text = trimmed(token);
    code = jwt ? check_form(path, text, failure) : check_visible(path, text, failure);
    if (code != ASSAY_OK)
        return fail_row(code, jwt ? 12 : 0, failure, detail);
    return assay_secret_set(token, text.ptr, text.len) ? ASSAY_OK : assay_fail(failure, ASSAY_E_MEMORY);
}

int assay_token_file_read_typed(const char *path, const char *member, const char *type, assay_secret *token,
                                assay_failure *failure, assay_failure_detail *detail)
{
    assay_failure no_failure;
    assay_failure_detail no_detail = {.row = 0};
    assay_failure *why = failure != NULL ? failure : &no_failure;
    assay_failure_clear(why);
    if (detail != NULL)
        *detail = (assay_failure_detail){.row = 0};
    int code = read_token(path, member, is_type_of_jwt(type), token, why, detail != NULL ? detail : &no_detail);
    if (code != ASSAY_OK)
        assay_secret_clear(token);
    why->detail = code != ASSAY_OK ? detail : NULL;
    return code;
}

int assay_token_file_read(const char *path, const char *member, assay_secret *token, assay_failure *failure,
                          assay_failure_detail *detail)
{
    return assay_token_file_read_typed(path, member, NULL, token, failure, detail);
}
