/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_FLOW_CONFIG_H
#define ASSAY_FLOW_CONFIG_H

/* A validator from one JSON document (docs/configuration.md). */

#include "flow/validator.h"

/* ASSAY_OK; ASSAY_E_CONFIG, ASSAY_E_CONFIG_MEMBER (the note names the member), or what the setter of a member answers. */
int assay_config_read(assay_runtime *runtime, const char *json, size_t len, assay_validator **validator,
                      assay_failure *failure);

#endif
