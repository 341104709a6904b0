/* SPDX-License-Identifier: MIT */
#include "http/client.h"

#include "http/exchange.h"

struct assay_http_client {
    CURL *easy;
    assay_http_settings *settings; /* borrowed, or our own */
    assay_http_settings defaults;
};

int assay_http_client_new(assay_http_settings *settings, assay_http_client **client)
{
    *client = NULL;
    int code = assay_http_begin();
    if (code != ASSAY_OK)
        return code;
    assay_http_client *made = assay_zalloc(sizeof *made);
    if (made == NULL)
        return ASSAY_E_MEMORY;
    made->settings = settings != NULL ? settings : &made->defaults;
    made->easy = curl_easy_init();
    if (made->easy == NULL) {
        assay_http_client_free(made);
        return ASSAY_E_MEMORY;
    }
    assay_http_easy_reset(made->easy);
    *client = made;
    return ASSAY_OK;
}

void assay_http_client_free(assay_http_client *client)
{
    if (client == NULL)
        return;
    curl_easy_cleanup(client->easy);
    assay_http_settings_clear(&client->defaults);
    assay_release(client);
}

int assay_http_client_send(assay_http_client *client, const assay_http_request *request, int64_t timeout_ms,
                           int64_t now_wall, assay_http_response *response, assay_failure *failure)
{
    assay_http_exchange exchange;
    assay_http_response_init(response);
    int code =
        assay_http_exchange_prepare(&exchange, client->easy, client->settings, request, timeout_ms, now_wall, failure);
    if (code == ASSAY_OK)
        code = assay_http_exchange_finish(&exchange, curl_easy_perform(client->easy), failure);
    if (code == ASSAY_OK) {
        *response = exchange.response;
        assay_http_response_init(&exchange.response);
    }
    assay_http_exchange_clear(&exchange);
    return code;
}

const char *assay_http_client_version(void)
{
    return curl_version_info(CURLVERSION_NOW)->version;
}
