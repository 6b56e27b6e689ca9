{{ front_matter }}
use wmigrate_guest::prelude::*;

export!(upgrade, downgrade);

/// Brings the change.
fn upgrade() -> Result<()> {
    Ok(())
}

/// Takes it back, last thing first.
fn downgrade() -> Result<()> {
    Ok(())
}
