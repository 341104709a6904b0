/* SPDX-License-Identifier: MIT */
#include "acquire/diagnosis.h"

/* The table as it is; what of it belongs to an error is with the other getters in base/failure.c. */

size_t assay_diagnosis_count(void)
{
    return assay_diagnosis_rows();
}

int assay_diagnosis_number(size_t index)
{
    const assay_diagnosis_row *row = assay_diagnosis_at(index);
    return row == NULL ? 0 : row->number;
}

const char *assay_diagnosis_name(int row)
{
    const assay_diagnosis_row *found = assay_diagnosis_find(row);
    return found == NULL ? "" : found->id;
}

const char *assay_diagnosis_layer(int row)
{
    const assay_diagnosis_row *found = assay_diagnosis_find(row);
    return found == NULL ? "" : found->layer;
}

const char *assay_diagnosis_symptom(int row)
{
    const assay_diagnosis_row *found = assay_diagnosis_find(row);
    return found == NULL ? "" : found->symptom;
}

const char *assay_diagnosis_cause(int row)
{
    const assay_diagnosis_row *found = assay_diagnosis_find(row);
    return found == NULL ? "" : found->cause;
}

const char *assay_diagnosis_fix(int row)
{
    const assay_diagnosis_row *found = assay_diagnosis_find(row);
    return found == NULL ? "" : found->fix;
}
