/* SPDX-License-Identifier: MIT */
#include "http/settings.h"

#include "base/file.h"
#include "http/client.h"

#include <curl/curl.h>
#include <pthread.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static CURLcode global_result = CURLE_FAILED_INIT;
/* What curl says of itself; asked once, since asking writes to a static of curl's. */
static bool trust_fits;
static const char *system_file, *system_folder;

static void begin(void)
{
    global_result = curl_global_init(CURL_GLOBAL_DEFAULT);
    if (global_result != CURLE_OK)
        return;
    const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);
    trust_fits = assay_trust_fits(info->ssl_version);
    system_file = info->cainfo;
    system_folder = info->capath;
}

int assay_http_begin(void)
{
    (void)pthread_once(&once, begin);
    if (global_result == CURLE_OK)
        return ASSAY_OK;
    return global_result == CURLE_OUT_OF_MEMORY ? ASSAY_E_MEMORY : ASSAY_E_NETWORK;
}

int assay_http_ca_take(assay_http_ca *ca, const char *pem, size_t len, assay_failure *failure)
{
    if (len > ASSAY_LIMIT_CA_BYTES)
        return assay_fail_note(failure, ASSAY_E_CONFIG_CA, "they are longer than %d bytes", ASSAY_LIMIT_CA_BYTES);
    if (assay_http_count_certificates(pem, len) <= 0)
        return assay_fail_note(failure, ASSAY_E_CONFIG_CA, "there is no certificate in PEM form");
    char *copy = assay_memdup(pem, len);
    if (copy == NULL)
        return assay_fail(failure, ASSAY_E_MEMORY);
    assay_http_ca_clear(ca);
    ca->pem = copy;
    ca->len = len;
    return ASSAY_OK;
}

int assay_http_ca_read(assay_http_ca *ca, const char *path, assay_failure *failure)
{
    size_t len = 0;
    ASSAY_AUTO_RELEASE char *pem = assay_alloc(ASSAY_LIMIT_CA_BYTES);
    if (pem == NULL)
        return assay_fail(failure, ASSAY_E_MEMORY);
    int code = assay_file_read(path, pem, ASSAY_LIMIT_CA_BYTES, &len, ASSAY_E_CONFIG_CA, failure);
    if (code != ASSAY_OK)
        return code;
    char shown[ASSAY_LIMIT_FOUND_BYTES];
    assay_text_escape(path, strlen(path), shown, sizeof shown);
    code = assay_http_ca_take(ca, pem, len, failure);
    if (code == ASSAY_E_CONFIG_CA)
        return assay_fail_note(failure, code, "%s holds no certificate in PEM form", shown);
    return code;
}

int assay_http_ca_load(assay_http_ca *ca, assay_failure *failure)
{
    int code = assay_http_begin();
    if (code != ASSAY_OK || !trust_fits || atomic_load_explicit(&ca->trust, memory_order_acquire) != NULL)
        return assay_fail(failure, code);
    ASSAY_CLEANUP(assay_trust_free_p) assay_trust *trust = NULL;
    if (ca->pem != NULL)
        code = assay_trust_from_pem(ca->pem, ca->len, &trust, failure);
    else
        code = assay_trust_from_system(system_file, system_folder, &trust, failure);
    /* Two threads may both have come so far: better twice the work, once, than one waiting for the other. */
    assay_trust *nobody = NULL;
    if (code == ASSAY_OK &&
        atomic_compare_exchange_strong_explicit(&ca->trust, &nobody, trust, memory_order_acq_rel, memory_order_acquire))
        (void)ASSAY_STEAL(trust);
    return code;
}

void assay_http_ca_clear(assay_http_ca *ca)
{
    assay_release(ca->pem);
    assay_trust_free(atomic_load_explicit(&ca->trust, memory_order_acquire));
    memset(ca, 0, sizeof *ca);
}

bool assay_http_settings_are_alike(const assay_http_settings *a, const assay_http_settings *b)
{
    return (a->ca.pem == NULL) == (b->ca.pem == NULL) &&
           assay_span_equal((assay_span){a->ca.pem, a->ca.len}, (assay_span){b->ca.pem, b->ca.len}) &&
           assay_text_same(a->proxy, b->proxy) && assay_text_same(a->no_proxy, b->no_proxy) &&
           a->environment_proxy == b->environment_proxy;
}

void assay_http_settings_clear(assay_http_settings *settings)
{
    assay_http_ca_clear(&settings->ca);
    assay_release(settings->proxy);
    assay_release(settings->no_proxy);
    memset(settings, 0, sizeof *settings);
}
