/* SPDX-License-Identifier: MIT */
#ifndef ASSAY_DRIVER_H
#define ASSAY_DRIVER_H

#include <assay/credential.h>
#include <assay/error.h>
#include <assay/op.h>
#include <assay/types.h>
#include <assay/validator.h>

ASSAY_BEGIN_DECLS

/**
 * @file
 * The engine that carries out many operations on one file descriptor, for event loops.
 *
 * Watch assay_driver_fd() for reading, level- or edge-triggered. When it is ready, call assay_driver_process(), then take
 * the finished operations with assay_driver_next_done() until it gives NULL. After each assay_driver_add() or
 * assay_op_cancel(), do the same once, or wait for the descriptor: it becomes ready by itself.
 * Nothing here waits: name resolution happens in a short-lived thread of libcurl, everything else when the sockets are ready.
 *
 * Threads: one thread at a time; make one driver for each event loop. Drivers share the fetches of a validator.
 * Fork: every function but assay_driver_free() answers ASSAY_E_FORKED in a child that inherited the driver.
 */

/** What to watch a socket for; an or of these, 0 to watch it no longer. @since 0.1 */
enum assay_driver_event {
    ASSAY_DRIVER_READ = 1, /**< readable, or at its end */
    ASSAY_DRIVER_WRITE = 2 /**< writable */
};

/** Watch @p fd for @p events from now on, instead of what was said before. Level-triggered. Called from inside the functions of this
 *  file; must not unwind and must not call them. With 0 it may be closed already (curl issue 14976), and its number another thread's file by
 *  then: not to find it is no error, and a loop that threads share must remove only what was watched for this driver. @since 0.1 */
typedef void (*assay_driver_socket_function)(void *user_data, int fd, int events);
/** Call assay_driver_timer_expired() once after so many milliseconds, instead of what was said before; -1: not at all. @since 0.1 */
typedef void (*assay_driver_timer_function)(void *user_data, int64_t timeout_ms);

/** Make a driver with a descriptor of its own. @param driver [out] release with assay_driver_free()
 *  @retval ASSAY_E_UNSUPPORTED this system has no epoll: use assay_driver_new_with_callbacks()
 *  @retval ASSAY_E_SYSTEM no descriptor could be had. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_driver_new(assay_driver **driver, assay_error **error);
/** Make a driver whose sockets and timer the host watches itself, for systems without epoll and for loops that nest badly.
 *  @param destroy may be NULL; called with @p user_data exactly once, also when this fails. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_driver_new_with_callbacks(assay_driver_socket_function socket,
                                                               assay_driver_timer_function timer, void *user_data,
                                                               assay_destroy_function destroy, assay_driver **driver,
                                                               assay_error **error);
/** Release; NULL is allowed. Operations that it still has are cancelled and freed, their leases pass on. @since 0.1 */
ASSAY_API void assay_driver_free(assay_driver *driver);

/** The descriptor to watch for reading; it belongs to the driver. -1 with callbacks. @since 0.1 */
ASSAY_API int assay_driver_fd(const assay_driver *driver);

/** Carry out an operation; the driver has it until assay_driver_next_done() gives it back. On failure the caller keeps it. Where neither
 *  assay_driver_keep_fresh() nor any fetch came before, the first fetch over TLS reads the CA certificates: some 20 ms for the system's.
 *  @retval ASSAY_E_STATE a driver has it already. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_driver_add(assay_driver *driver, assay_op *op, assay_error **error);
/** Keep the keys of a validator fresh from now on: fetch missing ones at once and others when they are due, so that no operation and no
 *  thread ever pays for it. Holds a reference to @p validator until the driver is freed. Reads the system's CA certificates: call it
 *  before the loop starts. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_driver_keep_fresh(assay_driver *driver, assay_validator *validator,
                                                       assay_error **error);

/** Keep the tokens of a credential fresh from now on: renew those that are in use when they are due, so that no operation and no thread ever waits for
 *  it, and none is started for it. Holds a reference to @p credential, which is frozen, until the driver is freed. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_driver_keep_tokens_fresh(assay_driver *driver, assay_credential *credential,
                                                              assay_error **error);

/** Do what is ready now, until nothing is or a few milliseconds have passed; then the descriptor is ready again at once, for an edge-triggered
 *  host too. Never waits. @retval ASSAY_E_FORKED @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_driver_process(assay_driver *driver, assay_error **error);
/** With callbacks: a socket is ready for these events. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_driver_socket_ready(assay_driver *driver, int fd, int events, assay_error **error);
/** With callbacks: the time is up. @since 0.1 */
ASSAY_API ASSAY_MUST_CHECK int assay_driver_timer_expired(assay_driver *driver, assay_error **error);

/** The next finished operation, which is the caller's again: read its result and free it. NULL: none, for now. @since 0.1 */
ASSAY_API assay_op *assay_driver_next_done(assay_driver *driver);

ASSAY_END_DECLS

#endif
