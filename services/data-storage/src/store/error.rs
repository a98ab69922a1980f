//! Whose fault it is when PostgreSQL does not do what it is asked.

use std::{fmt, time::Duration};

use service_common::database::is_passing;
use uuid::Uuid;

/// Why PostgreSQL did not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It is away, starting, stopping, full: it ends by itself, and the same may be asked again.
    #[error("PostgreSQL is away")]
    Away(#[source] sqlx::Error),
    /// It did not answer in time; whether it has done it is not known.
    #[error("PostgreSQL does not answer within {} s", .0.as_secs())]
    Silent(Duration),
    /// It will never take these values.
    #[error("PostgreSQL refuses the content")]
    Content(#[source] sqlx::Error),
    /// These ids are other events'.
    #[error("the id is another event's: {}", DisplayIds(.0))]
    Conflict(Vec<Uuid>),
    /// Something is wrong with the database or with this program: a missing right, a missing function.
    #[error("PostgreSQL fails")]
    Broken(#[source] sqlx::Error),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            passing if is_passing(passing) => Self::Away(error),
            sqlx::Error::Encode(_) => Self::Content(error),
            sqlx::Error::Database(database) if database.code().is_some_and(|code| is_of_content(&code)) => {
                Self::Content(error)
            }
            _ => Self::Broken(error),
        }
    }
}

impl StoreError {
    /// A row whose partition is not there violates a check that has no name. The message says it better, but in the
    /// language of the server.
    pub(super) fn lacks_partition(&self) -> bool {
        let Self::Content(error) = self else { return false };
        let Some(error) = error.as_database_error() else { return false };
        error.code().as_deref() == Some("23514") && error.constraint().is_none()
    }
}

/// The first few of them: there may be thousands.
struct DisplayIds<'a>(&'a [Uuid]);

impl fmt::Display for DisplayIds<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: Vec<_> = self.0.iter().take(5).map(Uuid::to_string).collect();
        f.write_str(&shown.join(", "))?;
        if self.0.len() > shown.len() { write!(f, " and {} more", self.0.len() - shown.len()) } else { Ok(()) }
    }
}

/// SQLSTATE classes of what is asked, not of who is asked: cardinality (21), data (22), constraints (23), limits of a row
/// or an index (54).
fn is_of_content(code: &str) -> bool {
    ["21", "22", "23", "54"].iter().any(|class| code.starts_with(class))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_at_fault() {
        for code in ["22P05", "23514", "21000", "54000"] {
            assert!(is_of_content(code), "{code}");
        }
        for code in ["08006", "42501", "40P01", "53100", "XX000"] {
            assert!(!is_of_content(code), "{code}");
        }
        assert!(matches!(StoreError::from(sqlx::Error::PoolTimedOut), StoreError::Away(_)));
        assert!(matches!(StoreError::from(sqlx::Error::RowNotFound), StoreError::Broken(_)));
    }
}
