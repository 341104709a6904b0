/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_DISCOVERY_SOURCE_STATE_H
#define ASSAY_DISCOVERY_SOURCE_STATE_H

/*
 * Inside of a key source, for the source*.c files alone.
 *
 * Times in here are the source's own, which never goes back: where the caller's clock falls behind by more than a moment, the difference is
 * kept and given out again on what the caller asks. So a clock that jumps back neither stops refreshes nor starts a storm of them; for the
 * source, time just stood still.
 */

#include "discovery/source.h"

typedef enum source_step { SOURCE_IDLE, SOURCE_METADATA, SOURCE_KEYS } source_step;

struct assay_source {
    /* Configuration */
    assay_source_mode mode;
    char *issuer;
    char *metadata_url; /* NULL: there is none to fetch */
    char **jwks_hosts;  /* NULL: any */
    size_t jwks_host_count;
    bool allow_loopback_http;
    bool with_bearer;
    char *ca; /* digest of the issuer's own CAs; NULL: it has none */
    int64_t retention_ms, hard_limit_ms;
    assay_crypto *crypto;

    /* What is known */
    char *jwks_uri; /* NULL: not yet */
    char *metadata_etag, *keys_etag;
    assay_snapshot *snapshot;
    assay_key_set served; /* the last document's keys, which a 304 serves again */
    int64_t keys_max_age; /* seconds, of the last document; -1: none */
    assay_tombstone *tombstones;
    size_t tombstone_count;
    int64_t taken_stamp; /* that the record bore whose keys were adopted or learned last; -1: none */
    uint64_t taken_keys; /* and a sum over the keys that it served */
    assay_snapshot **retired;
    size_t retired_count, retired_room;

    /* Times */
    int64_t latest, behind; /* own time last seen; own time less the caller's */
    bool seen;
    int64_t succeeded_at; /* of the fetch or push that the keys are from; INT64_MIN: none */
    int64_t due_at, expires_at, metadata_due_at;
    int64_t backoff_until;                   /* INT64_MIN: none */
    int64_t unknown_kid_stamp;               /* INT64_MIN: none yet */
    uint32_t failures, unknown_kid_failures; /* in a row */
    uint32_t abandoned;                      /* flights in a row that would have set the back-off, had they failed */
    bool metadata_wanted;                    /* the last key fetch failed: its URL may be the reason */
    uint64_t random;

    /* Flight */
    source_step step;
    bool overtaken; /* keys that came another way are newer than the answer that is awaited */
    assay_source_reason reason;
    int last_code;
    assay_failure *last_failure; /* NULL: only the code is known */
    assay_source_counters counters;
};

/* Take notice of the caller's time; returns the source's own. */
int64_t assay_source_own_time(assay_source *source, int64_t now_ms);
/* Every successful fetch of keys ends here: freshness, limits, failures forgotten. */
void assay_source_succeeded(assay_source *source, int64_t max_age_seconds, int64_t now);
/* What newer keys are merged into: the source's own, or NULL where they are past the hard limit. They don't come back as missing ones. */
const assay_snapshot *assay_source_living(const assay_source *source);
/* Merge a document's keys; @p fresh is emptied into the source, or is source->served itself. ASSAY_OK, ASSAY_E_JWKS, ASSAY_E_MEMORY: nothing changed. */
int assay_source_adopt(assay_source *source, assay_key_set *fresh, int64_t now);
/* The same with another snapshot in place of the source's own as what is there already; NULL: nothing is. */
int assay_source_adopt_over(assay_source *source, const assay_snapshot *old, assay_key_set *fresh, int64_t now);
/* Whether it has that tombstone already; @p likely: where to look first. */
bool assay_source_holds_tombstone(const assay_source *source, const assay_tombstone *wanted, size_t likely);
/*
 * Take over the tombstones that this source has not got yet, as far as there is room; what any of them covers goes at once. ASSAY_OK; ASSAY_E_MEMORY: nothing
 * changed.
 */
int assay_source_bury(assay_source *source, const assay_tombstone *tombstones, size_t count,
                      assay_source_burial *burial);
void assay_source_clear_keys(assay_source *source);
/* Room for one more retired snapshot, made before anything changes, so that replacing can't fail half-way. */
bool assay_source_reserve_retired(assay_source *source);
/* Readers may hold the old one: it is only set aside. Room was reserved. */
void assay_source_replace_snapshot(assay_source *source, assay_snapshot *made);
/* source_bearer.c: whether the issuer's token goes to this URL, which may be fetched. */
assay_http_bearer assay_source_bearer(const assay_source *source, const char *url);
/* Copy a text, or NULL. False: out of memory. */
bool assay_source_copy_text(const char *text, char **copy);
/* Put an owned text, or NULL, in the place of another. */
void assay_source_replace_text(char **kept, char *text);

#endif
