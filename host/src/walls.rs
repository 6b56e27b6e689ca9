//! The walls around a plugin, by name. In a program that people run they all stand. A build for tests (the feature `weakened`,
//! without optimisation only) takes away those that `WITHOUT_WALLS` names, which shows what each of them keeps out:
//! `tests/plugins/weakened.rs`.

/// What keeps a plugin where it belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wall {
    /// Its session logs in as its own role, instead of being the host's under SET ROLE.
    Role,
    /// Its role can log in for the moment of one login only.
    Door,
    /// It has the rights that it was granted, and no others on tables of the application.
    Grants,
    /// It has no rights on the bookkeeping, which the recorder writes.
    Bookkeeping,
    /// The recorder has a search path of its own, and qualified names.
    Path,
    /// Statements that end or begin a transaction are refused.
    Gate,
    /// A ticket is good for one transaction.
    Transaction,
    /// What its role has set for itself is reset.
    Scrub,
    /// Start-up options go before what its role has set.
    Options,
    /// The host's own clock.
    Clock,
    /// Cursors are closed, and deferred constraints checked, before there is a ticket.
    Constraints,
    /// Nothing runs where every role may create objects.
    Places,
    /// The host asks by itself what became of the transaction, and waits for the disk.
    Confirmation,
}

/// Whether it stands.
#[cfg(not(feature = "weakened"))]
pub(crate) const fn stands(_: Wall) -> bool {
    true
}

/// Whether it stands.
#[cfg(feature = "weakened")]
pub(crate) fn stands(wall: Wall) -> bool {
    let without = std::env::var("WITHOUT_WALLS").unwrap_or_default();
    !without.split(' ').any(|name| name == format!("{wall:?}"))
}

#[cfg(all(feature = "weakened", not(debug_assertions)))]
compile_error!("the feature `weakened` is for tests, and takes away what keeps plugins where they belong");
