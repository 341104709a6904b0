/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_ACQUIRE_DIAGNOSIS_H
#define ASSAY_ACQUIRE_DIAGNOSIS_H

/* The table of what goes wrong when a token is obtained: symptom, layer, cause and fix by number (exchange.md, section 5; docs/guide/doctor.md). Pure. */

#include "base/failure.h"

#include <assay/diagnosis.h>

typedef struct assay_diagnosis_row {
    int number;     /* 1 to 68; stable, never reused */
    const char *id; /* short stable name such as "federation-issuer" */
    const char *
        layer; /* "environment", "token-file", "network", "exchange", "managed-identity", "resource", "ci", "token-proxy" */
    const char *symptom;
    const char *cause;
    const char *fix; /* a sentence, with the command where there is one */
} assay_diagnosis_row;

/* NULL: no such row. */
const assay_diagnosis_row *assay_diagnosis_find(int number);
size_t assay_diagnosis_rows(void);
const assay_diagnosis_row *assay_diagnosis_at(size_t index);

/* The row of an AADSTS number, whole (70025 is not 700025); 0: none. */
int assay_diagnosis_of_entra(int64_t number);
/* The number of a failure's server_code such as "AADSTS700213"; 0: it is another. */
int64_t assay_diagnosis_entra_number(const char *server_code);
/* AADSTS numbers that are to be tried again like a 503: 50033, 90033, 90024, 90006, 90090. */
bool assay_diagnosis_is_transient(int64_t number);
/* AADSTS numbers that a federated credential or application made moments ago may be refused with: 70021, 700211, 700212, 700213, 70025, 700016. */
bool assay_diagnosis_may_be_propagation(int64_t number);

/* Set detail->row, and the failure's hint, check and detail by it. No such row: nothing changes. Each may be NULL. */
void assay_diagnosis_apply(int number, assay_failure *failure, assay_failure_detail *detail);

#endif
