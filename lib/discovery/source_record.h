/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_DISCOVERY_SOURCE_RECORD_H
#define ASSAY_DISCOVERY_SOURCE_RECORD_H

/*
 * What a key source knows, as one text for a store, and back: its keys, those that are missing and since when, tags, the time of the last success, and
 * its tombstones. For sources that fetch. Only one time in it is absolute, in seconds of the wall clock: the last success. Everything else
 * follows from it by the rules of the source that takes it in: due, hard limit and retention are never what another process wrote.
 */

#include "discovery/source.h"

enum { ASSAY_RECORD_NAME = 64 };

/* Name of the record of a source: a digest of what tells it from others. @p name holds ASSAY_RECORD_NAME characters, and is terminated. Without the lock.
 * ASSAY_OK; ASSAY_E_ABSENT: its keys were given, so there is none; ASSAY_E_MEMORY, ASSAY_E_CRYPTO. */
int assay_source_record_name(const assay_source *source, char name[ASSAY_RECORD_NAME + 1]);

/*
 * Write the record; with the lock. @p now_wall: seconds. ASSAY_OK with *text, terminated; ASSAY_E_ABSENT: there is nothing to tell; ASSAY_E_MEMORY;
 * ASSAY_E_CRYPTO. Left out are keys that no longer count, and all keys where the wall clock can't be read (@p now_wall negative) or
 * one of them is symmetric: then only the tombstones are written.
 */
int assay_source_record_write(const assay_source *source, int64_t now_ms, int64_t now_wall, char **text, size_t *len);

/* A record that was read and vetted as a fetched document is. */
typedef struct assay_source_record assay_source_record;

/*
 * Without the lock: only what never changes of the source is looked at. ASSAY_OK; ASSAY_E_STORE: broken, altered or of another source; ASSAY_E_MEMORY,
 * ASSAY_E_CRYPTO. Where it is only its keys that this source may not use (a jwks_uri on a host that is not allowed, no usable key), the answer is ASSAY_OK with the reason in
 * @p failure: assay_source_record_adopt() then takes the tombstones and refuses the rest.
 */
int assay_source_record_read(const assay_source *source, const char *text, size_t len, assay_source_record **record,
                             assay_failure *failure);
void assay_source_record_free(assay_source_record *record);
ASSAY_DEFINE_CLEANUP(assay_source_record, assay_source_record_free)

/*
 * Take a record in; with the lock. Its tombstones are united with the source's in every case but the last, and *burial says what came of it. Its keys are adopted where they are
 * from a later success than the source's own. Of an older one, those that the source does not know are missing: since its own success, or for as long as they were there.
 * ASSAY_OK: there are keys that the source had not. ASSAY_E_ABSENT: nothing new, a flight is under way whose answer will be, or the source has symmetric keys. ASSAY_E_STORE: its keys may not be used,
 * or the times make no sense: from the future by more than a minute, older than the hard limit, or the wall clock can't be read. ASSAY_E_MEMORY: keys and times did not change.
 */
int assay_source_record_adopt(assay_source *source, const assay_source_record *record, int64_t now_ms, int64_t now_wall,
                              assay_source_burial *burial);

#endif
