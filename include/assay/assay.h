/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_ASSAY_H
#define ASSAY_ASSAY_H

/**
 * @file
 * Everything: include this one.
 */

#include <assay/access_token.h>
#include <assay/bearer.h>
#include <assay/caller.h>
#include <assay/claims.h>
#include <assay/credential.h>
#include <assay/diagnosis.h>
#include <assay/driver.h>
#include <assay/entra.h>
#include <assay/error.h>
#include <assay/issuer.h>
#include <assay/jws.h>
#include <assay/keyset.h>
#include <assay/op.h>
#include <assay/permission.h>
#include <assay/request.h>
#include <assay/runtime.h>
#include <assay/token_request.h>
#include <assay/types.h>
#include <assay/validator.h>
#include <assay/version.h>

#endif
