/* SPDX-License-Identifier: MIT */
/* No memory that is given back holds a token that was shared, or read from a file, or refused there. */
#include "fault/watched_memory.h"
#include "support/sharing.h"
#include "support/store_folder.h"

#include <sys/stat.h>

#define LIFE 3600

static void shared_and_read(void **state)
{
    (void)state;
    sees_what_is_left();
    sharing writer, reader;
    sharing_open(&writer);
    sharing_open(&reader);
    mark("marker-of-the-shared-token", 26);
    watch();
    sharing_put(&writer, SHARING_TOKEN, LIFE);
    sharing_has(&reader, SHARING_TOKEN);
    unwatch("shared and read");
    sharing_close(&reader);
    sharing_close(&writer);
}

static void refused(void **state)
{
    (void)state;
    sees_what_is_left();
    sharing s;
    size_t len = 0;
    sharing_open(&s);
    sharing_put(&s, SHARING_TOKEN, LIFE);
    const char *path = store_only_file(".token");
    char *text = store_read_path(path, &len);
    mark("marker-of-the-shared-token", 26);
    store_write_path(path, text, len - 1);
    watch();
    sharing_has_none(&s);
    unwatch("torn");
    store_write_path(path, text, len);
    assert_int_equal(chmod(path, 0644), 0);
    watch();
    sharing_has_none(&s);
    unwatch("readable by others");
    assay_shared_forget(&s.credential, &s.wanted);
    watch();
    sharing_put(&s, SHARING_TOKEN "\n", LIFE);
    sharing_put(&s, SHARING_TOKEN, 1);
    sharing_has_none(&s);
    unwatch("not fit, or due at once");
    assay_wipe(text, len);
    free(text);
    sharing_close(&s);
}

static int forget_all(void **state)
{
    return forget(state) + store_folder_remove(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(shared_and_read, store_folder_open, forget_all),
        cmocka_unit_test_setup_teardown(refused, store_folder_open, forget_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
