//! The table.

mod capacity;
mod disk;
mod engines;
mod existing;
mod labels;
mod leases;
pub(crate) mod names;
mod networks;
mod ours;
mod owners;
mod records;
mod reports;
mod symlinks;
mod users;

use crate::Situation;

/// Every row.
pub(crate) fn all() -> Vec<Situation> {
    let tables = [
        labels::table,
        leases::table,
        records::table,
        networks::table,
        symlinks::table,
        names::table,
        reports::table,
        owners::table,
        capacity::table,
        disk::table,
        users::table,
        engines::table,
        existing::table,
    ];
    tables.into_iter().flat_map(|table| table()).collect()
}
