/* SPDX-License-Identifier: MIT */
#include "acquire/machine.h"

/* Whether and when to ask again (RFC 6585, section 4; RFC 9110, section 10.2.3; Microsoft, "Retry guidance" of managed identities). */

enum {
    ENDPOINT_RETRIES = 2,
    ENDPOINT_FIRST_MS = 1000,
    AGENT_RETRIES = 5,
    AGENT_UNREACHED_RETRIES = 2,
    AGENT_FIRST_MS = 2000,
    AGENT_LONGEST_MS = 25000,
    AGENT_UPGRADE_MS = 70000, /* the agent may answer 410 for that long while it is being replaced */
    THROTTLED_SECONDS = 60
};

/* Up to a fifth more or less, so that what failed together is not repeated together. Without random bytes: as it is. */
static int64_t jittered(int64_t milliseconds)
{
    uint16_t random = 0x8000;
    (void)assay_crypto_random(&random, sizeof random);
    return milliseconds * 4 / 5 + milliseconds * 2 / 5 * random / 0xffff;
}

static int64_t doubled(int64_t first, unsigned tries, int64_t longest)
{
    int64_t wait = first;
    for (unsigned i = 1; i < tries && wait < longest; i++)
        wait *= 2;
    return wait < longest ? wait : longest;
}

/* Milliseconds that the server asks for; 0: it does not, or with something unusable. What lies in the past is of no use. */
static int64_t asked_ms(const assay_http_response *response)
{
    const int64_t longest = (int64_t)ASSAY_LIMIT_RETRY_AFTER * 1000;
    int64_t asked = response->retry_after_ms > 0 ? response->retry_after_ms
                    : response->retry_after > 0 && response->retry_after < ASSAY_LIMIT_RETRY_AFTER
                        ? response->retry_after * 1000
                    : response->retry_after > 0 ? longest
                                                : 0;
    if (asked == 0 && response->status == 429)
        asked = (int64_t)THROTTLED_SECONDS * 1000;
    return asked < longest ? asked : longest;
}

int64_t assay_retry_after(const assay_http_response *response)
{
    return (asked_ms(response) + 999) / 1000;
}

bool assay_retry_is_transport(int missed)
{
    return missed == ASSAY_E_RESOLVE || missed == ASSAY_E_CONNECT || missed == ASSAY_E_TIMEOUT ||
           missed == ASSAY_E_NETWORK;
}

static bool is_transient(int status)
{
    return status == 408 || status == 500 || status == 502 || status == 503 || status == 504;
}

int64_t assay_retry_token_endpoint(unsigned tries, const assay_http_response *response, bool transient)
{
    if (tries > ENDPOINT_RETRIES)
        return -1;
    int64_t wait = jittered(doubled(ENDPOINT_FIRST_MS, tries, INT32_MAX));
    if (response == NULL)
        return wait;
    int64_t asked = asked_ms(response);
    if (response->status == 429)
        return asked;
    if (!transient && !is_transient(response->status))
        return -1;
    return asked > wait ? asked : wait;
}

int64_t assay_retry_imds(unsigned tries, int64_t since_first_ms, const assay_http_response *response)
{
    int64_t wait = jittered(doubled(AGENT_FIRST_MS, tries, AGENT_LONGEST_MS));
    if (response == NULL)
        return tries > AGENT_UNREACHED_RETRIES ? -1 : wait;
    int status = response->status;
    bool again = status == 404 || status == 410 || status == 429 || (status >= 500 && status <= 511);
    bool upgrading = status == 410 && since_first_ms < AGENT_UPGRADE_MS;
    if (!again || (tries > AGENT_RETRIES && !upgrading))
        return -1;
    /* Without a field to go by a 429 of the agent is about a burst, not about a minute. */
    bool told = response->retry_after > 0 || response->retry_after_ms > 0;
    int64_t asked = told ? asked_ms(response) : 0;
    return asked > wait ? asked : wait;
}
