/* SPDX-License-Identifier: MIT */
/* To which servers an issuer's bearer token goes: those that were configured, whatever a document says. */
#include "discovery/source_state.h"
#include "support/source_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { SEND = ASSAY_HTTP_BEARER_SEND, WITHHOLD = ASSAY_HTTP_BEARER_WITHHOLD, NONE = ASSAY_HTTP_BEARER_NONE };

static world w;

static int stop(void **state)
{
    (void)state;
    world_clear(&w);
    return 0;
}

static void expect(const char *url, int wanted)
{
    if ((int)assay_source_bearer(w.source, url) != wanted)
        fail_msg("%s: not %d", url, wanted);
}

static void without_one_nothing_is_sent(void **state)
{
    (void)state;
    world_init(&w, &(assay_source_config){.mode = ASSAY_SOURCE_OPENID});
    expect(WORLD_JWKS_URI, NONE);
    expect("https://elsewhere.example/", NONE);
}

static void the_place_of_the_metadata(void **state)
{
    (void)state;
    world_init(&w, &(assay_source_config){.mode = ASSAY_SOURCE_OPENID, .with_bearer = true});
    expect(WORLD_ISSUER "/.well-known/openid-configuration", SEND);
    expect(WORLD_JWKS_URI, SEND);
    expect("https://ISSUER.example:443/keys", SEND);
    expect("https://issuer.example:8443/keys", WITHHOLD);
    expect("http://issuer.example/keys", WITHHOLD);
    expect("http://issuer.example:443/keys", WITHHOLD);
    expect("https://issuer.example.evil.example/keys", WITHHOLD);
    expect("https://evil.example/issuer.example", WITHHOLD);
    expect("https://issuer.exampl/keys", WITHHOLD);
    expect("https://issuer.example@evil.example/keys", WITHHOLD);
}

static void an_own_discovery_url_and_not_the_issuer(void **state)
{
    (void)state;
    world_init(&w, &(assay_source_config){.mode = ASSAY_SOURCE_URL,
                                          .metadata_url = "https://10.0.0.1:6443/.well-known/openid-configuration",
                                          .with_bearer = true});
    expect("https://10.0.0.1:6443/openid/v1/jwks", SEND);
    expect("https://10.0.0.1/openid/v1/jwks", WITHHOLD);
    expect(WORLD_JWKS_URI, WITHHOLD);
}

static void a_configured_jwks_uri(void **state)
{
    (void)state;
    world_init(&w, &(assay_source_config){
                       .mode = ASSAY_SOURCE_JWKS, .jwks_uri = "https://[fd00::1]/keys", .with_bearer = true});
    expect("https://[fd00::1]/keys", SEND);
    expect(WORLD_JWKS_URI, WITHHOLD);
}

static void named_hosts_on_any_port(void **state)
{
    (void)state;
    static const char *const hosts[] = {"issuer.example", "keys.example"};
    world_init(&w, &(assay_source_config){
                       .mode = ASSAY_SOURCE_OPENID, .jwks_hosts = hosts, .jwks_host_count = 2, .with_bearer = true});
    expect("https://Keys.example/k", SEND);
    expect("https://keys.example:8443/k", SEND);
    expect("https://more.keys.example/k", WITHHOLD);
}

/* A jwks_uri that metadata named is not what counts, once it is known. */
static void a_document_does_not_widen_it(void **state)
{
    (void)state;
    assay_http_request request;
    world_sets sets;
    world_sets_make(&sets);
    world_init(&w, &(assay_source_config){.mode = ASSAY_SOURCE_OPENID, .with_bearer = true});
    w.metadata.body = "{\"issuer\":\"" WORLD_ISSUER "\",\"jwks_uri\":\"https://elsewhere.example/keys\"}";
    w.keys.body = sets.a;
    assert_int_equal(world_fly(&w, ASSAY_SOURCE_COLD), ASSAY_OK);
    w.now += HOUR;
    assay_source_begin(w.source, ASSAY_SOURCE_SCHEDULED, w.now);
    assert_true(assay_source_next(w.source, &request));
    assert_string_equal(request.url, "https://elsewhere.example/keys");
    assert_int_equal(request.bearer, WITHHOLD);
    /* Where that server asks for a token, the operator is told why there was none. */
    w.keys = (canned_answer){.status = 401};
    assay_source_abandoned(w.source, w.now);
    assert_int_equal(world_fly(&w, ASSAY_SOURCE_FORCED), ASSAY_E_HTTP_STATUS);
    assert_non_null(strstr(w.failure.hint, "jwks hosts"));
    w.keys.status = 404;
    assert_int_equal(world_fly(&w, ASSAY_SOURCE_FORCED), ASSAY_E_HTTP_STATUS);
    assert_null(w.failure.hint);
    world_sets_free(&sets);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_teardown(name, stop)
    const struct CMUnitTest tests[] = {
        CASE(without_one_nothing_is_sent),
        CASE(the_place_of_the_metadata),
        CASE(an_own_discovery_url_and_not_the_issuer),
        CASE(a_configured_jwks_uri),
        CASE(named_hosts_on_any_port),
        CASE(a_document_does_not_widen_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
