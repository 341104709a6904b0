/* SPDX-License-Identifier: MIT */
/* The HTTP daemon, and its replacement by one with other certificates. */

#include "dev_issuer_tokens.h"

#include <stdio.h>
#include <unistd.h>

/* An exchange of a token of this very process takes two more for its documents. */
#define CONNECTIONS 512U
#define IDLE_SECONDS 60U

/* A thread for each connection, so that one that waits or drips keeps nobody else. The daemon owns the socket once it runs. */
static struct MHD_Daemon *start_daemon(dev_issuer *issuer, int fd, const dev_certificates *certificates)
{
    bool tls = certificates->cert_pem != NULL;
    /* The inter-thread channel lets it give the socket away while it runs. */
    unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION | MHD_USE_POLL | MHD_USE_ITC |
                     (issuer->verbose ? MHD_USE_ERROR_LOG : 0U) | (tls ? MHD_USE_TLS : 0U);
    const struct MHD_OptionItem with_tls[] = {{MHD_OPTION_HTTPS_MEM_KEY, 0, certificates->key_pem},
                                              {MHD_OPTION_HTTPS_MEM_CERT, 0, certificates->cert_pem},
                                              {MHD_OPTION_END, 0, NULL}};
    const struct MHD_OptionItem plain[] = {{MHD_OPTION_END, 0, NULL}};
    return MHD_start_daemon(flags, 0, NULL, NULL, dev_http_handle, issuer, MHD_OPTION_LISTEN_SOCKET, fd,
                            MHD_OPTION_NOTIFY_COMPLETED, dev_http_completed, issuer, MHD_OPTION_CONNECTION_LIMIT,
                            CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT, IDLE_SECONDS, MHD_OPTION_ARRAY,
                            tls ? with_tls : plain, MHD_OPTION_END);
}

static dev_server *make_server(dev_issuer *issuer, int fd, const dev_certificates *certificates)
{
    struct MHD_Daemon *daemon = start_daemon(issuer, fd, certificates);
    if (daemon == NULL)
        return NULL;
    dev_server *server = cli_alloc(sizeof *server);
    server->daemon = daemon;
    server->certificates = *certificates;
    return server;
}

int dev_server_start(dev_issuer *issuer, int fd, dev_certificates *certificates, char *message, size_t size)
{
    dev_server *server = make_server(issuer, fd, certificates);
    if (server == NULL) {
        (void)close(fd);
        (void)snprintf(message, size, "the HTTP server could not be started%s",
                       certificates->cert_pem != NULL ? "; do certificate and key fit each other?" : "");
        return -1;
    }
    *certificates = (dev_certificates){0};
    (void)pthread_mutex_lock(&issuer->lock);
    issuer->servers = server;
    (void)pthread_mutex_unlock(&issuer->lock);
    return 0;
}

/* Under the lock, so that no stop and no other rotation comes between. The old daemon keeps its connections and its memory. */
static bool replace_locked(dev_issuer *issuer, const dev_certificates *certificates)
{
    if (issuer->stopping || issuer->servers == NULL || issuer->servers->certificates.ca_pem == NULL)
        return false;
    MHD_socket fd = MHD_quiesce_daemon(issuer->servers->daemon);
    if (fd == MHD_INVALID_SOCKET)
        return false;
    dev_server *server = make_server(issuer, fd, certificates);
    if (server == NULL) {
        (void)close(fd);
        return false;
    }
    server->next = issuer->servers;
    issuer->servers = server;
    return true;
}

int dev_issuer_rotate_tls(dev_issuer *issuer, const char *name)
{
    dev_certificates certificates = {0};
    if (!dev_certificates_make(&certificates, name == NULL ? issuer->tls_name : name))
        return -1;
    (void)pthread_mutex_lock(&issuer->lock);
    bool replaced = replace_locked(issuer, &certificates);
    (void)pthread_mutex_unlock(&issuer->lock);
    if (!replaced)
        dev_certificates_clear(&certificates);
    return replaced ? 0 : -1;
}

void dev_server_stop(dev_issuer *issuer)
{
    (void)pthread_mutex_lock(&issuer->lock);
    dev_server *server = issuer->servers;
    issuer->servers = NULL;
    (void)pthread_mutex_unlock(&issuer->lock);
    while (server != NULL) {
        dev_server *next = server->next;
        MHD_stop_daemon(server->daemon);
        dev_certificates_clear(&server->certificates);
        free(server);
        server = next;
    }
}

bool dev_issuer_is_idle(dev_issuer *issuer)
{
    unsigned open = 0;
    (void)pthread_mutex_lock(&issuer->lock);
    for (const dev_server *server = issuer->servers; server != NULL; server = server->next)
        open += MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS)->num_connections;
    bool idle = open <= issuer->waiting;
    (void)pthread_mutex_unlock(&issuer->lock);
    return idle;
}

const char *dev_issuer_ca_pem(const dev_issuer *issuer)
{
    /* The lock is no part of what the caller may not change. */
    dev_issuer *locked = (dev_issuer *)issuer;
    (void)pthread_mutex_lock(&locked->lock);
    const char *pem = locked->servers == NULL ? NULL : locked->servers->certificates.ca_pem;
    (void)pthread_mutex_unlock(&locked->lock);
    return pem;
}
