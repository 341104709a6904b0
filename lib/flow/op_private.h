/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_FLOW_OP_PRIVATE_H
#define ASSAY_FLOW_OP_PRIVATE_H

/* What op.c and op_acquire.c share; nobody else includes this. */

#include "flow/op.h"

/* An empty one. */
int assay_op_make(int64_t timeout_ms, assay_op **op, assay_failure *failure);
/* Be done; what only led to the result is forgotten. */
void assay_op_finish(assay_op *op, int code);

/* op_acquire.c: from new to seated or done; from landed to done. */
void assay_op_begin_acquisition(assay_op *op);
void assay_op_end_acquisition(assay_op *op);

#endif
