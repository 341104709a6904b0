/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_TOKEN_TOKEN_H
#define ASSAY_TOKEN_TOKEN_H

/*
 * A token taken apart, and later the claims of an accepted one: the same memory, one allocation. While it is unverified only
 * token/ and flow/ see it; it becomes an assay_claims for the caller after the last check.
 */

#include "base/failure.h"
#include "base/memory.h"
#include "crypto/verify.h"
#include "profile/entra.h"
#include "profile/profile.h"
#include "token/algorithm.h"
#include "json/scan.h"

#include <assay/claims.h>
#include <stdatomic.h>

/* A text decoded for a caller who asked; they hang on the claims until the last reference goes. */
typedef struct assay_decoded_text {
    struct assay_decoded_text *next;
    const char *raw; /* where the value lies: its identity */
    size_t len;
    char text[];
} assay_decoded_text;

struct assay_claims {
    atomic_uint references;
    char *text; /* the end of the allocation, where all bytes of the token are: what is wiped */
    size_t text_size;

    assay_span signing_input; /* borrowed from the caller's token: gone once the call returns */
    assay_json_object header;
    assay_json_object payload;
    const uint8_t *signature;
    size_t signature_len;

    const assay_algorithm *algorithm;
    size_t algorithm_index;
    assay_scheme scheme; /* what the signature was verified with */
    assay_jwk *key;      /* and the key; borrowed, NULL once the token is accepted */
    bool has_kid, has_typ;
    assay_span kid; /* decoded, terminated */
    assay_span typ; /* decoded */

    /* Of the issuer that it is from; set when that is found, read by caller.c and permission.c once the token is accepted. */
    const assay_profile *profile;
    const assay_entra *entra;              /* NULL: not Entra. Not to be followed after acceptance */
    const struct assay_entra_cloud *cloud; /* static; NULL: not Entra, or a cloud that is none of the known ones */
    char tenant[ASSAY_GUID_TEXT + 1];      /* Entra's, by `iss`, lower case; "": none */
    uint8_t version;                       /* Entra's form of `iss`: 1 or 2; 0: not Entra */
    bool strict_idtyp;                     /* assay_issuer_entra_require_idtyp() */
    bool caller_listed;                    /* it is on the issuer's allow-list */

    const char *issuer;  /* terminated copies, set on acceptance: `iss` */
    const char *subject; /* NULL: none */
    int64_t expiry;

    _Atomic(assay_decoded_text *) decoded;
    _Atomic(char *) json;

    char *
        spare; /* room for the copies: as long as the token's payload; until acceptance for one decoded text at a time */
};

/* The three segments of the compact form (RFC 7515, section 7.1), borrowed from the text. */
typedef struct assay_segments {
    assay_span header, payload, signature;
} assay_segments;

/* Size and number of segments. ASSAY_OK, ASSAY_E_TOKEN_SIZE, ASSAY_E_MALFORMED, ASSAY_E_ENCRYPTED. */
int assay_compact_split(const char *text, size_t len, assay_segments *parts, assay_failure *failure);

/*
 * Take a compact JWS apart: size, three segments, canonical base64url, both JSON objects, and what the header says about itself (RFC 7515,
 * sections 3.1, 4.1 and 7.1). Nothing is verified.
 * @p payload_is_json false leaves the payload as bytes (payload.text, payload.len, no members): for assay_jws_verify().
 * ASSAY_OK with one reference; ASSAY_E_TOKEN_SIZE, _MALFORMED, _ENCRYPTED, _BASE64URL, _HEADER, _PAYLOAD, _CRIT, _UNENCODED, _ALGORITHM_NONE, _ALGORITHM, _MEMORY.
 */
int assay_token_open(const char *text, size_t len, bool payload_is_json, assay_claims **token, assay_failure *failure);
void assay_token_close(assay_claims *token);
ASSAY_DEFINE_CLEANUP(assay_claims, assay_token_close)
#define ASSAY_AUTO_TOKEN ASSAY_CLEANUP(assay_token_close_p)

/* header.c: read what the header says; called by assay_token_open(). @p kid_room and @p typ_room hold as many bytes as the header text. */
int assay_header_read(assay_claims *token, char *room, assay_failure *failure);

/* Member of the payload by name; false where it is absent. */
static inline bool assay_token_get(const assay_claims *token, const char *name, assay_json_value *value)
{
    const assay_json_member *member = assay_json_find(&token->payload, name, strlen(name));
    if (member == NULL)
        return false;
    *value = assay_json_value_of(&token->payload, member);
    return true;
}

/* Verify the signature with the first of @p keys that fits and verifies; those that do not fit are passed over. ASSAY_OK, ASSAY_E_SIGNATURE, ASSAY_E_ALGORITHM_KEY (none fits),
 * ASSAY_E_CRYPTO, ASSAY_E_MEMORY. At most ASSAY_LIMIT_JWS_CANDIDATES are tried. */
int assay_token_verify(assay_claims *token, assay_jwk *const *keys, size_t count, assay_failure *failure);

/* Make the token the caller's: copies the issuer and the subject, and forgets what was borrowed. ASSAY_OK; ASSAY_E_INTERNAL: no checks were made before. */
int assay_token_accept(assay_claims *token);

/* A text that was made on demand, by the place that it stands for; NULL: not yet. */
const assay_decoded_text *assay_claims_kept(const assay_claims *claims, const char *place);
/* Room for one, terminator not counted; NULL: out of memory. Keeping it gives it to the claims; until then assay_release() frees it. */
assay_decoded_text *assay_claims_room(const char *place, size_t len);
const assay_decoded_text *assay_claims_keep(const assay_claims *claims, assay_decoded_text *made, size_t len);
/* Decode a string value once; borrowed from the claims. NULL: out of memory. */
const assay_decoded_text *assay_claims_decode(const assay_claims *claims, const assay_json_value *value);

#endif
