// /// wmigrate
// revision = "b0d1"
// message = "initials"
// ///
#include "initials.h"
#include "wmigrate.h"

static wm_result upgrade(void) {
    wm_rows people = WM_TRY(wm_query("SELECT id, name FROM people"));
    while (wm_next(&people)) {
        char letters[20];
        initials(WM_TRY(wm_get_text(&people, "name")).data, letters);
        WM_TRY(wm_execute("UPDATE people SET initials = $1 WHERE id = $2", letters, WM_TRY(wm_get_int4(&people, "id"))));
    }
    return wm_ok();
}

static wm_result downgrade(void) {
    WM_TRY(wm_execute("UPDATE people SET initials = NULL"));
    return wm_ok();
}

WM_REVISION(upgrade, downgrade)
