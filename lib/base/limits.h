/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_BASE_LIMITS_H
#define ASSAY_BASE_LIMITS_H

/*
 * Every limit of the library, one a line. docs/limits.md is made from this file, so each line reads
 * `#define NAME value` and then a comment `unit: what it bounds, and why so`.
 */

/* Token */
#define ASSAY_LIMIT_TOKEN_BYTES 65536         /* bytes: one token in compact form; Entra's largest stay below 20000 */
#define ASSAY_LIMIT_HEADER_BYTES 16384        /* bytes: the decoded JOSE header, an x5c chain included */
#define ASSAY_LIMIT_JSON_DEPTH 32             /* levels: nesting of objects and arrays in a token */
#define ASSAY_LIMIT_HEADER_MEMBERS 64         /* members: of all objects of one header together */
#define ASSAY_LIMIT_JSON_MEMBERS 1024         /* members: of all objects of one payload together */
#define ASSAY_LIMIT_KID_BYTES 1024            /* bytes: a key id in a header or key set */
#define ASSAY_LIMIT_AUDIENCES 64              /* elements: `aud` of a token */
#define ASSAY_LIMIT_JWS_CANDIDATES 8          /* keys: tried for one signature where kid alone does not decide */
#define ASSAY_LIMIT_AUTHORIZATION_BYTES 66048 /* bytes: an Authorization value: a token, its scheme and some blanks */
#define ASSAY_LIMIT_SCHEME_BYTES 64           /* bytes: the name of a scheme other than Bearer */
#define ASSAY_LIMIT_CERTIFICATE_BYTES 65536   /* bytes: a client's certificate in DER */
#define ASSAY_LIMIT_LATEST_TIME 253402300799  /* seconds: latest NumericDate accepted, the end of year 9999 */
#define ASSAY_LIMIT_TOKEN_CACHE 65536         /* tokens: accepted ones that one validator may keep; none by default */
#define ASSAY_LIMIT_CACHED_TOKEN_BYTES 16384  /* bytes: a longer token is not kept */
#define ASSAY_LIMIT_FOUND_BYTES 200           /* bytes: what an error shows of a value */

/* Keys */
#define ASSAY_LIMIT_KEYS 128             /* keys: in one key set; the largest public sets hold about 15 */
#define ASSAY_LIMIT_RSA_BITS_MIN 2048    /* bits: smallest RSA modulus (RFC 7518, section 3.3) */
#define ASSAY_LIMIT_RSA_BITS_MAX 8192    /* bits: largest RSA modulus; larger ones only cost time (CVE-2023-6237) */
#define ASSAY_LIMIT_RSA_EXPONENT_BITS 33 /* bits: largest RSA public exponent */
#define ASSAY_LIMIT_SYMMETRIC_BYTES 1024 /* bytes: longest symmetric key */
#define ASSAY_LIMIT_X5C_BYTES 16384      /* bytes: the first certificate of x5c, in DER */
#define ASSAY_LIMIT_TOMBSTONES 4096      /* keys: remembered as purged, per issuer */
#define ASSAY_LIMIT_STORE_BYTES 8388608 /* bytes: one file of the key store; all keys and tombstones of an issuer fit */
#define ASSAY_LIMIT_STORE_WAIT_MS 1000  /* milliseconds: that a purge waits for another process to let go of a file */
#define ASSAY_LIMIT_STORE_TURN_MS 20    /* milliseconds: that asking for a turn waits for others who ask */
#define ASSAY_LIMIT_STORE_LOOK_MS 20    /* milliseconds: between looks in the store while another process fetches */
#define ASSAY_LIMIT_STORE_FUTURE 60     /* seconds: by which a stored time may lie ahead of the clock */
#define ASSAY_LIMIT_STORE_LEFTOVERS 64  /* files: abandoned temporary ones that opening a store removes at once */
#define ASSAY_LIMIT_STORE_LEFTOVER_AGE 3600 /* seconds: after which such a file of a process that is gone is removed */
#define ASSAY_LIMIT_STORE_ENTRIES 65536 /* entries: of the directory, that opening a store looks at for such files */

/* Documents */
#define ASSAY_LIMIT_METADATA_BYTES 262144   /* bytes: a discovery document */
#define ASSAY_LIMIT_JWKS_BYTES 524288       /* bytes: a key set */
#define ASSAY_LIMIT_DOCUMENT_DEPTH 32       /* levels: nesting of any fetched or given JSON document */
#define ASSAY_LIMIT_DOCUMENT_VALUES 100000  /* values: objects, arrays and scalars of one document */
#define ASSAY_LIMIT_CONFIG_BYTES 8388608    /* bytes: a configuration document, 10000 issuers included */
#define ASSAY_LIMIT_CA_BYTES 4194304        /* bytes: CA certificates in PEM */
#define ASSAY_LIMIT_BEARER_FILE_BYTES 16384 /* bytes: a bearer file; servers take no longer header */
#define ASSAY_LIMIT_URL_BYTES 2048          /* bytes: a URL */
#define ASSAY_LIMIT_HTTP_HEADER_BYTES 65536 /* bytes: all headers of one answer */
#define ASSAY_LIMIT_KEPT_CONNECTIONS 16     /* connections: idle ones of an engine for event loops, kept for later */
#define ASSAY_LIMIT_CHALLENGE_BYTES 32768   /* bytes: a WWW-Authenticate value; longer ones are not read */
#define ASSAY_LIMIT_ETAG_BYTES 512          /* bytes: an entity tag; a longer one is not sent back */

/* Times of key sources */
#define ASSAY_LIMIT_REFRESH_MIN 300       /* seconds: least time between scheduled refreshes */
#define ASSAY_LIMIT_REFRESH_MAX 3600      /* seconds: most time between scheduled refreshes, whatever max-age says */
#define ASSAY_LIMIT_METADATA_MAX 86400    /* seconds: most time between fetches of the metadata document */
#define ASSAY_LIMIT_JITTER_PERCENT 10     /* percent: by which a refresh may come earlier */
#define ASSAY_LIMIT_UNKNOWN_KID_WINDOW 30 /* seconds: between fetches that unknown key ids cause */
#define ASSAY_LIMIT_UNKNOWN_KID_WINDOW_MAX 300 /* seconds: that window after repeated failures */
#define ASSAY_LIMIT_BACKOFF_MIN 5              /* seconds: first pause after a failed fetch */
#define ASSAY_LIMIT_BACKOFF_MAX 300            /* seconds: longest pause after failed fetches */
#define ASSAY_LIMIT_LEASE_GRACE_MS 250 /* milliseconds: after the time for a document another may take over its fetch */
#define ASSAY_LIMIT_ABANDONED 8 /* times: flights are given up in a row until a pause, or the lead of one passes on */
#define ASSAY_LIMIT_RETENTION 3600         /* seconds: a key that is no longer served stays usable, by default */
#define ASSAY_LIMIT_RETENTION_ENTRA 172800 /* seconds: the same for Entra, whose keys vanish for up to two days */
#define ASSAY_LIMIT_RETENTION_MAX 604800   /* seconds: the most that may be configured */
#define ASSAY_LIMIT_HARD_LIMIT 86400       /* seconds: keys serve without a successful fetch, by default */
#define ASSAY_LIMIT_HARD_LIMIT_MAX 2592000 /* seconds: the most that may be configured */

/* Keys of a client */
#define ASSAY_LIMIT_ASSERTION_LIFETIME 600    /* seconds: a client assertion; no server takes much more */
#define ASSAY_LIMIT_SIGNING_FILE_BYTES 262144 /* bytes: a file with a private key, or with its certificates */
#define ASSAY_LIMIT_SIGNING_CERTIFICATES 16   /* certificates: beside one private key */

/* Configuration */
#define ASSAY_LIMIT_LEEWAY 60                  /* seconds: tolerated difference of clocks, by default */
#define ASSAY_LIMIT_LEEWAY_MAX 300             /* seconds: the most that may be configured */
#define ASSAY_LIMIT_LIFETIME_MAX 315360000     /* seconds: the largest lifetime cap or maximum age, ten years */
#define ASSAY_LIMIT_CONTEXT_BYTES 64           /* bytes: an authentication context that is demanded */
#define ASSAY_LIMIT_REALM_BYTES 256            /* bytes: the realm of a claims challenge */
#define ASSAY_LIMIT_CONFIGURED_AUDIENCES 256   /* audiences: of one issuer */
#define ASSAY_LIMIT_CONFIGURED_TEXT_BYTES 2048 /* bytes: an audience, subject, nonce, client id or required value */
#define ASSAY_LIMIT_REQUIREMENTS 64            /* entries: required claims and values of one issuer */
#define ASSAY_LIMIT_REQUIREMENT_VALUES 64      /* texts: of one required value */
#define ASSAY_LIMIT_ACRS 32                    /* texts: acr values of one request */
#define ASSAY_LIMIT_ISSUERS 65536              /* issuers: of one validator */
#define ASSAY_LIMIT_SAME_ISSUER 64             /* issuers: of one validator that have one URL, told apart by audience */
#define ASSAY_LIMIT_TENANTS 65536              /* tenants: of one issuer of Entra */
#define ASSAY_LIMIT_CALLERS 65536              /* callers: on the allow-list of one issuer of Entra */
#define ASSAY_LIMIT_REVOCATIONS 65536          /* callers: whose earlier tokens one validator refuses */
#define ASSAY_LIMIT_JWKS_HOSTS 32              /* hosts: that a jwks_uri may lie on */
#define ASSAY_LIMIT_FETCH_TIMEOUT_MS 5000      /* milliseconds: for one document, by default */
#define ASSAY_LIMIT_FETCH_TIMEOUT_MIN_MS 100   /* milliseconds: the least that may be configured */
#define ASSAY_LIMIT_FETCH_TIMEOUT_MAX_MS 60000 /* milliseconds: the most that may be configured */
#define ASSAY_LIMIT_CALL_TIMEOUT_MS 600000     /* milliseconds: the longest timeout of a call */

/* Obtaining tokens */
#define ASSAY_LIMIT_TOKEN_FILE_BYTES 65536       /* bytes: a federated token file */
#define ASSAY_LIMIT_TOKEN_RESPONSE_BYTES 1048576 /* bytes: the answer of a token endpoint; tokens can be long */
#define ASSAY_LIMIT_SCOPE_BYTES 2048             /* bytes: a scope or resource */
#define ASSAY_LIMIT_CREDENTIAL_TEXT_BYTES 8192   /* bytes: an option of a credential */
#define ASSAY_LIMIT_SECRET_BYTES 65536           /* bytes: a client secret or assertion of the host */
#define ASSAY_LIMIT_CLAIMS_BYTES 16384           /* bytes: the claims of a challenge, decoded */
#define ASSAY_LIMIT_CHAIN 16                     /* credentials: in one chain */
#define ASSAY_LIMIT_EXCHANGE_TARGETS 16          /* texts: audiences, or resources, of one token exchange */
#define ASSAY_LIMIT_CREDENTIAL_DEPTH 4           /* credentials: that use one another's tokens */
#define ASSAY_LIMIT_EXCHANGE_TIMEOUT_MS 30000    /* milliseconds: for one request to a token endpoint or an agent */
#define ASSAY_LIMIT_PROBE_TIMEOUT_MS 1000        /* milliseconds: for asking whether IMDS is there at all */
#define ASSAY_LIMIT_KEPT_TOKENS 1000             /* tokens: that one credential keeps for requests without a user */
#define ASSAY_LIMIT_KEPT_USER_TOKENS 1000        /* tokens: that one credential keeps on behalf of users */
#define ASSAY_LIMIT_SHARED_HOLD 120              /* seconds: others wait for a process that obtains a token */
#define ASSAY_LIMIT_SHARED_KEPT 86400            /* seconds: the file of a shared token stays after its expiry */
#define ASSAY_LIMIT_SHARED_ENTRIES 32            /* entries: of their directory, looked at with each that is shared */
#define ASSAY_LIMIT_RETRY_AFTER 3600             /* seconds: the longest that a server may ask to wait */
#define ASSAY_LIMIT_UNTOLD_LIFETIME 300          /* seconds: a token is kept whose server does not tell its lifetime */
#define ASSAY_LIMIT_TOKEN_LIFETIME 315360000 /* seconds: the longest lifetime of a token that is believed, ten years */
#define ASSAY_LIMIT_ARC_KEY_BYTES 4096 /* bytes: a key file of the Arc agent (Microsoft, "Authenticate with Arc") */
#define ASSAY_LIMIT_FILE_SKEW 30 /* seconds: before its expiry from which a token file counts as about to be replaced */

#endif
