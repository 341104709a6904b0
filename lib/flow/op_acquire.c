/* SPDX-License-Identifier: MIT */
#include "flow/driver.h"
#include "flow/op_private.h"

/* Acquisitions and renewals as operations. */

static int make(assay_credential *credential, int64_t timeout_ms, bool counted, assay_op **op, assay_failure *failure)
{
    int code = assay_op_make(timeout_ms, op, failure);
    if (code != ASSAY_OK)
        return code;
    (*op)->credential = counted ? assay_credential_take(credential) : credential;
    (*op)->counted = counted;
    return ASSAY_OK;
}

int assay_op_make_acquisition(assay_credential *credential, const assay_token_request *request, int64_t timeout_ms,
                              assay_op **op, assay_failure *failure)
{
    *op = NULL;
    ASSAY_CLEANUP(assay_op_drop_p) assay_op *made = NULL;
    int code = assay_credential_use(credential, failure);
    if (code == ASSAY_OK)
        code = make(credential, timeout_ms, true, &made, failure);
    if (code == ASSAY_OK)
        code = assay_acquire_normalise(credential, request, &made->wanted, failure);
    if (code == ASSAY_OK)
        *op = ASSAY_STEAL(made);
    return code;
}

int assay_op_make_renewal(assay_credential *credential, int64_t now_ms, int64_t timeout_ms, bool counted,
                          int64_t *due_at, assay_op **op)
{
    assay_credential_lock(credential);
    assay_kept *kept = assay_acquire_due(credential, now_ms, due_at);
    bool is_due = kept != NULL && *due_at <= now_ms;
    uint64_t seen = is_due ? atomic_load(&kept->generation) : 0;
    if (is_due)
        kept->pins++;
    assay_credential_unlock(credential);
    if (!is_due)
        return 0;
    if (make(credential, timeout_ms, counted, op, NULL) == ASSAY_OK) {
        assay_acquisition_init(&(*op)->acquisition, credential, kept, kept->wanted, true, seen, (*op)->deadline, NULL);
        (*op)->state = ASSAY_OP_SEATED;
        (*op)->turn = ASSAY_TURN_WAIT;
        return 1;
    }
    assay_credential_lock(credential);
    kept->pins--;
    assay_credential_unlock(credential);
    return -1;
}

int assay_op_make_any_renewal(assay_credential *credential, int64_t timeout_ms, assay_op **op, assay_failure *failure)
{
    int code = assay_credential_use(credential, failure);
    return code != ASSAY_OK ? code : make(credential, timeout_ms, true, op, failure);
}

/* Whoever has the operation keeps tokens fresh: the driver itself where there is no other. */
static void see_to_renewal(assay_op *op)
{
    assay_acquire_call_keeper(op->credential, false);
    if (op->driver != NULL)
        assay_driver_renew(op->driver, op->credential);
}

static void begin_renewal(assay_op *op)
{
    assay_op *renewal;
    int64_t due_at;
    int64_t left = op->deadline - assay_clock_real_ms();
    int made = assay_op_make_renewal(op->credential, assay_credential_now(op->credential), left > 1 ? left : 1, false,
                                     &due_at, &renewal);
    if (made <= 0) {
        assay_op_finish(op, assay_fail(&op->failure, made == 0 ? ASSAY_OK : ASSAY_E_MEMORY));
        return;
    }
    assay_waker *waker = op->acquisition.waker;
    op->acquisition = renewal->acquisition;
    op->acquisition.waker = waker;
    renewal->acquisition.kept = NULL;
    assay_op_drop(renewal);
    op->state = ASSAY_OP_SEATED;
    op->turn = ASSAY_TURN_WAIT;
}

void assay_op_begin_acquisition(assay_op *op)
{
    bool due;
    if (op->wanted == NULL) {
        begin_renewal(op);
        return;
    }
    op->got = assay_acquire_kept(op->credential, op->wanted, &due);
    if (op->got != NULL && due)
        see_to_renewal(op);
    assay_waker *waker = op->acquisition.waker;
    int code = op->got != NULL ? ASSAY_OK
                               : assay_acquire_begin(op->credential, op->wanted, op->deadline, waker, &op->acquisition,
                                                     &op->got, &op->failure);
    if (code != ASSAY_OK || op->got != NULL) {
        assay_op_finish(op, code);
        return;
    }
    op->state = ASSAY_OP_SEATED;
    op->turn = ASSAY_TURN_WAIT;
}

/* What came was forgotten before it was taken: begin anew, a few times. */
static void fly_again(assay_op *op)
{
    assay_waker *waker = op->acquisition.waker;
    assay_acquisition_leave(&op->acquisition);
    op->acquisition.waker = waker;
    if (++op->flights < ASSAY_ACQUIRE_FLIGHTS)
        assay_op_begin_acquisition(op);
    else
        assay_op_finish(op, assay_fail_note(&op->failure, ASSAY_E_TOKEN_RESPONSE,
                                            "each token was forgotten as soon as it arrived"));
}

void assay_op_end_acquisition(assay_op *op)
{
    bool due;
    if (op->fetched == ASSAY_OK && op->wanted != NULL) {
        op->got = assay_acquisition_take_token(&op->acquisition);
        if (op->got == NULL)
            op->got = assay_acquire_kept(op->credential, op->wanted, &due);
        if (op->got == NULL) {
            fly_again(op);
            return;
        }
    }
    /* It had not the time, but the driver has. */
    bool hurried = op->fetched != ASSAY_OK && op->acquisition.hurried && op->wanted != NULL && op->driver != NULL;
    assay_op_finish(op, op->fetched);
    if (hurried)
        assay_driver_renew(op->driver, op->credential);
}
