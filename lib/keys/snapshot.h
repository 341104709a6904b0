/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_KEYS_SNAPSHOT_H
#define ASSAY_KEYS_SNAPSHOT_H

/*
 * The keys of one issuer at one moment: immutable. A refresh makes a new one by merging (architecture, section 4): providers serve sets in
 * which good keys are missing for hours, so a key that is not served stays usable for a while.
 */

#include "base/readers.h"
#include "keys/key_set.h"

/* Not a time: steady clocks may start anywhere, and what a store recalls may be older than the start. */
#define ASSAY_SERVED_NOW INT64_MIN

typedef struct assay_snapshot_key {
    assay_jwk *jwk;
    int64_t missing_since_ms; /* steady time of the fetch that first found it missing; ASSAY_SERVED_NOW */
    int64_t usable_until_ms;  /* retention ends then, whether or not a fetch was made; INT64_MAX: served now */
} assay_snapshot_key;

typedef struct assay_snapshot {
    assay_retiree retiree;    /* first: how a replaced snapshot waits for its last reader */
    assay_snapshot_key *keys; /* those served now first */
    size_t count;
    size_t served;
    size_t skipped; /* keys of the last document that could not be used */
} assay_snapshot;

/*
 * What was purged and never comes back: key material, whatever its kid; or, where nobody knows the material of a kid that was purged before
 * it was seen, every key of that kid.
 */
typedef struct assay_tombstone {
    uint8_t thumbprint[32];
    char *kid;           /* without a thumbprint: the kid */
    bool has_thumbprint; /* otherwise it is the kid that counts */
} assay_tombstone;

bool assay_tombstone_covers(const assay_tombstone *tombstone, const assay_jwk *jwk);

/*
 * Merge what an issuer serves now into what it served before. @p old may be NULL.
 * - Every key of @p fresh is served, but those under a tombstone.
 * - What the issuer says of a key now counts at once: a key of @p old whose kid and material are in @p fresh goes, whatever it might be used for
 *   (alg, issuer, cloud) before. Else one that was narrowed to personal accounts would sign for organisations until its retention ends.
 * - A key of @p old that is not in @p fresh (by kid and thumbprint) stays, marked missing since @p now_ms or since it was first found missing,
 *   and usable for @p retention_ms from then, unless it has been missing for @p retention_ms or longer, or retention is 0, or a key of @p fresh has the same kid and kind but other material: that replaces it at once.
 * - Two equal keys of @p fresh (kid, thumbprint, and the same alg, issuer and cloud) are one; of one kid with other attributes both stay.
 * - A key of @p old under a tombstone goes as well; at most ASSAY_LIMIT_KEYS missing keys are kept, those that went last.
 * ASSAY_OK; ASSAY_E_JWKS: no usable key remains in @p fresh, nothing was made; ASSAY_E_MEMORY.
 */
int assay_snapshot_merge(const assay_snapshot *old, const assay_key_set *fresh, const assay_tombstone *tombstones,
                         size_t tombstone_count, int64_t now_ms, int64_t retention_ms, assay_snapshot **made);
/* A copy without the keys of a kid (NULL: without any), and without the same material under another. *dropped counts them. ASSAY_OK, ASSAY_E_MEMORY. */
int assay_snapshot_without(const assay_snapshot *old, const char *kid, size_t *dropped, assay_snapshot **made);
/* A copy for a source of other settings: without keys under a tombstone, and with retention cut down to @p retention_ms. ASSAY_OK, ASSAY_E_MEMORY. */
int assay_snapshot_copy(const assay_snapshot *from, const assay_tombstone *tombstones, size_t tombstone_count,
                        int64_t retention_ms, assay_snapshot **made);
/* A copy without the keys that are under these tombstones. Results as above. */
int assay_snapshot_without_buried(const assay_snapshot *old, const assay_tombstone *tombstones, size_t tombstone_count,
                                  size_t *dropped, assay_snapshot **made);
/*
 * What a newer set is to be merged into, where it brings knowledge of missing keys with it: @p missing, the latest first, and the keys of @p old (may be NULL) that
 * are not among them; those that it serves as missing since @p seen_ms, when they were seen last. What only one of the two has goes where the other saw
 * the kid later, with other attributes or material, as in a merge. ASSAY_OK, ASSAY_E_MEMORY.
 */
int assay_snapshot_recall(const assay_snapshot *old, int64_t seen_ms, const assay_snapshot_key *missing, size_t count,
                          assay_snapshot **made);
/*
 * A copy that knows what an older set knew as well: @p older, missing since the times it names, the latest first. As in a merge, what has been missing for @p retention_ms or
 * longer stays out, and so does what is under a tombstone, what @p from has already, or has seen later with other attributes or material. There are
 * ASSAY_LIMIT_KEYS missing keys at most, and those of @p from stay, but for what @p older saw no earlier with other attributes or material. *learned counts what is new. ASSAY_OK, ASSAY_E_MEMORY.
 */
int assay_snapshot_learn(const assay_snapshot *from, const assay_snapshot_key *older, size_t count,
                         const assay_tombstone *tombstones, size_t tombstone_count, int64_t now_ms,
                         int64_t retention_ms, size_t *learned, assay_snapshot **made);
void assay_snapshot_free(assay_snapshot *snapshot);
ASSAY_DEFINE_CLEANUP(assay_snapshot, assay_snapshot_free)

/*
 * Keys for a token. With a kid: every key of exactly that kid, at most @p capacity. Without (@p kid NULL): every key that is served now and was not dropped.
 * A key whose retention ended by @p now_ms, on the clock that the snapshot was merged on, is passed over.
 * Returns their number; whether the algorithm fits is the caller's question.
 */
size_t assay_snapshot_select(const assay_snapshot *snapshot, const char *kid, size_t kid_len, int64_t now_ms,
                             assay_jwk **found, size_t capacity);

/*
 * Whether a token whose kid led to this key before would be verified with it again: it is among those of its kid, of the same material and restrictions. *served: it is
 * served, so that no time ends that.
 */
bool assay_snapshot_has(const assay_snapshot *snapshot, const assay_jwk *jwk, int64_t now_ms, bool *served);

#endif
