/* SPDX-License-Identifier: MIT */
#include "crypto/crypto.h"
#include "http/client.h"
#include "json/document.h"

#include <assay/version.h>
#include <pthread.h>
#include <stdio.h>

static char details[512];
static pthread_once_t details_once = PTHREAD_ONCE_INIT;

static void write_details(void)
{
    (void)snprintf(details, sizeof details, "assay %s; %s; %.200s; jansson %s", ASSAY_VERSION, assay_crypto_version(),
                   assay_http_client_version(), assay_json_version());
}

const char *assay_version(void)
{
    return ASSAY_VERSION;
}

const char *assay_version_details(void)
{
    (void)pthread_once(&details_once, write_details);
    return details;
}
