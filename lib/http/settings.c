/* SPDX-License-Identifier: MIT */
#include "http/settings.h"

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

int assay_http_settings_load(assay_http_settings *settings, assay_failure *failure)
{
    int code = assay_http_begin();
    if (code != ASSAY_OK || !trust_fits || atomic_load_explicit(&settings->trust, memory_order_acquire) != NULL)
        return assay_fail(failure, code);
    ASSAY_CLEANUP(assay_trust_free_p) assay_trust *trust = NULL;
    if (settings->ca_pem != NULL)
        code = assay_trust_from_pem(settings->ca_pem, settings->ca_pem_len, &trust, failure);
    else
        code = assay_trust_from_system(system_file, system_folder, &trust, failure);
    /* Two threads may both have come so far: better twice the work, once, than one waiting for the other. */
    assay_trust *nobody = NULL;
    if (code == ASSAY_OK && atomic_compare_exchange_strong_explicit(&settings->trust, &nobody, trust,
                                                                    memory_order_acq_rel, memory_order_acquire))
        (void)ASSAY_STEAL(trust);
    return code;
}

bool assay_http_settings_are_alike(const assay_http_settings *a, const assay_http_settings *b)
{
    return (a->ca_pem == NULL) == (b->ca_pem == NULL) && a->ca_pem_len == b->ca_pem_len &&
           (a->ca_pem == NULL || memcmp(a->ca_pem, b->ca_pem, a->ca_pem_len) == 0) &&
           assay_text_same(a->proxy, b->proxy) && assay_text_same(a->no_proxy, b->no_proxy) &&
           a->environment_proxy == b->environment_proxy;
}

void assay_http_settings_clear(assay_http_settings *settings)
{
    assay_release(settings->ca_pem);
    assay_release(settings->proxy);
    assay_release(settings->no_proxy);
    assay_trust_free(atomic_load_explicit(&settings->trust, memory_order_acquire));
    memset(settings, 0, sizeof *settings);
}
