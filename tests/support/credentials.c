/* SPDX-License-Identifier: MIT */
#include "credentials.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

assay_credential *credential_of(const char *kind)
{
    assay_credential *credential = NULL;
    assert_int_equal(assay_credential_new(NULL, kind, &credential, NULL), ASSAY_OK);
    assert_non_null(credential);
    return credential;
}

assay_credential *credential_complete(void)
{
    assay_credential *credential = credential_of("client-secret");
    assert_int_equal(assay_credential_set_tenant(credential, "aaaabbbb-0000-cccc-1111-dddd2222eeee", NULL), ASSAY_OK);
    assert_int_equal(assay_credential_set_client_id(credential, "00001111-aaaa-2222-bbbb-3333cccc4444", NULL),
                     ASSAY_OK);
    assert_int_equal(assay_credential_set_authority(credential, "https://127.0.0.1:1/", NULL), ASSAY_OK);
    assert_int_equal(assay_credential_set_secret(credential, "sesame", 6, NULL), ASSAY_OK);
    return credential;
}
