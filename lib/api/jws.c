/* SPDX-License-Identifier: MIT */
#include "token/jws.h"
#include "api/api.h"
#include "api/keyset.h"

#include <assay/jws.h>

int assay_jws_verify(const assay_keyset *keyset, const char *algorithms, const char *jws, size_t len, uint8_t **payload,
                     size_t *payload_len, assay_error **error)
{
    ASSAY_BEGIN(error);
    if (payload == NULL || payload_len == NULL)
        return ASSAY_BAD("payload or payload_len is NULL");
    *payload = NULL;
    *payload_len = 0;
    if (keyset == NULL || algorithms == NULL || jws == NULL)
        return ASSAY_BAD("keyset, algorithms or jws is NULL");
    return ASSAY_END(assay_jws_check(&keyset->set, algorithms, jws, len, payload, payload_len, failure));
}

int assay_jws_check_claims_object(const uint8_t *payload, size_t len, assay_error **error)
{
    ASSAY_BEGIN(error);
    if (payload == NULL)
        return ASSAY_BAD("payload is NULL");
    return ASSAY_END(assay_jws_check_object((const char *)payload, len, failure));
}

int assay_jws_decode_unverified(const char *jws, size_t len, uint8_t **json, size_t *json_len, assay_error **error)
{
    ASSAY_BEGIN(error);
    if (json == NULL || json_len == NULL)
        return ASSAY_BAD("json or json_len is NULL");
    *json = NULL;
    *json_len = 0;
    if (jws == NULL)
        return ASSAY_BAD("jws is NULL");
    return ASSAY_END(assay_jws_decode(jws, len, json, json_len, failure));
}

void assay_bytes_free(uint8_t *bytes, size_t len)
{
    assay_release_wiped(bytes, len);
}
