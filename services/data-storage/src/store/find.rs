//! Reading: a page of events, and how many there are in all.

use sqlx::{Postgres, QueryBuilder};

use super::{READ_TIMEOUT, Store, StoreError, rows::columns, within};
use crate::{event::Event, query::Query};

/// Up to so many events the total is exact. Counting a million rows takes longer than reading any page of them, and
/// nobody pages through a million: they narrow the question.
pub const EXACT_TOTAL: i64 = 10_000;

/// A page of events, newest first.
#[derive(Debug)]
pub struct Page {
    /// The events on it.
    pub events: Vec<Event>,
    /// Events in all.
    pub total: i64,
    /// There are at least so many, and they were not counted further.
    pub total_is_lower_bound: bool,
    /// There are events after this page.
    pub has_more: bool,
}

impl Store {
    /// The events that a query asks for, newest first, and how many there are in all.
    ///
    /// # Errors
    /// When PostgreSQL is away or refuses.
    pub async fn find(&self, query: &Query) -> Result<Page, StoreError> {
        within(READ_TIMEOUT, async { Ok(self.page(query).await?) }).await
    }

    async fn page(&self, query: &Query) -> sqlx::Result<Page> {
        let mut select = QueryBuilder::new(concat!("SELECT ", columns!(), " FROM audit_events"));
        conditions(&mut select, query);
        select.push(" ORDER BY event_timestamp DESC, event_id DESC LIMIT ").push_bind(query.limit + 1);
        select.push(" OFFSET ").push_bind(query.offset);
        let mut events: Vec<Event> = select.build_query_as().fetch_all(&self.pool).await?;

        let on_page = i64::try_from(events.len()).unwrap_or(i64::MAX);
        if on_page <= query.limit && (on_page > 0 || query.offset == 0) {
            // The last page tells the total by itself.
            let total = query.offset + on_page;
            return Ok(Page { events, total, total_is_lower_bound: false, has_more: false });
        }
        let has_more = on_page > query.limit;
        events.truncate(usize::try_from(query.limit).unwrap_or(usize::MAX));

        let enough = EXACT_TOTAL.max(query.offset + query.limit) + 1;
        let mut count = QueryBuilder::new("SELECT count(*) FROM (SELECT FROM audit_events");
        conditions(&mut count, query);
        count.push(" LIMIT ").push_bind(enough).push(") AS found");
        let counted: i64 = count.build_query_scalar().fetch_one(&self.pool).await?;
        // Events may have come between the two statements, on either side.
        let seen = if has_more { query.offset + on_page } else { 0 };
        Ok(Page { events, total: counted.min(enough - 1).max(seen), total_is_lower_bound: counted >= enough, has_more })
    }
}

fn conditions(builder: &mut QueryBuilder<Postgres>, query: &Query) {
    builder.push(" WHERE true");
    for (column, value) in &query.equal {
        builder.push(" AND ").push(*column).push(" = ").push_bind(value.clone());
    }
    if let Some(since) = query.since {
        builder.push(" AND event_timestamp >= ").push_bind(since);
        builder.push(" AND event_date >= ").push_bind(since.date_naive());
    }
    if let Some(until) = query.until {
        builder.push(" AND event_timestamp < ").push_bind(until);
        builder.push(" AND event_date <= ").push_bind(until.date_naive());
    }
}
