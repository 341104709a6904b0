/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_CREDENTIAL_H
#define ASSAY_CREDENTIAL_H

#include <assay/access_token.h>
#include <assay/error.h>
#include <assay/runtime.h>
#include <assay/token_request.h>
#include <assay/types.h>

ASSAY_BEGIN_DECLS

/**
 * @file
 * How this process obtains tokens for itself: workload identity, managed identity, a certificate, a secret, a CI job, any OAuth server.
 *
 * Make one credential for each identity, configure it, and share it: it keeps the tokens that it got, fetches each one once for all who ask at the
 * same time, and renews them before they expire without ever making a caller wait for that.
 *
 * Threads: one thread configures a credential. It is frozen when it is first used; from then on any number of threads may share it, and every
 * setter answers ASSAY_E_FROZEN. A setter that fails leaves the credential as it was.
 *
 * Fork: both sides go on with the tokens that were there; see docs/threads.md.
 */

/**
 * Make a credential of one kind, without a look at the environment:
 *  - "workload-identity": Entra, with the token that a cluster or another issuer gave this workload, in a file (Microsoft, "Workload identity
 *    federation"): tenant, client id, token file;
 *  - "client-secret", "client-certificate", "client-assertion": Entra, with a secret, a certificate's key (RFC 7523), or an assertion from a
 *    function of the host;
 *  - "federated": Entra, with a token of another credential as the assertion, such as a managed identity's;
 *  - "github-actions", "azure-pipelines": Entra, with the ID token of the job;
 *  - "managed-identity": the identity of the machine or platform, by its agent (IMDS unless something else is set);
 *  - "client-credentials": any OAuth server (RFC 6749, section 4.4), with a secret or private_key_jwt;
 *  - "token-exchange": any OAuth server (RFC 8693);
 *  - "google": Google's STS, with an optional service account behind it.
 *
 * @param runtime [in]  may be NULL for a private one with the defaults; frozen by the first use
 * @param kind    [in]  one of the above
 * @param credential [out] one reference, release with assay_credential_unref()
 * @retval ASSAY_E_CONFIG_CREDENTIAL no such kind
 * @since 0.1
 */
ASSAY_API ASSAY_MUST_CHECK int assay_credential_new(assay_runtime *runtime, const char *kind,
                                                    assay_credential **credential, assay_error **error);
/**
 * Make a credential as the environment configures it; `docs/guide/workload-identity.md` has the table of variables. The one function
 * that reads the environment, beside documents that say "from_environment" (assay_credential_from_json()).
 *
 * @param kind [in] one of assay_credential_new(); NULL for the default chain: the first of client-secret, client-certificate,
 *                  workload-identity, github-actions and azure-pipelines that is configured, and only where none is, managed-identity.
 *                  What is configured and fails is an error, never a reason to try the next one. AZURE_TOKEN_CREDENTIALS narrows
 *                  this chain, to one source by its name
 * @retval ASSAY_E_CONFIG_CREDENTIAL a variable is broken, the kind has no variables, or AZURE_TOKEN_CREDENTIALS names what is not configured
 *         or not here. Others that are missing are told by the first use
 * @retval ASSAY_E_CONFIG_TENANT, ASSAY_E_CONFIG_URL a tenant or a URL that a variable, or the file it names, gives can't be used
 * @since 0.1
 */
ASSAY_API ASSAY_MUST_CHECK int assay_credential_new_from_environment(assay_runtime *runtime, const char *kind,
                                                                     assay_credential **credential,
                                                                     assay_error **error);
/**
 * Make a credential that uses the first of several which is there. The next one is asked only where the platform's agent of a managed
 * identity (IMDS) is absent, or a credential lacks what it needs; one that is there and fails is the answer. So is a workload identity whose token
 * file is named, whatever else it lacks.
 *
 * @param members [in] @p count credentials, 1 to 16, each frozen by this call and kept by a reference
 * @retval ASSAY_E_ARGUMENT none or too many, or one is NULL. @retval ASSAY_E_CONFIG_CREDENTIAL they use others' tokens more than four deep
 * @since 0.1
 */
ASSAY_API ASSAY_MUST_CHECK int assay_credential_new_chain(assay_runtime *runtime, assay_credential *const *members,
                                                          size_t count, assay_credential **credential,
                                                          assay_error **error);
/**
 * Make a credential from one JSON document; `docs/configuration.md` lists its members, and `docs/credential.schema.json` is a JSON Schema of it.
 * A member that is unknown, or that the kind has no use for, is an error.
 * @retval ASSAY_E_CONFIG no JSON, or too long. @retval ASSAY_E_CONFIG_MEMBER such a member, or one of the wrong type
 * @retval other as of the setter that the member stands for. @since 0.1
 */
ASSAY_API ASSAY_MUST_CHECK int assay_credential_from_json(assay_runtime *runtime, const char *json, size_t len,
                                                          assay_credential **credential, assay_error **error);
/** Take one more reference. Any thread. @since 0.1 */
ASSAY_API assay_credential *assay_credential_ref(assay_credential *credential);
/** Give a reference back; NULL is allowed. Any thread, none of which may still be inside a call with it. Tokens are wiped. @since 0.1 */
ASSAY_API void assay_credential_unref(assay_credential *credential);

/** The tenant of Entra: a GUID, or a verified domain. @retval ASSAY_E_CONFIG_TENANT malformed, or one of common, organizations and
 *  consumers, which are no tenant to get tokens from. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_credential_set_tenant(assay_credential *credential, const char *tenant,
                                                           assay_error **error);
/** Let requests name this tenant beside the credential's own; "*" for any. None by default. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_credential_add_tenant(assay_credential *credential, const char *tenant,
                                                           assay_error **error);
/** The client id: of an app registration or user-assigned identity of Entra (its GUID), or of any OAuth client.
 *  @retval ASSAY_E_CONFIG_CREDENTIAL the kind is "managed-identity", where assay_credential_set_identity() says which one. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_credential_set_client_id(assay_credential *credential, const char *client_id,
                                                              assay_error **error);
/** Where Entra's token endpoints lie: "https://login.microsoftonline.us" and the like; a slash at its end does no harm. The public
 *  cloud by default. @retval ASSAY_E_CONFIG_URL not https (or http on loopback, which the first use takes only if it is allowed), or with a path, query or
 *  user. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_credential_set_authority(assay_credential *credential, const char *url,
                                                              assay_error **error);
/** The file with the federated token, or the subject token of an exchange; read whole at each exchange, so that rotation is seen. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_credential_set_token_file(assay_credential *credential, const char *path,
                                                               assay_error **error);
/** The client secret; copied, and wiped when the credential ends. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_credential_set_secret(assay_credential *credential, const char *secret, size_t len,
                                                           assay_error **error);
/**
 * The key that signs client assertions (RFC 7523), and its certificate: files of PEM or PKCS#12, read again when they change on disk.
 * Entra takes RSA of 2048 bits and more, signs with PS256 and is told the certificate by `x5t#S256`.
 *
 * @param certificate_path [in] the certificate, or the whole chain with the leaf first; NULL where the server knows the key otherwise
 * @param key_path         [in] the private key; NULL where it stands in the same file; an URI such as "pkcs11:…" of an OpenSSL store
 * @param passphrase       [in] NULL for a key that is not encrypted; copied and wiped
 * They are read by the first use, which answers ASSAY_E_CONFIG_SIGNING_KEY where they can't be used.
 * @since 0.1
 */
ASSAY_API ASSAY_MUST_CHECK int assay_credential_set_signing_files(assay_credential *credential,
                                                                  const char *certificate_path, const char *key_path,
                                                                  const char *passphrase, assay_error **error);
/** Sign with this algorithm instead of the key's usual one, and name the key by this `kid`; each may be NULL. Not for Entra, where the
 *  first use answers ASSAY_E_CONFIG_ALGORITHM. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_credential_set_signing_form(assay_credential *credential, const char *algorithm,
                                                                 const char *key_id, assay_error **error);
/** Send the certificate chain too (`x5c`), for apps that are trusted by subject name and issuer. Off by default. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_credential_send_certificate_chain(assay_credential *credential,
                                                                       assay_error **error);

/**
 * Gives a client assertion. Called for each exchange, from whichever thread makes it; must not wait long, must not fork and must not unwind.
 * @param assertion [out] write it here, without a terminator; the library wipes this memory
 * @param size      [in]  bytes that there is room for: 65536
 * @param len       [out] bytes written
 * @return 0, or anything else where there is none
 * @since 0.1
 */
typedef int (*assay_assertion_function)(void *user_data, char *assertion, size_t size, size_t *len);
/** Take assertions from this function ("client-assertion"). @param destroy may be NULL; called with @p user_data exactly once, also when this
 *  fails. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_credential_set_assertion_function(assay_credential *credential,
                                                                       assay_assertion_function assertion,
                                                                       void *user_data, assay_destroy_function destroy,
                                                                       assay_error **error);
/** Use tokens of another credential as assertions ("federated") or as subject tokens ("token-exchange", "google"). It is frozen and kept by a reference.
 *  @param scope [in] what they are asked for; NULL: the exchange audience of the cloud, such as "api://AzureADTokenExchange".
 *  @retval ASSAY_E_STATE it has a source already. @retval ASSAY_E_CONFIG_CREDENTIAL credentials would use one another's tokens more than four deep. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_credential_set_source(assay_credential *credential, assay_credential *source,
                                                           const char *scope, assay_error **error);

/** When the token proxy of AKS identity bindings is used. @since 0.1 */
enum assay_token_proxy_mode {
    ASSAY_TOKEN_PROXY_AUTOMATIC =
        0,                    /**< where one is configured and the token's audience is api://AKSIdentityBinding */
    ASSAY_TOKEN_PROXY_ON = 1, /**< wherever one is configured, whatever the audience */
    ASSAY_TOKEN_PROXY_OFF = 2 /**< never */
};
/** Whether to use the token proxy. @retval ASSAY_E_ARGUMENT no such mode. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_credential_set_token_proxy_mode(assay_credential *credential, int mode,
                                                                     assay_error **error);
/** Where the token proxy is. @param url [in] https; without user, query and fragment  @param tls_name [in] name in its certificate; NULL: the URL's host
 *  @param ca_file [in] read again for each exchange  @param ca_pem [in] instead of the file; both NULL: the system's CA certificates
 *  @retval ASSAY_E_CONFIG_URL not such a URL. @retval ASSAY_E_CONFIG_CREDENTIAL both CAs. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_credential_set_token_proxy(assay_credential *credential, const char *url,
                                                                const char *tls_name, const char *ca_file,
                                                                const char *ca_pem, assay_error **error);

/** How a managed identity is named where it is not the system-assigned one. @since 0.1 */
enum assay_identity_name {
    ASSAY_IDENTITY_NAME_SYSTEM = 0, /**< the system-assigned identity; @p value is NULL */
    ASSAY_IDENTITY_NAME_CLIENT_ID = 1,
    ASSAY_IDENTITY_NAME_OBJECT_ID = 2,
    ASSAY_IDENTITY_NAME_RESOURCE_ID = 3
};
/** Choose a managed identity. @param name [in] an enum assay_identity_name. @retval ASSAY_E_ARGUMENT no such way to name one.
 *  @retval ASSAY_E_CONFIG_CREDENTIAL @p value is missing or can't be one. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_credential_set_identity(assay_credential *credential, int name, const char *value,
                                                             assay_error **error);

/** The token endpoint of any OAuth server; the first use answers ASSAY_E_CONFIG_URL where it is not https. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_credential_set_token_endpoint(assay_credential *credential, const char *url,
                                                                   assay_error **error);
/** The issuer that the server calls itself; `aud` of signed assertions (RFC 7523, section 3). Without it the token endpoint is. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_credential_set_assertion_audience(assay_credential *credential,
                                                                       const char *audience, assay_error **error);
/** How the client proves itself: "client_secret_basic" (the default with a secret), "client_secret_post", "private_key_jwt" (the default with
 *  a key), "none" (OIDC Core, section 9; the default of an exchange with neither). @retval ASSAY_E_CONFIG_CREDENTIAL no such method. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_credential_set_client_method(assay_credential *credential, const char *method,
                                                                  assay_error **error);
/** Types of an exchange (RFC 8693, section 3): of the subject token ("urn:ietf:params:oauth:token-type:jwt" by default) and of the one that is
 *  wanted; each may be NULL. A token file must hold a JWT where the subject is of type `jwt` or `id_token`, else any token in visible ASCII. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_credential_set_token_types(assay_credential *credential, const char *subject,
                                                                const char *requested, assay_error **error);
/** Act for the subject: a file with the actor token, and its type, which must not be NULL (RFC 8693, section 2.1). @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_credential_set_actor(assay_credential *credential, const char *token_file,
                                                          const char *token_type, assay_error **error);
/** Ask for this audience (RFC 8693, section 2.1; Google: the name of the provider); may be called again, 16 times at most. "github-actions": `aud` of the job's
 *  ID token, instead of the exchange audience of the cloud. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_credential_add_audience(assay_credential *credential, const char *audience,
                                                             assay_error **error);
/** Ask for this resource, an absolute URI (RFC 8707, section 2); may be called again, 16 times at most. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_credential_add_resource(assay_credential *credential, const char *resource,
                                                             assay_error **error);
/** Google: obtain tokens of this service account with the exchanged one. @param email [in] of the account; or the whole URL, as the file of an external
 *  account has it (`service_account_impersonation_url`), for other universes than googleapis.com and for tests. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_credential_set_service_account(assay_credential *credential, const char *email,
                                                                    assay_error **error);

/** For pipelines that create an identity and use it at once: retry what a new federated credential is refused with, after 5, 10, 20 and 40
 *  seconds within the caller's time, until the first success. Off by default. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_credential_wait_for_propagation(assay_credential *credential, assay_error **error);
/** Allow http for URLs on loopback, for tests. Off by default. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_credential_allow_loopback_http(assay_credential *credential, assay_error **error);
/** Share tokens with the processes of this user on this machine in a directory of mode 0700; files have mode 0600. Off by default: whoever can
 *  read as this user can read the tokens. @retval ASSAY_E_CONFIG_STORE not a directory of this user, or others can use it. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_credential_set_cache_directory(assay_credential *credential, const char *path,
                                                                    assay_error **error);

/**
 * Get a token. Where one is kept that is good for a while, this is all memory and takes a microsecond: no lock, no I/O. One that is due for renewal
 * is renewed behind the caller's back, by a driver that keeps it (assay_driver_keep_tokens_fresh()) or by a thread that is started for it;
 * the kept one is given meanwhile. Only where there is none does the call wait, and all who wait share one exchange and its result.
 *
 * @param scope      [in]  what for: one resource and "/.default" for Entra ("https://vault.azure.net/.default"), a resource alone, or one of keyvault, storage,
 *                         sql, postgres, mysql, servicebus, eventhubs, arm, graph, aks, arc; scopes as the server has them for other servers, "" for none
 * @param timeout_ms [in]  longest wait in milliseconds, 0 to 600000; 0 never waits
 * @param token      [out] NULL unless ASSAY_OK; release with assay_access_token_unref()
 * @retval ASSAY_E_TOKEN_NEEDED none is kept, and @p timeout_ms is 0
 * @retval ASSAY_E_CONFIG_CREDENTIAL, ASSAY_E_CONFIG_SCOPE, ASSAY_E_CONFIG_TENANT, ASSAY_E_CONFIG_URL, ASSAY_E_CONFIG_ALGORITHM nothing was sent
 * @retval ASSAY_E_CONFIG_SIGNING_KEY, ASSAY_E_CONFIG_CA the key, or the CA of the token proxy, can't be read or used
 * @retval ASSAY_E_TIMEOUT the time ended before the first answer. Where it ends before another try, or during it, the code is that of the last try which
 *         failed, with all that is known of that, and the message says that the time was up
 * @retval other a code of the category ASSAY_CATEGORY_CREDENTIAL or ASSAY_CATEGORY_NETWORK; assay_error_diagnosis() has its row
 * @since 0.1
 */
ASSAY_API ASSAY_MUST_CHECK int assay_credential_get_token(assay_credential *credential, const char *scope,
                                                          int64_t timeout_ms, assay_access_token **token,
                                                          assay_error **error);
/** The same with all that a request may say: another tenant, a claims challenge, the user on whose behalf. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_credential_get_token_for(assay_credential *credential,
                                                              const assay_token_request *request, int64_t timeout_ms,
                                                              assay_access_token **token, assay_error **error);
/** Forget kept tokens, for a resource that refuses them: those of one request, or with NULL all. A first use, which freezes the
 *  credential. @since 0.1 */
ASSAY_API void assay_credential_forget(assay_credential *credential, const assay_token_request *request);
/** Tell when a kept token that is in use is to be renewed next, for a host that does so with assay_op_new_renew(). Never waits.
 *  @param wait_ms [out] milliseconds until then; 0: now; -1: none is to be. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_credential_refresh_due(const assay_credential *credential, int64_t *wait_ms);
/** Start the thread that renews tokens now, instead of when the first renewal is due. All signals are blocked in it; it ends with the last reference.
 *  @retval ASSAY_E_SYSTEM no thread or descriptor. @retval ASSAY_E_UNSUPPORTED this system has no epoll. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_credential_start_refresh_thread(assay_credential *credential, assay_error **error);
/** End that thread and wait for it, which takes a moment and no fetch. Not from a callback. @since 0.1 */
ASSAY_API void assay_credential_stop_refresh_thread(assay_credential *credential);

/** What is counted since the credential was made. @since 0.1 */
enum assay_credential_stat {
    ASSAY_CREDENTIAL_STAT_EXCHANGES = 0, /**< acquisitions begun, each of one or several requests */
    ASSAY_CREDENTIAL_STAT_REQUESTS = 1,  /**< HTTP requests */
    ASSAY_CREDENTIAL_STAT_FAILURES = 2,  /**< acquisitions that failed */
    ASSAY_CREDENTIAL_STAT_REFRESHES = 3, /**< acquisitions of those begun that no caller waited for */
    ASSAY_CREDENTIAL_STAT_TOKENS = 4,    /**< tokens kept now */
    ASSAY_CREDENTIAL_STAT_THROTTLED = 5, /**< calls answered without a request, since the server had asked to wait */
    ASSAY_CREDENTIAL_STAT_SHARED = 6     /**< tokens taken from the cache directory */
};
/** Read a counter. @retval ASSAY_E_ARGUMENT no such counter. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_credential_get_stat(const assay_credential *credential, int stat, uint64_t *value);
/**
 * Describe the credential as one JSON text, without secrets and without tokens: `{"kind","source","tenant","client_id","authority","token_file",
 * "members":[kind],"skipped":[{"source","reason"}],"tokens":[{"scope","tenant","expires_in_seconds","refresh_in_seconds","last_failure"}]}`. For people and tools; `$defs/description` of
 * `docs/credential.schema.json` is its schema.
 * @param json [out] NULL unless ASSAY_OK; terminated; release with assay_bytes_free()
 * @since 0.1
 */
ASSAY_API ASSAY_MUST_CHECK int assay_credential_describe(const assay_credential *credential, uint8_t **json,
                                                         size_t *json_len, assay_error **error);

ASSAY_END_DECLS

#endif
