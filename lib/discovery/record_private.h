/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_DISCOVERY_RECORD_PRIVATE_H
#define ASSAY_DISCOVERY_RECORD_PRIVATE_H

/* What the source_record*.c files share. */

#include "discovery/source_record.h"

struct assay_source_record {
    assay_tombstone *tombstones;
    size_t tombstone_count;
    bool refused;                    /* it has keys that this source may not use */
    bool has_keys;                   /* all that follows; otherwise there are only tombstones */
    char *jwks_uri;                  /* found in metadata; NULL: not known, or configured */
    char *metadata_etag, *keys_etag; /* or NULL */
    int64_t max_age;                 /* seconds; -1: none */
    int64_t succeeded;               /* seconds of the wall clock */
    int64_t metadata_after;          /* seconds from then until the metadata is due */
    assay_key_set served;            /* under no tombstone of the record */
    assay_snapshot_key *missing;     /* in the order of their going, the latest first; jwk owned */
    size_t missing_count;            /* missing_since_ms is a distance here: before the success */
};

/* How the record spells the mode of a source; NULL: static, which has no record. */
const char *assay_record_mode(const assay_source *source);
/* The jwks_uri that the configuration gives; NULL: the metadata does. */
const char *assay_record_configured_uri(const assay_source *source);
/* Whether the host pushed a symmetric key, which is never written down: then the keys are this process's own affair. */
bool assay_record_is_secret(const assay_source *source);

#endif
