/* SPDX-License-Identifier: MIT */
#include "http/client_error.h"

typedef struct error_row {
    CURLcode result;
    int code;
    const char *sentence;
    const char *hint; /* NULL: the one of the code */
} error_row;

static const char hint_ca[] =
    "give the runtime the CA that signed the server's certificate; if it is a public CA, install "
    "the system's CA certificates (package ca-certificates)";
static const char hint_proxy[] = "correct the proxy of the runtime, or remove it";

static const error_row rows[] = {
    {CURLE_COULDNT_RESOLVE_HOST, ASSAY_E_RESOLVE, "no address for host", NULL},
    {CURLE_COULDNT_RESOLVE_PROXY, ASSAY_E_RESOLVE, "no address for the proxy on the way to", hint_proxy},
    {CURLE_COULDNT_CONNECT, ASSAY_E_CONNECT, "no connection to", NULL},
    {CURLE_PROXY, ASSAY_E_CONNECT, "the proxy refused the connection to", hint_proxy},
    {CURLE_OPERATION_TIMEDOUT, ASSAY_E_TIMEOUT, "no complete answer in time from", NULL},
    {CURLE_PEER_FAILED_VERIFICATION, ASSAY_E_TLS, "the certificate was refused of", hint_ca},
    {CURLE_SSL_ISSUER_ERROR, ASSAY_E_TLS, "the certificate was refused of", hint_ca},
    {CURLE_SSL_CONNECT_ERROR, ASSAY_E_TLS, "the TLS handshake failed with",
     "see that the server speaks TLS 1.2 or later on this port"},
    {CURLE_SSL_CERTPROBLEM, ASSAY_E_TLS, "TLS failed with", NULL},
    {CURLE_SSL_CIPHER, ASSAY_E_TLS, "no common TLS cipher with", NULL},
    {CURLE_USE_SSL_FAILED, ASSAY_E_TLS, "TLS failed with", NULL},
    {CURLE_SSL_ENGINE_NOTFOUND, ASSAY_E_TLS, "TLS failed with", NULL},
    {CURLE_SSL_ENGINE_INITFAILED, ASSAY_E_TLS, "TLS failed with", NULL},
    {CURLE_SSL_INVALIDCERTSTATUS, ASSAY_E_TLS, "the certificate was refused of", NULL},
    {CURLE_SSL_PINNEDPUBKEYNOTMATCH, ASSAY_E_TLS, "the certificate was refused of", NULL},
    {CURLE_SSL_CACERT_BADFILE, ASSAY_E_CONFIG_CA, "the CA certificates could not be loaded, on the way to", NULL},
    {CURLE_SSL_CRL_BADFILE, ASSAY_E_CONFIG_CA, "the CA certificates could not be loaded, on the way to", NULL},
    {CURLE_FILESIZE_EXCEEDED, ASSAY_E_RESPONSE_SIZE, "the answer is too long, from", NULL},
    {CURLE_PARTIAL_FILE, ASSAY_E_RESPONSE, "the answer is truncated, from", NULL},
    {CURLE_GOT_NOTHING, ASSAY_E_RESPONSE, "the connection was closed without an answer by", NULL},
    {CURLE_WEIRD_SERVER_REPLY, ASSAY_E_RESPONSE, "the answer is not HTTP, from", NULL},
    {CURLE_UNSUPPORTED_PROTOCOL, ASSAY_E_RESPONSE, "the answer is not HTTP that we read, from", NULL},
    {CURLE_BAD_CONTENT_ENCODING, ASSAY_E_RESPONSE, "the answer is encoded in a way that we don't read, from", NULL},
    {CURLE_HTTP2, ASSAY_E_RESPONSE, "the answer is not correct HTTP/2, from", NULL},
    {CURLE_HTTP2_STREAM, ASSAY_E_RESPONSE, "the answer is not correct HTTP/2, from", NULL},
    {CURLE_OUT_OF_MEMORY, ASSAY_E_MEMORY, "out of memory on the way to", NULL},
};

static const error_row other = {CURLE_OK, ASSAY_E_NETWORK, "the transfer failed with", NULL};

static const error_row *find_row(CURLcode result)
{
    for (size_t i = 0; i < ASSAY_COUNT_OF(rows); i++)
        if (rows[i].result == result)
            return &rows[i];
    return &other;
}

int assay_http_client_fail(assay_failure *failure, CURLcode result, assay_span host, const char *words)
{
    const error_row *row = find_row(result);
    char name[96], said[128];
    if (failure == NULL)
        return row->code;
    if (words == NULL || words[0] == '\0')
        words = curl_easy_strerror(result);
    /* The words can quote the server's certificate. */
    assay_text_escape(host.ptr, host.len, name, sizeof name);
    assay_text_escape(words, strlen(words), said, sizeof said);
    int code = assay_fail_note(failure, row->code, "%s %s (%s)", row->sentence, name, said);
    failure->hint = row->hint;
    return code;
}
