/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_FLOW_REFRESHER_H
#define ASSAY_FLOW_REFRESHER_H

/* The thread that keeps the keys of one validator fresh, where its host wants one: a driver, and a loop around it. */

#include "flow/keyring.h"

#include <assay/validator.h>

/* ASSAY_OK, also where there is one already; ASSAY_E_SYSTEM, ASSAY_E_UNSUPPORTED, ASSAY_E_MEMORY. */
int assay_refresher_start(assay_validator *validator, assay_failure *failure);
/* End the thread, if there is one, and wait for it. */
void assay_refresher_stop(assay_keyring *keyring);
/* Something is due: see that the thread knows. False: there is no thread in this process. */
bool assay_refresher_poke(assay_keyring *keyring);

/* fork.c: keep the thread out of the library while the process forks. */
void assay_refresher_hold(assay_keyring *keyring);
void assay_refresher_release(assay_keyring *keyring);

#endif
