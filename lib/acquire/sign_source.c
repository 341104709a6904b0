/* SPDX-License-Identifier: MIT */
#include "acquire/sign_source.h"

#include "base/file.h"

#include <sys/stat.h>

/* What tells one state of a file from another; a link counts as what it points to, as that is what a volume of Kubernetes swaps. */
typedef struct identity {
    bool there;
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec changed;
} identity;

struct assay_sign_source {
    assay_crypto *crypto;
    char *key_path;         /* NULL: the key is in a store */
    char *uri;              /* NULL: the key is in a file */
    char *certificate_path; /* NULL: none */
    assay_secret passphrase;
    assay_sign_key *key; /* NULL: none yet */
    identity key_seen;   /* of the files that the key was made from */
    identity certificate_seen;
    int trouble;
    assay_failure why;
};

static identity identity_of(const char *path)
{
    struct stat about;
    if (path == NULL || stat(path, &about) != 0)
        return (identity){.there = false};
#ifdef __APPLE__
    struct timespec changed = about.st_mtimespec;
#else
    struct timespec changed = about.st_mtim;
#endif
    return (identity){true, about.st_dev, about.st_ino, about.st_size, changed};
}

static bool is_same(const identity *a, const identity *b)
{
    return a->there == b->there && a->device == b->device && a->inode == b->inode && a->size == b->size &&
           a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}

static bool copy_text(const char *text, char **copy)
{
    *copy = text == NULL ? NULL : assay_strdup(text);
    return text == NULL || *copy != NULL;
}

static int new_source(assay_crypto *crypto, const char *key_path, const char *uri, const char *certificate_path,
                      const assay_secret *passphrase, assay_sign_source **source, assay_failure *failure)
{
    *source = NULL;
    ASSAY_CLEANUP(assay_sign_source_free_p) assay_sign_source *made = assay_zalloc(sizeof *made);
    if (made == NULL)
        return assay_fail(failure, ASSAY_E_MEMORY);
    made->crypto = assay_crypto_ref(crypto);
    if (!copy_text(key_path, &made->key_path) || !copy_text(uri, &made->uri) ||
        !copy_text(certificate_path, &made->certificate_path) ||
        (passphrase != NULL && !assay_secret_copy(&made->passphrase, passphrase)))
        return assay_fail(failure, ASSAY_E_MEMORY);
    *source = ASSAY_STEAL(made);
    return assay_fail(failure, ASSAY_OK);
}

int assay_sign_source_new_files(assay_crypto *crypto, const char *key_path, const char *certificate_path,
                                const assay_secret *passphrase, assay_sign_source **source, assay_failure *failure)
{
    return new_source(crypto, key_path, NULL, certificate_path, passphrase, source, failure);
}

int assay_sign_source_new_store(assay_crypto *crypto, const char *uri, const char *certificate_path,
                                const assay_secret *passphrase, assay_sign_source **source, assay_failure *failure)
{
    return new_source(crypto, NULL, uri, certificate_path, passphrase, source, failure);
}

void assay_sign_source_free(assay_sign_source *source)
{
    if (source == NULL)
        return;
    assay_sign_key_unref(source->key);
    assay_secret_clear(&source->passphrase);
    assay_release(source->key_path);
    assay_release(source->uri);
    assay_release(source->certificate_path);
    assay_crypto_unref(source->crypto);
    assay_release(source);
}

/* A file in memory that is wiped, since it may hold a key. */
typedef struct file_text {
    char *pages;
    size_t room;
    assay_sign_text text;
} file_text;

static void clear_file(file_text *file)
{
    assay_release_pages(file->pages, file->room);
}

static int read_file(const char *path, file_text *file, assay_failure *failure)
{
    file->pages = assay_alloc_pages(ASSAY_LIMIT_SIGNING_FILE_BYTES, &file->room);
    if (file->pages == NULL)
        return assay_fail(failure, ASSAY_E_MEMORY);
    file->text.bytes = file->pages;
    file->text.name = path;
    return assay_file_read(path, file->pages, ASSAY_LIMIT_SIGNING_FILE_BYTES, &file->text.len,
                           ASSAY_E_CONFIG_SIGNING_KEY, failure);
}

static int read_pair(const assay_sign_source *source, assay_sign_key **key, assay_failure *failure)
{
    ASSAY_CLEANUP(clear_file) file_text key_file = {.pages = NULL};
    ASSAY_CLEANUP(clear_file) file_text certificate_file = {.pages = NULL};
    int code = source->key_path == NULL ? ASSAY_OK : read_file(source->key_path, &key_file, failure);
    if (code == ASSAY_OK && source->certificate_path != NULL)
        code = read_file(source->certificate_path, &certificate_file, failure);
    if (code != ASSAY_OK)
        return code;
    const assay_sign_text *certificates = source->certificate_path == NULL ? NULL : &certificate_file.text;
    if (source->uri != NULL)
        return assay_sign_key_from_store(source->crypto, source->uri, certificates, &source->passphrase, key, failure);
    return assay_sign_key_from_bytes(source->crypto, &key_file.text, certificates, &source->passphrase, key, failure);
}

/* A file that is being written may end after the key. */
static bool lost_certificates(const assay_sign_key *old, const assay_sign_key *fresh)
{
    return old != NULL && assay_sign_key_certificate_count(old) > 0 && assay_sign_key_certificate_count(fresh) == 0;
}

/* Read what is there now. What is written after the look at the files is noticed by the next call. */
static int renew(assay_sign_source *source, const identity *key_now, const identity *certificate_now,
                 assay_failure *failure)
{
    ASSAY_CLEANUP(assay_sign_key_unref_p) assay_sign_key *fresh = NULL;
    int code = read_pair(source, &fresh, failure);
    if (code != ASSAY_OK)
        return code;
    if (lost_certificates(source->key, fresh))
        return assay_fail_note(failure, ASSAY_E_CONFIG_SIGNING_KEY,
                               "the private key came with its certificate before, and there is none now");
    assay_sign_key_unref(source->key);
    source->key = ASSAY_STEAL(fresh);
    source->key_seen = *key_now;
    source->certificate_seen = *certificate_now;
    return assay_fail(failure, ASSAY_OK);
}

int assay_sign_source_get(assay_sign_source *source, assay_sign_key **key, assay_failure *failure)
{
    *key = NULL;
    source->trouble = ASSAY_OK;
    identity key_now = identity_of(source->key_path);
    identity certificate_now = identity_of(source->certificate_path);
    bool is_current = source->key != NULL && is_same(&key_now, &source->key_seen) &&
                      is_same(&certificate_now, &source->certificate_seen);
    if (!is_current)
        source->trouble = renew(source, &key_now, &certificate_now, &source->why);
    if (source->key == NULL)
        return assay_sign_source_trouble(source, failure);
    *key = assay_sign_key_ref(source->key);
    return assay_fail(failure, ASSAY_OK);
}

int assay_sign_source_trouble(const assay_sign_source *source, assay_failure *failure)
{
    if (failure != NULL && source->trouble != ASSAY_OK)
        *failure = source->why;
    return source->trouble == ASSAY_OK ? assay_fail(failure, ASSAY_OK) : source->trouble;
}
