/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_TESTS_HISTORY_H
#define ASSAY_TESTS_HISTORY_H

/* A recorded history of a provider's key set (data/metadata/…jwks-history.json, data/providers/rotation): which keys it served from when on. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HISTORY_KEYS = 128, HISTORY_VERSIONS = 512 };

typedef struct history {
    size_t keys, versions;
    char kids[HISTORY_KEYS][128];
    char issuers[HISTORY_KEYS][128];                /* the `issuer` of Entra's keys, or "" */
    size_t first[HISTORY_KEYS], last[HISTORY_KEYS]; /* versions that have it; SIZE_MAX: none */
    int64_t minute[HISTORY_VERSIONS];               /* since 1970, when it was first served */
    char *bodies[HISTORY_VERSIONS];
    bool has[HISTORY_VERSIONS][HISTORY_KEYS];
} history;

/* Failures end the test. */
history *history_read(const char *name);
void history_free(history *h);
/* Whether a good token of this key may be seen: served at that moment, or between two times when it was. */
bool history_is_alive(const history *h, size_t key, size_t version);

#endif
