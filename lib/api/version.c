/* SPDX-License-Identifier: MIT */
#include "flow/runtime.h"

#include <assay/version.h>

const char *assay_version(void)
{
    return ASSAY_VERSION;
}

const char *assay_version_details(void)
{
    return assay_runtime_versions();
}
