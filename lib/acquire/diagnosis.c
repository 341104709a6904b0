/* SPDX-License-Identifier: MIT */
#include "acquire/diagnosis.h"

#include "base/memory.h"

#define ROW(number, id, layer, symptom, cause, fix) {number, id, layer, symptom, cause, fix},
#define ENTRA(entra, number)
static const assay_diagnosis_row rows[] = {
#include "acquire/diagnosis.def"
};
#undef ROW
#undef ENTRA

#define ROW(number, id, layer, symptom, cause, fix)
#define ENTRA(entra, number) {entra, number},
static const struct {
    int64_t entra;
    int row;
} entra_numbers[] = {
#include "acquire/diagnosis.def"
};
#undef ROW
#undef ENTRA

static bool is_one_of(int64_t number, const int64_t *numbers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (numbers[i] == number)
            return true;
    return false;
}

/* Rows lie in the order of their numbers, without gaps; a test sees to it. */
const assay_diagnosis_row *assay_diagnosis_find(int number)
{
    return number < 1 ? NULL : assay_diagnosis_at((size_t)number - 1);
}

size_t assay_diagnosis_rows(void)
{
    return ASSAY_COUNT_OF(rows);
}

const assay_diagnosis_row *assay_diagnosis_at(size_t index)
{
    return index < ASSAY_COUNT_OF(rows) ? &rows[index] : NULL;
}

int assay_diagnosis_of_entra(int64_t number)
{
    for (size_t i = 0; i < ASSAY_COUNT_OF(entra_numbers); i++)
        if (entra_numbers[i].entra == number)
            return entra_numbers[i].row;
    return 0;
}

int64_t assay_diagnosis_entra_number(const char *server_code)
{
    static const char start[] = "AADSTS";
    int64_t number = 0;
    if (strncmp(server_code, start, sizeof start - 1) != 0)
        return 0;
    for (const char *at = server_code + sizeof start - 1; *at != '\0'; at++) {
        if (*at < '0' || *at > '9' || number > 99999999)
            return 0;
        number = number * 10 + (*at - '0');
    }
    return number;
}

bool assay_diagnosis_is_transient(int64_t number)
{
    static const int64_t numbers[] = {50033, 90033, 90024, 90006, 90090};
    return is_one_of(number, numbers, ASSAY_COUNT_OF(numbers));
}

bool assay_diagnosis_may_be_propagation(int64_t number)
{
    static const int64_t numbers[] = {70021, 700211, 700212, 700213, 70025, 700016};
    return is_one_of(number, numbers, ASSAY_COUNT_OF(numbers));
}

void assay_diagnosis_apply(int number, assay_failure *failure, assay_failure_detail *detail)
{
    const assay_diagnosis_row *row = assay_diagnosis_find(number);
    if (row == NULL)
        return;
    if (detail != NULL)
        detail->row = number;
    if (failure != NULL) {
        failure->hint = row->fix;
        failure->check = row->layer;
        failure->detail = detail != NULL ? detail : failure->detail;
    }
}
