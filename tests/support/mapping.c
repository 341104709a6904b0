/* SPDX-License-Identifier: MIT */
#include "support/mapping.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

int mapping_has_flag(const void *address, const char *flag)
{
    FILE *maps = fopen("/proc/self/smaps", "re");
    char line[512];
    bool inside = false;
    int found = -1;
    for (size_t lines = 0; maps != NULL && found < 0 && lines < 1000000 && fgets(line, sizeof line, maps); lines++) {
        unsigned long from = 0, to = 0;
        if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
            inside = (unsigned long)address >= from && (unsigned long)address < to;
        else if (inside && strncmp(line, "VmFlags:", 8) == 0)
            found = strstr(line, flag) != NULL;
    }
    if (maps != NULL)
        (void)fclose(maps);
    return found;
}
