/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_VERSION_H
#define ASSAY_VERSION_H

#include <assay/types.h>

ASSAY_BEGIN_DECLS

/**
 * @file
 * What is linked at run time. Threads: every function may be called from anywhere.
 */

/** Version of the library that is loaded, such as "0.1.0". Static. @since 0.1 */
ASSAY_API const char *assay_version(void);

/** Versions of the libraries underneath, as one line for a bug report. Static. @since 0.1 */
ASSAY_API const char *assay_version_details(void);

ASSAY_END_DECLS

#endif
