/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_DISCOVERY_SOURCE_H
#define ASSAY_DISCOVERY_SOURCE_H

/*
 * One key source: what to fetch next, what to make of the answer, when the next fetch is due (architecture, section 4). A state machine
 * without sockets, threads or clock: the caller holds a lock around every call but those of a reading, gives the time, and does the fetching.
 * All times are milliseconds of the steady clock.
 */

#include "base/failure.h"
#include "crypto/crypto.h"
#include "http/message.h"
#include "keys/snapshot.h"

typedef enum assay_source_mode {
    ASSAY_SOURCE_OPENID, /* OIDC Discovery */
    ASSAY_SOURCE_OAUTH,  /* RFC 8414 */
    ASSAY_SOURCE_URL,    /* metadata from metadata_url */
    ASSAY_SOURCE_JWKS,   /* key set from jwks_uri, no metadata */
    ASSAY_SOURCE_STATIC  /* keys were given; nothing is ever fetched */
} assay_source_mode;

typedef struct assay_source_config {
    assay_source_mode mode;
    const char *issuer;       /* all texts are copied by assay_source_new() */
    const char *metadata_url; /* ASSAY_SOURCE_URL */
    const char *jwks_uri;     /* ASSAY_SOURCE_JWKS */
    const char *const *jwks_hosts;
    size_t jwks_host_count;
    bool allow_loopback_http;
    assay_span ca; /* text of the CAs that servers are checked against; empty: those of the runtime */
    bool
        with_bearer; /* a token goes with requests to where the metadata (or else the key set) is configured, and to jwks_hosts */
    int64_t retention_ms;
    int64_t hard_limit_ms;
    assay_crypto *crypto; /* reference shared */
    uint64_t seed;        /* for jitter; the same seed gives the same jitter */
} assay_source_config;

/* Why somebody wants a fetch. */
typedef enum assay_source_reason {
    ASSAY_SOURCE_COLD,        /* no usable keys: never fetched, or past the hard limit */
    ASSAY_SOURCE_SCHEDULED,   /* assay_source_due() */
    ASSAY_SOURCE_UNKNOWN_KID, /* a token's kid is not there; a budget of its own */
    ASSAY_SOURCE_FORCED       /* the host asked for a refresh; no budget */
} assay_source_reason;

typedef struct assay_source_counters {
    uint64_t metadata_fetches, key_fetches, failures, unknown_kid_fetches, not_modified;
} assay_source_counters;

/* What came of tombstones that another process, or the store, has. */
typedef struct assay_source_burial {
    size_t buried;  /* tombstones that were new */
    size_t dropped; /* keys that went */
    bool crowded;   /* not every tombstone could be taken over: there are too many. What they cover went all the same */
} assay_source_burial;

typedef struct assay_source assay_source;

/* ASSAY_OK; ASSAY_E_CONFIG_ISSUER, ASSAY_E_CONFIG_URL: a URL that may not be fetched, or none; ASSAY_E_MEMORY. */
int assay_source_new(const assay_source_config *config, assay_source **source);
void assay_source_free(assay_source *source);
ASSAY_DEFINE_CLEANUP(assay_source, assay_source_free)

/* The keys as of now; NULL before the first success. Owned by the source until assay_source_take_retired(). */
const assay_snapshot *assay_source_snapshot(const assay_source *source);
/* A snapshot that was replaced, for the caller to free once no reader holds it; NULL: none. Call until NULL. */
assay_snapshot *assay_source_take_retired(assay_source *source);

/* Add this to the caller's time to compare it with the times of a snapshot; 0 unless the caller's clock has gone back. */
int64_t assay_source_lag(const assay_source *source);

/*
 * Tell the time before asking the functions below, which have no time of their own. Where the steady clock has gone back (it should not), every
 * time they give moves back with it: for the source time stood still, so no wait gets longer than its window and nothing is fetched twice.
 */
void assay_source_observe(assay_source *source, int64_t now_ms);
/* When the next scheduled fetch is due (INT64_MIN: never fetched, INT64_MAX: static), and when the keys stop counting (INT64_MAX: never, for static keys; INT64_MIN before the first success). */
int64_t assay_source_due_at(const assay_source *source);
int64_t assay_source_expires_at(const assay_source *source);
/* Earliest time at which a fetch for this reason is allowed: due, back-off and budget considered. In the past: now. INT64_MAX: never (static). */
int64_t assay_source_allowed_at(const assay_source *source, assay_source_reason reason);
/* Whether the last fetch failed, with what (0: it did not, or there was none), for the answers between fetches. */
int assay_source_last_failure(const assay_source *source, assay_failure *failure);

/* Another process that shares the keys asked because of an unknown kid, so long ago: that spends the budget here as well, until the same moment. */
void assay_source_asked_elsewhere(assay_source *source, int64_t age_ms, int64_t now_ms);
/* Whether the last success can be of what was last asked for because of an unknown kid, here or elsewhere, as far as whole seconds tell. */
bool assay_source_may_know_kid(const assay_source *source);
/* Begin a flight. Stamps the budget of its reason first, so that however it ends it has been spent. The caller checked assay_source_allowed_at(). */
void assay_source_begin(assay_source *source, assay_source_reason reason, int64_t now_ms);
/* What to fetch now; false: the flight is over. Texts are borrowed until the next call with this source. */
bool assay_source_next(assay_source *source, assay_http_request *request);
/* Whether what assay_source_next() gave is the metadata document; false: the key set. */
bool assay_source_wants_metadata(const assay_source *source);

/* What an answer says. Made without the lock: reading uses only what never changes of a source (issuer, allowed hosts, crypto). */
typedef struct assay_source_reading {
    int code; /* ASSAY_OK: the document can be used */
    assay_failure failure;
    bool metadata;
    bool not_modified;
    char *jwks_uri;      /* of metadata; owned */
    assay_key_set keys;  /* of a key set; owned */
    char *etag;          /* owned; NULL: none, or no memory to keep it */
    int64_t max_age;     /* seconds; -1: none given */
    int64_t retry_after; /* seconds that a refusal asked for; -1: none */
} assay_source_reading;

/* Read an answer, which takes tens of milliseconds for a large set. @p request: the caller's copy of what assay_source_next() gave; any thread, no lock. */
void assay_source_read(const assay_source *source, bool metadata, const assay_http_request *request,
                       const assay_http_response *response, assay_source_reading *reading);
void assay_source_reading_clear(assay_source_reading *reading);
/*
 * Take in what was read, with the lock; once, and it is still to be cleared. ASSAY_OK: go on with assay_source_next(). Anything else ended the flight;
 * the old keys stand and the back-off is set. But a reading of another document than the one that is awaited is ASSAY_E_INTERNAL and changes nothing.
 * Metadata that could not be fetched at all counts as a failure but does not end the flight where a jwks_uri is known: the keys are what matters,
 * and the metadata is asked for again by the next flight. A document that was read and refused does end it.
 * An answer for keys that were pushed meanwhile is dropped: what the host handed over is newer. That is no failure.
 */
int assay_source_answered(assay_source *source, assay_source_reading *reading, int64_t now_ms, assay_failure *failure);
/*
 * There was no answer. Ends the flight; returns @p code. @p failure (may be NULL) is remembered for assay_source_last_failure().
 * ASSAY_OK: go on with assay_source_next(), as above: metadata failed by a fault of the network and a jwks_uri is known, or keys were pushed meanwhile.
 */
int assay_source_failed(assay_source *source, int code, const assay_failure *failure, int64_t now_ms);
/*
 * End a flight whose leader went away; counts as a failure without back-off, so that the next caller may begin at once. But whoever lets operations
 * begin and go away must not cause fetches without end: every ASSAY_LIMIT_ABANDONED th in a row of those that a failure would make back off does so.
 */
void assay_source_abandoned(assay_source *source, int64_t now_ms);
/*
 * In the child of a fork: a flight that was under way is its leader's, in the parent, and over here; @p salt (the process id will do) makes this child's
 * jitter its own, and its next refresh comes a little earlier, so that the workers of one parent don't all ask at one moment. No allocation, no lock.
 */
void assay_source_forked(assay_source *source, uint64_t salt);

/* Merge keys that the host hands over, as a successful fetch without max-age. ASSAY_OK, ASSAY_E_CONFIG_KEYS, ASSAY_E_MEMORY. */
int assay_source_push(assay_source *source, const assay_key_set *keys, int64_t now_ms);
/*
 * Drop a kid (NULL: all) and leave tombstones. ASSAY_OK. ASSAY_E_KEY_UNKNOWN: none there; the kid, if one is named, is buried all the same, and no key
 * of it is ever accepted. ASSAY_E_RANGE: dropped, but there are too many tombstones to remember all of it. ASSAY_E_MEMORY: nothing was done.
 */
int assay_source_purge(assay_source *source, const char *kid, int64_t now_ms);

/*
 * For a configuration that was loaded anew: take what @p old knows, in which nothing changes; both locks are held. Keys, their schedule, back-off and budgets
 * pass with @p with_keys, where the issuer, where its keys come from, its own CAs, and the property query are alike, and where this source has none or older ones; a static source
 * keeps its own. Retention and the hard limit are those of this source. What was purged passes in any case, and holds at once: the caller knows
 * that the issuer is the same, though Entra's is called otherwise with one tenant than with several.
 * A flight under way at the old one stays there; one at this source ends with the next answer, which keys taken over make needless.
 * ASSAY_OK: keys were taken; ASSAY_E_ABSENT: none but what was purged; ASSAY_E_RANGE: done, either way, but there are too many tombstones to remember
 * all of them; ASSAY_E_MEMORY: nothing changed.
 */
int assay_source_take_over(assay_source *source, const assay_source *old, bool with_keys, int64_t now_ms);

/* Whether anything was purged here, or elsewhere and taken over. */
bool assay_source_has_tombstones(const assay_source *source);
assay_source_counters assay_source_count(const assay_source *source);
/* For describing a source to people: where its documents lie (NULL: nowhere, or not known yet), and the keys of the last document with what was skipped. */
const char *assay_source_metadata_url(const assay_source *source);
const char *assay_source_jwks_uri(const assay_source *source);
const assay_key_set *assay_source_served(const assay_source *source);

#endif
