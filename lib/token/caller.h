/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_TOKEN_CALLER_H
#define ASSAY_TOKEN_CALLER_H

/* Who is calling, as the token tells it. */

#include "token/token.h"

#include <assay/caller.h>

/* Also before acceptance, once the issuer is known. An enum assay_caller_kind. */
int assay_caller_kind(const assay_claims *token);

#endif
