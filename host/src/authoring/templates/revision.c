{{ front_matter }}
#include "wmigrate.h"

/// Brings the change.
static wm_result upgrade(void) {
    // WM_TRY(wm_execute("UPDATE plugin SET name = $1 WHERE id = $2", "a name", 5));
    return wm_ok();
}

/// Takes it back, last thing first.
static wm_result downgrade(void) {
    return wm_ok();
}

WM_REVISION(upgrade, downgrade)
