/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_ERROR_H
#define ASSAY_ERROR_H

#include <assay/types.h>

ASSAY_BEGIN_DECLS

/**
 * @file
 * Codes of failure and the object that explains one.
 *
 * A code is stable: it is never reused and never changes its meaning. `docs/errors.md` lists every
 * code with its category, HTTP status and hint.
 *
 * Threads: an assay_error belongs to the caller that received it; it is read-only, so any number
 * of threads may read it until it is freed.
 */

/** Result codes. ASSAY_OK is the only value that means success. @since 0.1 */
enum assay_code {
    ASSAY_OK = 0, /**< done, or acceptable; no other value means acceptable */

    /* usage and configuration */
    ASSAY_E_ARGUMENT = -100,         /**< an argument is NULL, empty or out of range */
    ASSAY_E_CONFIG = -101,           /**< the configuration document can't be read */
    ASSAY_E_CONFIG_MEMBER = -102,    /**< the configuration has a member that is unknown or of the wrong type */
    ASSAY_E_CONFIG_ISSUER = -103,    /**< an issuer is missing, repeated or not a usable URL */
    ASSAY_E_CONFIG_AUDIENCE = -104,  /**< an issuer has no audience, or one that can't be used */
    ASSAY_E_CONFIG_ALGORITHM = -105, /**< an algorithm is unknown, or can't be used as configured */
    ASSAY_E_CONFIG_TIME = -106,      /**< a leeway, lifetime, age or timeout is out of range */
    ASSAY_E_CONFIG_URL = -107,       /**< a URL is not one that keys may be fetched from */
    ASSAY_E_CONFIG_KEYS = -108,      /**< a key set holds no usable key, or can't be read */
    ASSAY_E_CONFIG_PROFILE = -109,   /**< the profile is unknown, or lacks what it needs */
    ASSAY_E_CONFIG_CLAIM = -110,     /**< a required claim or value is malformed */
    ASSAY_E_CONFIG_CA = -111,        /**< the CA certificates can't be read */
    ASSAY_E_FROZEN = -112,           /**< the object is already in use and can't change any more */
    ASSAY_E_ABSENT = -113,           /**< the claims have no such member */
    ASSAY_E_TYPE = -114,             /**< the member has another type */
    ASSAY_E_RANGE = -115,            /**< the member's value does not fit the type asked for */
    ASSAY_E_NOT_CONFIGURED = -116,   /**< no such issuer in this validator */
    ASSAY_E_CONFIG_STORE = -117,     /**< the directory can't be used as a store of keys */
    ASSAY_E_STATE = -118,            /**< the call does not fit what the object is doing */
    ASSAY_E_CANCELLED = -119,        /**< the operation was cancelled by its host */
    ASSAY_E_FORKED = -120,           /**< the object belongs to the process that this one was forked from */
    ASSAY_E_UNSUPPORTED = -121,      /**< this system lacks what the function needs */

    ASSAY_E_CONFIG_TENANT = -122, /**< a tenant, object id or client id of Entra is malformed or missing */

    ASSAY_E_CONFIG_CREDENTIAL = -123,  /**< a credential lacks something, or has something that can't be used */
    ASSAY_E_CONFIG_SIGNING_KEY = -124, /**< a signing key or its certificate can't be used */
    ASSAY_E_CONFIG_SCOPE = -125,       /**< the scope is not one that a token can be asked for */

    /* the Authorization header, RFC 6750 */
    ASSAY_E_NO_CREDENTIALS = -200,    /**< no Authorization value */
    ASSAY_E_OTHER_SCHEME = -201,      /**< the scheme is not Bearer */
    ASSAY_E_BAD_AUTHORIZATION = -202, /**< the scheme is Bearer, but what follows is not one token */

    /* the token is refused */
    ASSAY_E_TOKEN_SIZE = -300,        /**< longer than the limit */
    ASSAY_E_MALFORMED = -301,         /**< not three base64url segments (RFC 7515, section 7.1) */
    ASSAY_E_BASE64URL = -302,         /**< a segment is not canonical base64url (RFC 7515, section 2) */
    ASSAY_E_ENCRYPTED = -303,         /**< an encrypted token (JWE) */
    ASSAY_E_HEADER = -304,            /**< the header is not one acceptable JSON object */
    ASSAY_E_PAYLOAD = -305,           /**< the payload is not one acceptable JSON object */
    ASSAY_E_CRIT = -306,              /**< `crit` names an extension that is not understood */
    ASSAY_E_UNENCODED = -307,         /**< `b64` is present (RFC 7797) */
    ASSAY_E_ALGORITHM_NONE = -310,    /**< the token is not signed */
    ASSAY_E_ALGORITHM = -311,         /**< the algorithm is not on the allow-list */
    ASSAY_E_ALGORITHM_KEY = -312,     /**< the algorithm does not fit the key */
    ASSAY_E_TYP = -313,               /**< the header's `typ` is not the one demanded */
    ASSAY_E_KID_MISSING = -314,       /**< no `kid`, and the key can't be told without one */
    ASSAY_E_ID_TOKEN = -315,          /**< an ID token where an access token is demanded */
    ASSAY_E_ACCESS_TOKEN = -316,      /**< an access token where an ID token is demanded */
    ASSAY_E_ISSUER = -320,            /**< the issuer is not a configured one */
    ASSAY_E_ISSUER_MISSING = -321,    /**< no `iss` */
    ASSAY_E_AUDIENCE = -322,          /**< the token is meant for another audience */
    ASSAY_E_AUDIENCE_MISSING = -323,  /**< no `aud` */
    ASSAY_E_EXPIRED = -324,           /**< past `exp` */
    ASSAY_E_EXPIRY_MISSING = -325,    /**< no `exp` */
    ASSAY_E_NOT_YET_VALID = -326,     /**< before `nbf` */
    ASSAY_E_ISSUED_IN_FUTURE = -327,  /**< `iat` lies in the future */
    ASSAY_E_LIFETIME = -328,          /**< the lifetime is longer than the cap */
    ASSAY_E_TIME = -329,              /**< a time is not a NumericDate within range */
    ASSAY_E_KEY_UNKNOWN = -330,       /**< the issuer has no key of this `kid` */
    ASSAY_E_SIGNATURE = -331,         /**< the signature is wrong */
    ASSAY_E_CLAIM_MISSING = -340,     /**< a demanded claim is absent */
    ASSAY_E_CLAIM_VALUE = -341,       /**< a claim has not the demanded value */
    ASSAY_E_CLAIM_TYPE = -342,        /**< a claim has not the type that its specification gives it */
    ASSAY_E_SUBJECT = -343,           /**< `sub` is not the demanded one */
    ASSAY_E_NONCE = -344,             /**< `nonce` is not the one of the request */
    ASSAY_E_HASH = -345,              /**< `at_hash` or `c_hash` does not match */
    ASSAY_E_AUTH_TIME = -346,         /**< the user signed in longer ago than allowed */
    ASSAY_E_ACR = -347,               /**< `acr` is not one of those demanded */
    ASSAY_E_AUTHORIZED_PARTY = -348,  /**< `azp` is not the client */
    ASSAY_E_TENANT = -350,            /**< the tenant is not one of those accepted */
    ASSAY_E_TENANT_ID = -351,         /**< `tid` is missing, malformed or not the tenant of `iss` */
    ASSAY_E_VERSION = -352,           /**< `ver` is not accepted, or does not agree with `iss` */
    ASSAY_E_KEY_ISSUER = -353,        /**< the key may not sign for this tenant */
    ASSAY_E_KEY_CLOUD = -354,         /**< the key belongs to another cloud */
    ASSAY_E_GRAPH_TOKEN = -355,       /**< a token for Microsoft Graph, which nobody else can verify */
    ASSAY_E_POLICY = -356,            /**< the token is of another B2C policy */
    ASSAY_E_NO_PERMISSION = -357,     /**< neither scope nor role, and the caller is not on the allow-list */
    ASSAY_E_EXCHANGE_AUDIENCE = -358, /**< a Kubernetes token that is a credential for Entra */
    ASSAY_E_UNPROVEN = -360,          /**< the token is bound to a key, and nothing proves that the caller has it */
    ASSAY_E_BINDING = -361,           /**< the token is not bound to the client's certificate */
    ASSAY_E_REVOKED = -362,           /**< issued before its caller's tokens were revoked */

    /* keys */
    ASSAY_E_KEYS_NEEDED = -400,      /**< only a fetch of keys could decide; assay_validator_check() never fetches */
    ASSAY_E_KEYS_UNAVAILABLE = -401, /**< keys could not be had, so nothing can be decided */

    /* network and documents */
    ASSAY_E_RESOLVE = -500,         /**< the host name could not be resolved */
    ASSAY_E_CONNECT = -501,         /**< the connection could not be made */
    ASSAY_E_TLS = -502,             /**< the server's certificate or handshake was refused */
    ASSAY_E_TIMEOUT = -503,         /**< the deadline passed */
    ASSAY_E_NETWORK = -504,         /**< the transfer failed otherwise */
    ASSAY_E_HTTP_STATUS = -505,     /**< the answer is not a success */
    ASSAY_E_REDIRECT = -506,        /**< the answer is a redirect; none is followed */
    ASSAY_E_RESPONSE_SIZE = -507,   /**< the answer is longer than its limit */
    ASSAY_E_RESPONSE = -508,        /**< the answer is encoded, truncated or not JSON */
    ASSAY_E_METADATA = -510,        /**< the metadata document is not acceptable */
    ASSAY_E_METADATA_ISSUER = -511, /**< the metadata document is of another issuer */
    ASSAY_E_JWKS_URI = -512,        /**< `jwks_uri` is missing, or a place that keys may not come from */
    ASSAY_E_JWKS = -513,            /**< the key set is not one, or holds no usable key */
    ASSAY_E_BEARER_FILE = -514,     /**< the bearer file of an issuer can't be read, or does not hold one token */

    /* accepted, but not allowed here */
    ASSAY_E_SCOPE = -600,                 /**< a demanded scope is missing */
    ASSAY_E_ROLE = -601,                  /**< a demanded role is missing, or is of the other kind */
    ASSAY_E_GROUP = -602,                 /**< not a member of a demanded group */
    ASSAY_E_GROUPS_UNKNOWN = -603,        /**< the token had no room for the groups */
    ASSAY_E_CALLER = -604,                /**< the caller is not a demanded one */
    ASSAY_E_GUEST = -605,                 /**< a guest, or nobody knows */
    ASSAY_E_CLIENT_AUTHENTICATION = -606, /**< the client authenticated too weakly */
    ASSAY_E_CONTEXT = -607,               /**< a demanded authentication context is missing */
    ASSAY_E_CLAIMS_CHALLENGE = -608,      /**< the same, and the client understands a claims challenge */

    /* a token could not be obtained */
    ASSAY_E_TOKEN_NEEDED = -700,         /**< none is kept, and the call may not wait for one */
    ASSAY_E_TOKEN_FILE_MISSING = -701,   /**< the token file is not there */
    ASSAY_E_TOKEN_FILE_ACCESS = -702,    /**< the token file may not be read by this process */
    ASSAY_E_TOKEN_FILE_TYPE = -703,      /**< the token file is a directory or the like */
    ASSAY_E_TOKEN_FILE_EMPTY = -704,     /**< the token file is empty */
    ASSAY_E_TOKEN_FILE_SIZE = -705,      /**< the token file is longer than its limit */
    ASSAY_E_TOKEN_FILE_CONTENT = -706,   /**< the token file does not hold one token */
    ASSAY_E_TOKEN_FILE_EXPIRED = -707,   /**< the token in the file has expired, and nobody replaces it */
    ASSAY_E_GRANT = -710,                /**< the server refused */
    ASSAY_E_INTERACTION_REQUIRED = -711, /**< the user must do something first; the claims say what */
    ASSAY_E_THROTTLED = -712,            /**< the server asked to wait */
    ASSAY_E_GRANT_UNAVAILABLE = -713,    /**< the server fails for the moment */
    ASSAY_E_TOKEN_RESPONSE = -714,       /**< the server's answer is not one that has a token */
    ASSAY_E_IDENTITY = -715,             /**< there is no such managed identity here, or there are several */
    ASSAY_E_SOURCE_ABSENT = -716,        /**< the platform's agent is not there */
    ASSAY_E_SOURCE_ANSWER = -717,        /**< the platform's agent answered what must not be followed */
    ASSAY_E_ASSERTION = -718,            /**< the function of the host gave no assertion */
    ASSAY_E_JOB_TOKEN = -719,            /**< the CI job has no ID token to give */

    /* this side is broken */
    ASSAY_E_MEMORY = -900,   /**< out of memory */
    ASSAY_E_CRYPTO = -901,   /**< OpenSSL failed for a reason of its own */
    ASSAY_E_INTERNAL = -902, /**< a defect of this library */
    ASSAY_E_CLOCK = -903,    /**< the clock could not be read */
    ASSAY_E_SYSTEM = -904,   /**< the operating system refused a descriptor, a thread or a file */
    ASSAY_E_STORE = -905     /**< the store of keys could not be read or written */
};

/** Categories of codes. @since 0.1 */
enum assay_category {
    ASSAY_CATEGORY_NONE = 0,       /**< ASSAY_OK, or not a code */
    ASSAY_CATEGORY_USAGE = 1,      /**< the program or its configuration must change */
    ASSAY_CATEGORY_REQUEST = 2,    /**< the request carried no usable credentials */
    ASSAY_CATEGORY_TOKEN = 3,      /**< the token is refused */
    ASSAY_CATEGORY_KEYS = 4,       /**< could not decide: keys are missing */
    ASSAY_CATEGORY_NETWORK = 5,    /**< a document could not be fetched or was refused */
    ASSAY_CATEGORY_PERMISSION = 6, /**< the token is accepted, but its caller may not do this */
    ASSAY_CATEGORY_CREDENTIAL = 7, /**< a token could not be obtained */
    ASSAY_CATEGORY_INTERNAL = 9    /**< memory, OpenSSL, a defect */
};

/** Name of a code, such as "ASSAY_E_EXPIRED"; "unknown" for any other number. Static. @since 0.1 */
ASSAY_API const char *assay_code_name(int code);
/** Category of a code; ASSAY_CATEGORY_NONE for ASSAY_OK and for any unknown number. @since 0.1 */
ASSAY_API int assay_code_category(int code);
/** HTTP status that a resource server answers with: 400, 401, 403, 500 or 503; 200 for ASSAY_OK, 500 for
 *  any unknown number. RFC 6750, section 3.1. @since 0.1 */
ASSAY_API int assay_code_http_status(int code);
/** The sentence that says what a code means. Static. @since 0.1 */
ASSAY_API const char *assay_code_summary(int code);
/** The sentence that says what to do about it. Static, "" where there is nothing to say. @since 0.1 */
ASSAY_API const char *assay_code_hint(int code);
/** Number of codes in the registry, ASSAY_OK not among them. @since 0.1 */
ASSAY_API size_t assay_code_count(void);
/** The code at a place in the registry, or ASSAY_OK past its end. @since 0.1 */
ASSAY_API int assay_code_at(size_t index);

/*
 * The texts below are borrowed from the error, UTF-8, terminated, and "" where there is nothing to
 * say, never NULL. None holds token text, key material, a secret or a claim that names a person: of
 * claim values only iss, aud, tid, ver, alg, kid, typ, azp, acr, tfp, times, and a sub that names a workload appear, with every byte
 * outside printable ASCII escaped, and cut at 200 bytes. Each accepts NULL and then answers as for ASSAY_OK.
 */

/** The code. @since 0.1 */
ASSAY_API int assay_error_code(const assay_error *error);
/** The category of the code. @since 0.1 */
ASSAY_API int assay_error_category(const assay_error *error);
/** The check that failed, one word such as "audience" or "signature". @since 0.1 */
ASSAY_API const char *assay_error_check(const assay_error *error);
/** One sentence: what is wrong. @since 0.1 */
ASSAY_API const char *assay_error_message(const assay_error *error);
/** What the check demanded. @since 0.1 */
ASSAY_API const char *assay_error_expected(const assay_error *error);
/** What was found instead. @since 0.1 */
ASSAY_API const char *assay_error_found(const assay_error *error);
/** 1 where the text of assay_error_found() comes from a token whose signature was verified, else 0. @since 0.1 */
ASSAY_API int assay_error_found_is_verified(const assay_error *error);
/** One sentence: what to do about it. @since 0.1 */
ASSAY_API const char *assay_error_hint(const assay_error *error);
/** HTTP status to answer with. @since 0.1 */
ASSAY_API int assay_error_http_status(const assay_error *error);
/** Value for the WWW-Authenticate header of that answer (RFC 6750, section 3); "" where none is due.
 *  Holds neither what was expected nor what was found. @since 0.1 */
ASSAY_API const char *assay_error_www_authenticate(const assay_error *error);
/** Value in seconds for the Retry-After header (RFC 9110, section 10.2.3); 0 where none is due. @since 0.1 */
ASSAY_API int64_t assay_error_retry_after(const assay_error *error);
/** Release an error; NULL is allowed. @since 0.1 */
ASSAY_API void assay_error_free(assay_error *error);

ASSAY_END_DECLS

#endif
