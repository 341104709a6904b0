/* SPDX-License-Identifier: MIT */

/*
 * A name server that takes questions and never answers must not outlast a deadline (architecture, section 4). It needs a network of its own,
 * so where the system does not permit that the test is skipped.
 */
#include "base/clock.h"
#include "http/client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { PASSED = 0, FAILED = 1, NOT_PERMITTED = 77 };

static bool write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    return file != NULL && fputs(text, file) >= 0 && fclose(file) == 0;
}

static bool bind_over(const char *path, const char *text)
{
    char made[] = "/tmp/assay-dns-XXXXXX";
    int fd = mkstemp(made);
    if (fd < 0)
        return false;
    close(fd);
    bool done = write_file(made, text) && mount(made, path, NULL, MS_BIND, NULL) == 0;
    unlink(made);
    return done;
}

static bool own_namespaces(void)
{
    char map[64];
    unsigned uid = (unsigned)geteuid();
    if (unshare(CLONE_NEWNET | CLONE_NEWNS) != 0) {
        if (unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS) != 0)
            return false;
        snprintf(map, sizeof map, "0 %u 1", uid);
        if (!write_file("/proc/self/uid_map", map))
            return false;
    }
    return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

/* An interface, and a socket at port 53 whose questions nobody reads. */
static bool deaf_name_server(void)
{
    struct ifreq interface = {.ifr_name = "lo"};
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(53), .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &interface) != 0)
        return false;
    interface.ifr_flags = (short)(interface.ifr_flags | IFF_UP | IFF_RUNNING);
    return ioctl(fd, SIOCSIFFLAGS, &interface) == 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0;
}

static int ask(int64_t timeout_ms, int64_t *took_ms)
{
    ASSAY_CLEANUP(assay_http_client_free_p) assay_http_client *client = NULL;
    assay_http_response response;
    assay_failure failure;
    const assay_http_request request = {.url = "https://issuer.example/keys", .body_limit = 1000};
    if (assay_http_client_new(NULL, &client) != ASSAY_OK)
        return ASSAY_E_MEMORY;
    int64_t start = assay_clock_real_ms();
    int code = assay_http_client_get(client, &request, timeout_ms, 0, &response, &failure);
    assay_http_client_free(ASSAY_STEAL(client)); /* must not wait for the resolver either */
    *took_ms = assay_clock_real_ms() - start;
    printf("timeout %d ms: code %d after %d ms (%s)\n", (int)timeout_ms, code, (int)*took_ms, failure.note);
    return code;
}

static int child(void)
{
    if (!own_namespaces() || !deaf_name_server() ||
        !bind_over("/etc/resolv.conf", "nameserver 127.0.0.1\noptions timeout:5 attempts:2\n") ||
        !bind_over("/etc/nsswitch.conf", "hosts: files dns\n")) {
        printf("skipped: no network namespace with a name server of its own: %s\n", strerror(errno));
        return NOT_PERMITTED;
    }
    const char *sanitized = getenv("ASSAY_SANITIZED"), *preloaded = getenv("LD_PRELOAD");
    bool slow = (sanitized != NULL && strcmp(sanitized, "none") != 0) ||
                (preloaded != NULL && strstr(preloaded, "vgpreload") != NULL);
    for (int64_t timeout = 300; timeout <= 900; timeout += 600) {
        int64_t took = 0, most = timeout + (slow ? 2000 : 100);
        int code = ask(timeout, &took);
        for (int i = 0; i < 2 && took > most; i++) /* a busy machine */
            code = ask(timeout, &took);
        if (code != ASSAY_E_TIMEOUT || took < timeout - 50 || took > most)
            return FAILED;
    }
    return PASSED;
}

static void test_hung_dns_does_not_outlast_the_deadline(void **state)
{
    (void)state;
    int status = 0;
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        int result = child();
        fflush(NULL);
        _exit(result);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == NOT_PERMITTED)
        skip();
    assert_int_equal(WEXITSTATUS(status), PASSED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_hung_dns_does_not_outlast_the_deadline)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
