//! What was done, in the words of each dialect: the one table.

/// An action's names.
pub(super) struct Deed {
    action: &'static str,
    /// ECS `event.type`.
    pub(super) ecs: &'static str,
    /// OCSF `action_id`, `action`.
    pub(super) ocsf_action: (u8, &'static str),
    /// OCSF `disposition_id`, `disposition`.
    pub(super) disposition: (u8, &'static str),
    /// ASIM `DvcAction`.
    pub(super) asim: &'static str,
    /// UDM `action`.
    pub(super) udm: &'static str,
    /// CIM `action`.
    pub(super) cim: &'static str,
}

const fn deed(
    action: &'static str,
    ecs: &'static str,
    ocsf_action: (u8, &'static str),
    disposition: (u8, &'static str),
    [asim, udm, cim]: [&'static str; 3],
) -> Deed {
    Deed { action, ecs, ocsf_action, disposition, asim, udm, cim }
}

const LOGGED: Deed = deed("logged", "allowed", (3, "Observed"), (17, "Logged"), ["Delivered", "ALLOW", "delivered"]);

#[rustfmt::skip]
const DEEDS: &[Deed] = &[
    deed("tagged", "allowed", (4, "Modified"), (18, "Tagged"), ["Modified", "ALLOW_WITH_MODIFICATION", "delivered"]),
    deed("copied", "allowed", (4, "Modified"), (11, "Corrected"), ["Modified", "ALLOW_WITH_MODIFICATION", "delivered"]),
    deed("redirected", "allowed", (4, "Modified"), (11, "Corrected"), ["Modified", "ALLOW_WITH_MODIFICATION", "delivered"]),
    deed("stripped", "allowed", (4, "Modified"), (11, "Corrected"), ["Modified", "ALLOW_WITH_MODIFICATION", "delivered"]),
    deed("quarantined", "denied", (2, "Denied"), (3, "Quarantined"), ["Quarantined", "QUARANTINE", "quarantined"]),
    deed("quarantine", "denied", (2, "Denied"), (3, "Quarantined"), ["Quarantined", "QUARANTINE", "quarantined"]),
    deed("stored", "denied", (2, "Denied"), (3, "Quarantined"), ["Quarantined", "QUARANTINE", "quarantined"]),
    deed("discarded", "denied", (2, "Denied"), (6, "Dropped"), ["Deleted", "BLOCK", "deleted"]),
    deed("tempfailed", "denied", (2, "Denied"), (14, "Delayed"), ["Blocked", "BLOCK", "blocked"]),
    deed("tempfail", "denied", (2, "Denied"), (14, "Delayed"), ["Blocked", "BLOCK", "blocked"]),
    deed("rejected", "denied", (2, "Denied"), (2, "Blocked"), ["Blocked", "BLOCK", "blocked"]),
];

/// The names of an action; mail was let through where it is none that holds mail.
pub(super) fn named(action: &str) -> &'static Deed {
    DEEDS.iter().find(|deed| deed.action == action).unwrap_or(&LOGGED)
}
