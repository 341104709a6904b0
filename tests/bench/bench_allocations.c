/* SPDX-License-Identifier: MIT */
#include "base/memory.h"
#include "bench.h"

#include <stdlib.h>

/* Allocations of ours for one validation, and for one token that is kept. A program of its own, as it needs the library that counts them. */

int main(void)
{
    enum { TIMES = 1000 };
    mint_key *key = mint_key_new("RS256", BENCH_KID);
    char *token = bench_token(key, BENCH_ISSUER, BENCH_AUDIENCE, 3600);
    bench_case cases[] = {
        {.name = "rs256.allocations"}, {.name = "cached.allocations"}, {.name = "tokens.allocations"}};
    bench_assay(key, token, &cases[0]);
    bench_cached(key, token, &cases[1]);
    bench_kept(&cases[2]);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cases[i].run(cases[i].state, 1); /* makes what stays with the key */
        uint64_t before = assay_allocation_count();
        cases[i].run(cases[i].state, TIMES);
        bench_print(cases[i].name, (double)(assay_allocation_count() - before) / TIMES, "allocations");
    }
    free(token);
    mint_key_free(key);
    return 0;
}
