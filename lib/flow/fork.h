/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_FLOW_FORK_H
#define ASSAY_FLOW_FORK_H

/*
 * What a fork means for the keys of validators and the tokens of credentials. While a process forks, all of them are locked, so that the child finds no half-made change; the child
 * then counts no reader of the parent, waits for no flight of the parent, and its own locks are free (architecture, section 3).
 */

#include "flow/keyring.h"

/* Know a keyring from its making to its end. ASSAY_OK, ASSAY_E_MEMORY. */
int assay_fork_register(assay_keyring *keyring);
void assay_fork_unregister(assay_keyring *keyring);

/* The same of a credential whose locks are there. */
int assay_fork_register_credential(struct assay_credential *credential);
void assay_fork_unregister_credential(struct assay_credential *credential);

/* How many forks lie between this process and the one that loaded the library: what remembers another number was inherited. */
unsigned assay_fork_generation(void);

/* No fork happens in between: for whoever takes the locks of two keyrings, or changes what validators share (revocations.h). */
void assay_fork_hold(void);
void assay_fork_release(void);

#endif
