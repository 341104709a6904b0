/* SPDX-License-Identifier: MIT */
#include "flow/driver.h"

#include "api/api.h"

int assay_driver_new(assay_driver **driver, assay_error **error)
{
    const assay_driver_hooks none = {NULL, NULL, NULL, NULL};
    ASSAY_BEGIN(error);
    if (driver == NULL)
        return ASSAY_BAD("driver is NULL");
    return ASSAY_END(assay_driver_make(&none, driver, failure));
}

int assay_driver_new_with_callbacks(assay_driver_socket_function socket, assay_driver_timer_function timer,
                                    void *user_data, assay_destroy_function destroy, assay_driver **driver,
                                    assay_error **error)
{
    const assay_driver_hooks hooks = {socket, timer, user_data, destroy};
    ASSAY_BEGIN(error);
    int code = ASSAY_OK;
    if (driver != NULL)
        *driver = NULL;
    if (driver == NULL || socket == NULL || timer == NULL)
        code = assay_fail_note(failure, ASSAY_E_ARGUMENT, "driver, socket or timer is NULL");
    if (code == ASSAY_OK)
        code = assay_driver_make(&hooks, driver, failure);
    if (code != ASSAY_OK && destroy != NULL)
        destroy(user_data);
    return ASSAY_END(code);
}

void assay_driver_free(assay_driver *driver)
{
    assay_driver_drop(driver);
}

int assay_driver_fd(const assay_driver *driver)
{
    return driver == NULL ? -1 : assay_driver_descriptor(driver);
}

int assay_driver_add(assay_driver *driver, assay_op *op, assay_error **error)
{
    ASSAY_BEGIN(error);
    if (driver == NULL || op == NULL)
        return ASSAY_BAD("driver or op is NULL");
    int code = assay_driver_check(driver, failure);
    return ASSAY_END(code != ASSAY_OK ? code : assay_driver_take(driver, op, failure));
}

int assay_driver_keep_fresh(assay_driver *driver, assay_validator *validator, assay_error **error)
{
    ASSAY_BEGIN(error);
    if (driver == NULL || validator == NULL)
        return ASSAY_BAD("driver or validator is NULL");
    int code = assay_driver_check(driver, failure);
    return ASSAY_END(code != ASSAY_OK ? code : assay_driver_watch(driver, validator, true, failure));
}

int assay_driver_keep_tokens_fresh(assay_driver *driver, assay_credential *credential, assay_error **error)
{
    ASSAY_BEGIN(error);
    if (driver == NULL || credential == NULL)
        return ASSAY_BAD("driver or credential is NULL");
    int code = assay_driver_check(driver, failure);
    if (code == ASSAY_OK)
        code = assay_credential_use(credential, failure);
    return ASSAY_END(code != ASSAY_OK ? code : assay_driver_watch_credential(driver, credential, true, failure));
}

int assay_driver_process(assay_driver *driver, assay_error **error)
{
    ASSAY_BEGIN(error);
    if (driver == NULL)
        return ASSAY_BAD("driver is NULL");
    int code = assay_driver_check(driver, failure);
    if (code == ASSAY_OK)
        assay_driver_go_on(driver);
    return ASSAY_END(code);
}

int assay_driver_socket_ready(assay_driver *driver, int fd, int events, assay_error **error)
{
    ASSAY_BEGIN(error);
    if (driver == NULL || fd < 0)
        return ASSAY_BAD("driver is NULL, or fd is none");
    int code = assay_driver_check(driver, failure);
    if (code == ASSAY_OK)
        assay_driver_socket(driver, fd, events);
    return ASSAY_END(code);
}

int assay_driver_timer_expired(assay_driver *driver, assay_error **error)
{
    ASSAY_BEGIN(error);
    if (driver == NULL)
        return ASSAY_BAD("driver is NULL");
    int code = assay_driver_check(driver, failure);
    if (code == ASSAY_OK)
        assay_driver_timer(driver);
    return ASSAY_END(code);
}

assay_op *assay_driver_next_done(assay_driver *driver)
{
    return driver == NULL ? NULL : assay_driver_give_back(driver);
}
